// Runs before the modules are there: asks what they will ask first, so that the network and the parsing go on side by side.
{
  const LONGEST_MS = 10_000;
  const begun = new Map();
  globalThis.$early = begun;
  const ask = (path) => {
    const answer = fetch(path, { credentials: "same-origin", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(LONGEST_MS) });
    answer.catch(() => {}); // whoever takes it is told; if nobody does, nothing was lost
    begun.set(path, answer);
    return answer;
  };
  const askDay = (user) => ask(`/api/v1/app/${encodeURIComponent(user)}/day`);
  const known = () => {
    try {
      return localStorage.getItem("user");
    } catch {
      return null;
    }
  };
  if (!/^\/app\/(sign-in|about)\b/.test(location.pathname)) {
    const user = known();
    const session = ask("/app/session");
    if (user) askDay(user);
    else session.then((answer) => answer.ok && answer.clone().json()).then((found) => { if (found?.user_id && begun.has("/app/session")) askDay(found.user_id); }).catch(() => {});
  }
}
