// Runs before the first paint, so that a chosen theme does not flash in after the system's.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // No storage: the system's theme stays.
}
