// The only fetch. A failure is always a Problem; a 401 ends the session, and a 403 asks whose it is.
export class Problem extends Error {
  constructor(code, message, { status = 0, requestId = "", details = null, retryAfter = null } = {}) {
    super(message);
    Object.assign(this, { code, status, requestId, details, retryAfter, at: Date.now() });
  }
  get isOffline() { return this.code === "offline"; }
}

const LONGEST_MS = 10_000;
let onSignedOut = () => {};
let onRefused = () => {};

/** What happens when the server says that nobody is signed in, or that this is not for who is. */
export function listen({ signedOut, refused }) {
  onSignedOut = signedOut;
  onRefused = refused;
}

/** The parsed answer. `quiet` leaves a 401 to the caller. Throws Problem. */
export async function call(path, { method = "GET", body, quiet = false, longest = LONGEST_MS, headers = {} } = {}) {
  const given = { method, credentials: "same-origin", headers: { Accept: "application/json", ...headers }, signal: AbortSignal.timeout(longest) };
  if (method !== "GET") given.headers["X-Wearbase"] = "app";
  if (body !== undefined) {
    given.headers["Content-Type"] = "application/json";
    given.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, given);
  } catch (error) {
    throw new Problem(error.name === "TimeoutError" ? "timeout" : "offline", String(error.message));
  }
  if (answer.ok) return answer.status === 204 ? null : await parsed(answer);
  const problem = await asProblem(answer);
  if (answer.status === 401 && !quiet) onSignedOut(problem);
  if (answer.status === 403 && !quiet) onRefused();
  throw problem;
}

/** A file as `{blob, name}`, all of it. Throws Problem. */
export async function download(path) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin" });
    if (answer.ok) return { blob: await answer.blob(), name: /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "wearbase.zip" };
  } catch (error) {
    throw new Problem("offline", String(error.message));
  }
  throw await asProblem(answer);
}

async function parsed(answer) {
  try {
    return await answer.json();
  } catch {
    throw new Problem("broken_answer", "The answer was not JSON.", { status: answer.status, requestId: answer.headers.get("X-Request-Id") ?? "" });
  }
}

async function asProblem(answer) {
  let error = {};
  try {
    error = (await answer.json()).error ?? {};
  } catch {
    // A proxy's own page: the status has to do.
  }
  const requestId = error.request_id ?? answer.headers.get("X-Request-Id") ?? "";
  const retryAfter = Number(answer.headers.get("Retry-After")) || null;
  return new Problem(error.code ?? `http_${answer.status}`, error.message ?? "", { status: answer.status, requestId, details: error.details ?? null, retryAfter });
}

const seg = encodeURIComponent;

export const api = {
  /** Everything that the app begins with. The page asks for it ahead (index.html), so nothing of the request may be changed here. */
  opening: () => call("/app/opening", { quiet: true, longest: 5_000 }),
  session: () => call("/app/session", { quiet: true, longest: 5_000 }),
  signOut: (everywhere) => call("/app/session", { method: "DELETE", body: { everywhere } }),
  day: (user, date) => call(`/api/v1/app/${seg(user)}/day${date ? `?date=${date}` : ""}`),
  month: (user, month) => call(`/api/v1/app/${seg(user)}/month?month=${month}`),
  workouts: (user, weekBegins, before) => call(`/api/v1/app/${seg(user)}/workouts?limit=20&week_begins=${weekBegins}${before ? `&before=${seg(before)}` : ""}`),
  days: (provider, user, start, end) => call(`/api/v1/${provider}/days/${seg(user)}?start=${start}&end=${end}`),
  preferences: (user) => call(`/api/v1/users/${seg(user)}/preferences`),
  setPreferences: (user, body) => call(`/api/v1/users/${seg(user)}/preferences`, { method: "PUT", body }),
  sources: (user) => call(`/api/v1/health/sources/${seg(user)}`),
  sync: (provider, user, body) => call(`/api/v1/${provider}/sync/${seg(user)}?wait=false`, { method: "POST", body: body ?? {} }),
  connect: (provider, user) =>
    call(`/api/v1/${provider}/connect/${seg(user)}?redirect_url=${seg(`${location.origin}/app/sources`)}`, { method: "POST" }),
  trend: (user, metric, start, end) => call(`/api/v1/trends/${seg(user)}?metric=${seg(metric)}&start=${start}&end=${end}`),
  syncStatus: (provider, user) => call(`/api/v1/${provider}/sync-status/${seg(user)}`),
  disconnect: (provider, user, data) => call(`/api/v1/${provider}/connect/${seg(user)}?data=${data}`, { method: "DELETE" }),
  erase: (user) => call(`/api/v1/users/${seg(user)}`, { method: "DELETE", body: { confirm: user }, longest: 30_000 }),
  exportPath: (user) => `/api/v1/users/${seg(user)}/export`,
  peek: (link) => call("/app/session/peek", { method: "POST", body: { link }, quiet: true }),
  open: (link) => call("/app/session", { method: "POST", body: { link }, quiet: true }),
  streamPath: (user) => `/api/v1/stream/${seg(user)}`,
};
