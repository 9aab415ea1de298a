// The days and months that are loaded: from the server, else from this phone. Nothing here invents a value.
import { api } from "../api.js";
import { daysBetween, localDay, phoneOffset } from "../format.js";
import { computed, effect, signal } from "../html.js";
import { sourceList } from "../parts/source.js";
import { isEmpty } from "../reading.js";
import { forgetDays, keep, kept, keptDates, newest } from "./kept.js";
import { chosenDay } from "./router.js";
import { isOnline, now, openingDay, skew, told, userId } from "./session.js";

const TODAY = "today";
const LONGEST_WAIT_MS = 3_000;

/** Whether the month sheet is open. */
export const isChoosing = signal(false);
/** Entries by day (and one for today): `{answer, at, isKept, isLoading, problem, isStandIn}`. */
const loaded = signal(new Map());
const months = signal(new Map());
/** The member's own today, once an answer has told it. */
export const today = signal(null);
export const storedDates = signal([]);

/** The shown day as the address has it, or null for today. */
export const asked = computed(() => (chosenDay.value === today.value ? null : chosenDay.value));
export const entryOf = (day) => loaded.value.get(day ?? TODAY) ?? null;
/** Today is empty because access has ended: the newest stored day stands in, under its own date. */
export const standInDay = computed(() => {
  const answer = asked.value ? null : entryOf(null)?.answer;
  const isEnded = sourceList(answer).some((source) => source.state === "needs_reauthorization");
  return isEnded && isEmpty(answer.day) ? answer.previous_day_with_data : null;
});
export const shown = computed(() => {
  const stand = standInDay.value && entryOf(standInDay.value);
  return stand?.answer ? stand : entryOf(asked.value);
});
/** Until an answer tells the member's own today, this phone's date stands for it. */
export const shownDay = computed(() => shown.value?.answer?.date ?? asked.value ?? today.value ?? localDay(now.value, phoneOffset(now.value)));
/** What the newest answer about today says of the sources, on every page. */
export const newestAnswer = computed(() => entryOf(null)?.answer ?? shown.value?.answer ?? null);

function put(day, change) {
  const next = new Map(loaded.value);
  next.set(day ?? TODAY, { ...next.get(day ?? TODAY), ...change });
  loaded.value = next;
}

const running = new Map();

/**
 * Loads a day (null: today) unless it is being loaded. What is kept on the phone shows at once. Resolves with its entry.
 * `since`: a reading that began before then may have missed what happened, and is followed by another.
 */
export function load(day, { again = false, since = 0 } = {}) {
  const key = day ?? TODAY;
  const entry = loaded.value.get(key);
  const before = running.get(key);
  if (before) return before.at >= since ? before.work : before.work.then(() => load(day, { again, since }));
  if (entry?.answer && !entry.isKept && !again) return Promise.resolve(entry);
  const work = read(day).finally(() => running.delete(key));
  running.set(key, { work, at: performance.now() });
  return work;
}

const SKELETON_AFTER_MS = 150;
/** Begins to load the day of the address. Resolves once there is something to draw, or after a moment without it. */
export function begin() {
  void load(asked.value);
  return new Promise((resolve) => {
    setTimeout(resolve, SKELETON_AFTER_MS);
    effect(() => { if (shown.value?.answer || shown.value?.problem) resolve(); });
  });
}

async function read(day) {
  const user = userId.value;
  put(day, { isLoading: true, problem: null });
  const isFirst = !entryOf(day)?.answer;
  const early = isFirst ? showKept(day, user) : Promise.resolve();
  const slow = setTimeout(() => { if (isFirst) void standIn(day, user); }, LONGEST_WAIT_MS);
  try {
    const answer = (day === null && await openingDay(user)) || await api.day(user, day);
    if (user !== userId.value) return null;
    take(day, answer, user);
  } catch (problem) {
    await early;
    if (!entryOf(day)?.answer && problem.status !== 401) await standIn(day, user);
    put(day, { isLoading: false, problem });
  } finally {
    clearTimeout(slow);
  }
  return entryOf(day);
}

function take(day, answer, user) {
  told(answer.server_time);
  const at = Date.parse(answer.server_time) || Date.now() - skew.value;
  const entry = { answer, at, isKept: false, isLoading: false, problem: null, isStandIn: false };
  today.value = answer.today;
  put(day, entry);
  if (day === null) put(answer.date, entry);
  else if (answer.date === answer.today) put(null, entry);
  void keep(user, answer, at).then(async () => { storedDates.value = await keptDates(user); });
}

/** The same day as it was kept, while the network answers. */
async function showKept(day, user) {
  const found = await kept(user, day ?? localDay(now.value, phoneOffset(now.value)));
  const entry = entryOf(day);
  if (found && entry?.isLoading && !entry.answer) put(day, { answer: found.answer, at: found.at, isKept: true });
}

/** No answer and no copy of the day: for today the newest kept day, under its own date. */
async function standIn(day, user) {
  storedDates.value = await keptDates(user);
  const entry = entryOf(day);
  if (day !== null || entry?.answer) return;
  const found = await newest(user);
  if (found && !entryOf(day)?.answer) put(day, { answer: found.answer, at: found.at, isKept: true, isStandIn: true });
}

/** Loads again what is on the screen, and today. */
export async function refresh() {
  const days = new Set([asked.value, standInDay.value, null]);
  return (await Promise.all([...days].map((day) => load(day, { again: true })))).at(-1);
}

/** Days have gone on the server (erased, or kept no longer): nothing of them stays here. What is shown is read again. */
export async function gone() {
  const shownNow = new Set([TODAY, today.value, asked.value]);
  loaded.value = new Map([...loaded.value].filter(([key]) => shownNow.has(key)));
  for (const month of months.value.keys()) putMonth(month, { days: undefined, isOld: true });
  await forgetDays();
  storedDates.value = [];
  return refresh();
}

/** A day had changed on the server by `since`: read it again if it is loaded, and forget the month that shows it. */
export function changed(day, since) {
  const wanted = [...loaded.value.keys()].filter((key) => key === TODAY || key === day || key === asked.value)
    .map((key) => (key === today.value && loaded.value.has(TODAY) ? TODAY : key)); // today is loaded under both its names
  forgetMonth(day.slice(0, 7));
  for (const key of new Set(wanted)) if (key !== TODAY || isNear(day)) void load(key === TODAY ? null : key, { again: true, since });
}
const isNear = (day) => !today.value || Math.abs(daysBetween(day, today.value)) <= 14;

/** Real counts of the history while it is being read. */
export function historyMoved(change) {
  const entry = entryOf(null);
  if (!entry?.answer?.history) return;
  const history = { ...entry.answer.history };
  for (const [name, value] of Object.entries(change)) if (value !== null && value !== undefined) history[name] = value;
  put(null, { answer: { ...entry.answer, history } });
}

// ---- months ----

export const monthOf = (month) => months.value.get(month) ?? null;
export function forgetMonth(month) {
  if (!months.value.has(month)) return;
  putMonth(month, { isOld: true });
}
function putMonth(month, change) {
  const next = new Map(months.value);
  next.set(month, { ...next.get(month), ...change });
  months.value = next;
}

/** Loads a month's recoveries unless they are there. Offline: of the days on this phone. */
export async function loadMonth(month) {
  const entry = monthOf(month);
  if (entry?.isLoading || (entry?.days && !entry.isOld && !entry.isKept)) return;
  putMonth(month, { isLoading: true, problem: null });
  try {
    const answer = await api.month(userId.value, month);
    putMonth(month, { days: answer.days, isLoading: false, isOld: false, isKept: false });
  } catch (problem) {
    putMonth(month, { days: entry?.days ?? (await keptMonth(month)), isLoading: false, isKept: true, problem });
  }
}

async function keptMonth(month) {
  const dates = (await keptDates(userId.value)).filter((date) => date.startsWith(month));
  const found = await Promise.all(dates.map((date) => kept(userId.value, date)));
  return found.map(({ date, answer }) => ({ day: date, recovery: answer.day?.recovery?.score ?? null,
    state: answer.day?.recovery?.score == null ? "none" : "value" }));
}

/** Everything known of single days, from strips and months: day -> `{recovery, state}`. */
export const knownDays = computed(() => {
  const found = new Map();
  for (const { days } of months.value.values()) for (const day of days ?? []) found.set(day.day, day);
  const answers = [...loaded.value.values()].filter((entry) => entry.answer).sort((a, b) => a.at - b.at);
  for (const { answer } of answers) for (const day of answer.strip ?? []) found.set(day.day, day);
  return found;
});

/** Whether what is shown came from this phone because there is no connection. */
export const isOffline = computed(() => !isOnline.value || Boolean(shown.value?.problem?.isOffline));

/** Forgets everything in memory (someone else signed in, or nobody). */
export function forget() {
  loaded.value = new Map();
  months.value = new Map();
  today.value = null;
  storedDates.value = [];
}
