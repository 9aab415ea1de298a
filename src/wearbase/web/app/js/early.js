// Runs before the first paint: the chosen theme, so that it does not flash in after the system's; and today as this phone kept it,
// which is asked for while the modules are still read.
{
  const kept = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // no storage: the system's theme, and nothing kept
    }
  };
  const theme = kept("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;

  if (kept("user") && globalThis.indexedDB && !/^\/app\/(sign-in|about)\b/.test(location.pathname)) {
    const now = new Date();
    const date = new Date(now - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
    const entry = new Promise((resolve) => {
      const asked = indexedDB.open("wearbase"); // in the version that it has
      asked.onupgradeneeded = () => asked.transaction.abort(); // it has none: state/kept.js makes it
      asked.onerror = () => resolve(null);
      asked.onsuccess = () => {
        const base = asked.result;
        const done = (found) => { base.close(); resolve(found ?? null); };
        try {
          const read = base.transaction("days").objectStore("days").get(date);
          read.onsuccess = () => done(read.result);
          read.onerror = () => done(null);
        } catch {
          done(null); // of another version of the app
        }
      };
    });
    globalThis.$kept = { date, entry };
  }
  // The first date that is written costs a slow phone a quarter of a second: here it passes while the modules are on their way.
  new Intl.DateTimeFormat(navigator.language || "en-GB", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" }).format(0);
  new Intl.NumberFormat(navigator.language || "en-GB").format(0);
}
