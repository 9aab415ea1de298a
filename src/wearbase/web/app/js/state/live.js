// What the server says by itself, and asking a source now.
import { api } from "../api.js";
import { computed, signal } from "../html.js";
import { judgeScored } from "./spoken.js";
import { sourceList } from "../parts/source.js";
import { changed, entryOf, gone, historyMoved, load, newestAnswer, refresh, today } from "./days.js";
import { isOnline, learn, userId } from "./session.js";

const SILENT_MS = 35_000; // two heartbeats of the server and a little
const LOOK_EVERY_MS = 5_000;
const UNTOLD_MS = 60_000; // so long a page may be without its stream before it says so
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

/** Whether the server has told nothing for a while, though this phone has a connection and the page is looked at. */
export const isDeaf = signal(false);

let stream = null;
let heardAt = Date.now();
let openedAt = 0;
let wait = 1_000;
let retry;

export function say(text) { spoken.value = text; }
let toasts = 0;
export function show(text) { toast.value = { text, id: ++toasts }; }

/** Listens for as long as somebody is signed in. */
export function listenToServer() {
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else wake(); });
  addEventListener("online", () => wake({ isOtherNetwork: true }));
  userId.subscribe((user) => { heardAt = Date.now(); if (user) open(user); else close(); });
  setInterval(look, LOOK_EVERY_MS);
}

function wake({ isOtherNetwork = false } = {}) {
  if (!userId.value) return;
  if (isOtherNetwork || !stream || Date.now() - heardAt > SILENT_MS) {
    heardAt = Date.now(); // while nobody looked there was nothing to hear
    open(userId.value);
    readAgain();
  }
}

/** A connection may die without a word: what is silent for two heartbeats is opened again. */
function look() {
  const isWanted = Boolean(userId.value) && !document.hidden && isOnline.value;
  const silent = Date.now() - heardAt;
  isDeaf.value = isWanted && silent > UNTOLD_MS;
  if (isWanted && stream && Math.min(silent, Date.now() - openedAt) > SILENT_MS) open(userId.value, { isAgain: true });
}

function close() {
  clearTimeout(retry);
  stream?.close();
  stream = null;
}

function open(user, { isAgain = false } = {}) {
  close();
  if (document.hidden || !("EventSource" in globalThis)) return; // a browser has six connections for all tabs: one that nobody looks at takes none
  openedAt = Date.now();
  stream = new EventSource(api.streamPath(user));
  const heard = () => {
    heardAt = Date.now();
    isDeaf.value = false;
  };
  stream.onopen = () => {
    heard();
    wait = 1_000;
    if (isAgain) readAgain();
    isAgain = true;
  };
  const hear = (name, act) => stream.addEventListener(name, (event) => {
    heard();
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
      if (stream === mine && userId.value) open(userId.value, { isAgain: true });
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
  if (source && source.state !== event.state && !(source.connected && ["connected", "active", "ok"].includes(event.state))) readAgain();
}

const ALL = "all";
const pending = new Set();
let settle = null;
let settledAt = 0;
let toldAt = 0;
/** Several changes of one visit of the source arrive together, and a history in hundreds: one reading for all, at most every 1.5 s. */
function dayChanged({ day }) {
  if (day === null) return void gone();
  toldAt = performance.now();
  pending.add(day ?? today.value);
  settle ??= setTimeout(async () => {
    settle = null;
    settledAt = Date.now();
    const since = toldAt;
    const days = [...pending].filter(Boolean);
    pending.clear();
    const before = entryOf(null)?.answer;
    if (days.includes(ALL)) void refresh();
    days.filter((one) => one !== ALL).forEach((one) => changed(one, since));
    if (days.includes(ALL) || days.includes(today.value)) say(judgeScored(before, (await load(null))?.answer));
  }, Math.max(150, settledAt + 1_500 - Date.now()));
}
/** What is shown may be old: it is read again, together with what the stream tells as it begins. */
const readAgain = () => dayChanged({ day: ALL });

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
