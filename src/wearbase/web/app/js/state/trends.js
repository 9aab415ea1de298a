// Trends that are loaded, by metric and span. What is shown stays while newer is read.
import { api } from "../api.js";
import { addDays, localDay, phoneOffset } from "../format.js";
import { computed, signal } from "../html.js";
import { today as told } from "./days.js";
import { now, userId } from "./session.js";

/** So many days before the first shown one are needed for its 7-day average; weekdays always look at 90. */
const SHORT = 96;
/** The most that the server answers at once. */
const YEAR = 366;
export const spanOf = (count) => (count > 90 ? YEAR : SHORT);

const loaded = signal(new Map());
/** The member's today, as far as is known. */
export const lastDay = computed(() => told.value ?? localDay(now.value, phoneOffset(now.value)));

const keyOf = (metric, count) => `${userId.value} ${metric} ${spanOf(count)}`;
/** `{answer, at, problem, isLoading}` or null; for a short range a loaded year will do. */
export const trendOf = (metric, count) => loaded.value.get(keyOf(metric, count)) ?? null;

function put(key, change) {
  const next = new Map(loaded.value);
  next.set(key, { ...next.get(key), ...change });
  loaded.value = next;
}

/** Loads a trend unless it is there, up to the member's today; `again` in any case. */
export async function loadTrend(metric, count, { again = false } = {}) {
  const key = keyOf(metric, count);
  const end = lastDay.value;
  const entry = loaded.value.get(key);
  if (entry?.isLoading === end || (!again && entry?.answer?.end === end)) return;
  put(key, { isLoading: end, problem: null });
  try {
    const answer = await api.trend(userId.value, metric, addDays(end, 1 - spanOf(count)), end);
    if (loaded.value.get(key).isLoading === end) put(key, { answer, at: now.value, isLoading: false });
  } catch (problem) {
    put(key, { problem, isLoading: false });
  }
}
