// What the server says by itself, and asking a source now.
import { api } from "../api.js";
import { computed, signal } from "../html.js";
import { judgeScored } from "./spoken.js";
import { sourceList } from "../parts/source.js";
import { changed, entryOf, historyMoved, load, newestAnswer, refresh, today } from "./days.js";
import { isOnline, learn, userId } from "./session.js";

const QUIET_FOR_MS = 60_000;
const LONGEST_SYNC_MS = 45_000;

/** The last event of each kind, for pages that follow along: `{provider, …}`. */
export const lastConnection = signal(null);
export const lastSync = signal(null);
/** One sentence for screen readers, politely. */
export const spoken = signal("");
/** A short result on the screen for six seconds: `{text, id}`. */
export const toast = signal(null);
/** The sync that a person asked for: `{provider, startedAt, problem}`. */
export const asking = signal(null);
export const isSyncing = computed(() => Boolean(asking.value && !asking.value.problem));

let stream = null;
let heardAt = 0;
let wait = 1_000;
let retry;

export function say(text) { spoken.value = text; }
let toasts = 0;
export function show(text) { toast.value = { text, id: ++toasts }; }

/** Listens for as long as somebody is signed in. */
export function listenToServer() {
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else wake(); });
  addEventListener("online", wake);
  userId.subscribe((user) => { if (user) open(user); else close(); });
}

function wake() {
  if (!userId.value) return;
  if (!stream || Date.now() - heardAt > QUIET_FOR_MS) {
    open(userId.value);
    void refresh();
  }
}

function close() {
  clearTimeout(retry);
  stream?.close();
  stream = null;
}

function open(user) {
  close();
  if (document.hidden || !("EventSource" in globalThis)) return; // a browser has six connections for all tabs: one that nobody looks at takes none
  stream = new EventSource(api.streamPath(user));
  let isAgain = false;
  stream.onopen = () => {
    heardAt = Date.now();
    wait = 1_000;
    if (isAgain) void refresh();
    isAgain = true;
  };
  const hear = (name, act) => stream.addEventListener(name, (event) => {
    heardAt = Date.now();
    act(parsed(event.data));
  });
  hear("heartbeat", () => {});
  hear("day", dayChanged);
  hear("connection", connectionChanged);
  hear("sync", synced);
  stream.onerror = () => {
    if (stream?.readyState !== EventSource.CLOSED) return;
    clearTimeout(retry);
    const mine = stream;
    retry = setTimeout(async () => {
      if (!userId.value || !isOnline.value) return;
      await learn(); // refused for good: perhaps nobody is signed in any more, which ends here
      if (stream === mine && userId.value) open(userId.value);
    }, wait);
    wait = Math.min(wait * 2, 60_000);
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** A stream begins with how everything stands: only what differs from what is shown is news. */
function connectionChanged(event) {
  lastConnection.value = event;
  const source = sourceList(newestAnswer.value).find(({ name }) => name === event.provider);
  if (source && source.state !== event.state && !(source.connected && ["connected", "active", "ok"].includes(event.state))) void refresh();
}

const pending = new Set();
let settle = null;
let settledAt = 0;
/** Several changes of one visit of the source arrive together, and a history in hundreds: one reading for all, at most every 1.5 s. */
function dayChanged({ day }) {
  pending.add(day ?? today.value);
  settle ??= setTimeout(async () => {
    settle = null;
    settledAt = Date.now();
    const days = [...pending].filter(Boolean);
    pending.clear();
    const before = entryOf(null)?.answer;
    days.forEach(changed);
    if (days.includes(today.value)) say(judgeScored(before, (await load(null))?.answer));
  }, Math.max(150, settledAt + 1_500 - Date.now()));
}

function synced(event) {
  lastSync.value = event;
  historyMoved({ days_stored: event.days_stored, calls: event.calls });
  if (event.state !== "running" && asking.value?.provider === event.provider && !event.resource) void finish();
}

/** Asks a source now; what comes back arrives as events, else by looking again. */
export async function syncNow(provider, body) {
  if (isSyncing.value) return;
  const startedAt = Date.now();
  asking.value = { provider, startedAt, problem: null };
  const before = newestAnswer.value?.day?.last_sync ?? null;
  try {
    await api.sync(provider, userId.value, body);
    await untilSynced(before, startedAt);
    await finish();
  } catch (problem) {
    asking.value = { provider, startedAt, problem };
  }
}

async function untilSynced(before, startedAt) {
  for (let pause = 800; isSyncing.value && asking.value.startedAt === startedAt && Date.now() - startedAt < LONGEST_SYNC_MS; pause *= 1.5) {
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    if (!isSyncing.value) return;
    const answer = (await refresh())?.answer;
    const state = answer?.day?.sync?.state;
    if (answer?.day?.last_sync !== before && state !== "running") return;
  }
}

async function finish() {
  if (!asking.value) return;
  asking.value = null;
  await refresh();
}
