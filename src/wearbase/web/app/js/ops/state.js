// What the page knows: who is signed in, the newest figures and lists, and whether they are live.
import { call } from "../api.js";
import { signal } from "../html.js";

const QUIET_FOR_MS = 40_000;
const AGAIN_AFTER_MS = 3_000;

/** `undefined`: not known yet; `null`: signed out. */
export const session = signal(undefined);
/** Why nobody is signed in: "ended", "left", or nothing. */
export const why = signal(null);
export const summary = signal(null);
export const failing = signal(null);
export const isLive = signal(false);
export const isBroken = signal(false);
/** The server's time, by this page's clock. */
export const now = signal(Date.now());
export const toast = signal(null);

const HINT = "ops-open"; // somebody signed in with this browser; whether they still are, the server says
const hinted = {
  /** Where nothing can be kept, the server is always asked. */
  get: () => { try { return localStorage.getItem(HINT) !== null; } catch { return true; } },
  put: (is) => { try { if (is) localStorage.setItem(HINT, "yes"); else localStorage.removeItem(HINT); } catch { /* it is asked */ } },
};

let stream = null;
let again;
let heardAt = 0;
let openedAt = 0;
let skew = 0;
let forget;

export function show(text, isProblem = false) {
  clearTimeout(forget);
  toast.value = { text, isProblem };
  if (!isProblem) forget = setTimeout(() => { toast.value = null; }, 6_000);
}

export async function begin() {
  setInterval(tick, 1_000);
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else if (session.value) open(); });
  if (hinted.get()) await look();
  else session.value = null; // nobody need be told by an error that nobody is signed in
}

async function look() {
  try {
    entered(await call("/ops/session", { quiet: true }));
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) left(session.value ? "ended" : null);
    else again = setTimeout(look, AGAIN_AFTER_MS);
    isBroken.value = problem.status !== 401 && problem.status !== 403;
  }
}

/** Signs in. Throws Problem. */
export async function enter(key) {
  entered(await call("/ops/session", { method: "POST", body: { key }, quiet: true }));
}

export async function leave() {
  try {
    await call("/ops/session", { method: "DELETE", quiet: true });
  } catch (problem) {
    if (problem.status !== 401) return show(problem.message, true);
  }
  left("left");
}

function entered(who) {
  session.value = who;
  hinted.put(true);
  why.value = null;
  isBroken.value = false;
  skew = new Date(who.server_time).getTime() - Date.now();
  now.value = Date.now() + skew;
  open();
}

function left(reason) {
  close();
  hinted.put(false);
  why.value = reason;
  summary.value = failing.value = toast.value = null;
  session.value = null;
}

function close() {
  clearTimeout(again);
  stream?.close();
  stream = null;
  isLive.value = false;
}

function open() {
  close();
  openedAt = Date.now();
  stream = new EventSource("/api/v1/ops/stream");
  const take = (into) => (event) => {
    into.value = JSON.parse(event.data);
    heard();
  };
  stream.addEventListener("summary", take(summary));
  stream.addEventListener("failing", take(failing));
  stream.addEventListener("heartbeat", heard);
  stream.onerror = () => {
    isLive.value = false;
    if (stream?.readyState !== EventSource.CLOSED) return;
    close();
    again = setTimeout(look, AGAIN_AFTER_MS);  // signed out, or the server is away: this tells which
  };
}

function heard() {
  heardAt = Date.now();
  isLive.value = true;
  if (summary.value) skew = Math.max(skew, new Date(summary.value.at).getTime() - Date.now());
}

function tick() {
  now.value = Date.now() + skew;
  if (stream && Date.now() - Math.max(heardAt, openedAt) > QUIET_FOR_MS) open(); // a connection may die without a word
}

/** Tries again what is named; then reads the list. Answers what the server said. Throws Problem. */
export async function retry(body) {
  try {
    const told = await call("/api/v1/ops/retry", { method: "POST", body, quiet: true, longest: 60_000 });
    failing.value = await call("/api/v1/ops/failing", { quiet: true });
    return told;
  } catch (problem) {
    if (problem.status === 401) left("ended");
    throw problem;
  }
}

export async function ask(path) {
  try {
    return await call(path, { quiet: true });
  } catch (problem) {
    if (problem.status === 401) left("ended");
    throw problem;
  }
}
