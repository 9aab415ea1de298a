// The sources as the server has them, and following one while it is read.
import { api } from "../api.js";
import { computed, effect, signal } from "../html.js";
import { lastSync } from "./live.js";
import { session, userId } from "./session.js";

/** `{answer, problem, isLoading}`. */
export const sources = signal({ answer: null, problem: null, isLoading: false });
effect(() => { if (session.value?.isOut) sources.value = { answer: null, problem: null, isLoading: false }; }); // another member's are never shown
const LONGEST_MS = 45_000;
const EVERY_MS = 1_200;

export async function loadSources() {
  sources.value = { ...sources.value, isLoading: true };
  try {
    sources.value = { answer: await api.sources(userId.value), problem: null, isLoading: false };
  } catch (problem) {
    sources.value = { ...sources.value, problem, isLoading: false };
  }
}

/** The sync under way that this page follows: `{provider, before}`, or null. */
export const followed = signal(null);
const callsOf = (source) => Object.values(source?.resources ?? {}).reduce((sum, one) => sum + (one.api_calls ?? 0), 0);

/** What of a source has been asked since: `{done, total, calls}`. Pure. */
export function progressOf(before, now) {
  const names = Object.keys(now?.resources ?? {});
  const isDone = (name) => {
    const { last_attempt_at: at, state } = now.resources[name];
    return state !== "running" && Boolean(at) && at !== before?.resources?.[name]?.last_attempt_at;
  };
  return { done: names.filter(isDone).length, total: names.length, calls: callsOf(now) - callsOf(before) };
}
export const progress = computed(() => {
  const { provider, before } = followed.value ?? {};
  return provider ? progressOf(before, sources.value.answer?.sources[provider]) : null;
});

/** Asks a source and follows until all of it was asked. Resolves with how many calls it took; null if that did not end in time. Throws Problem. */
export async function syncAndFollow(provider) {
  const before = sources.value.answer?.sources[provider];
  followed.value = { provider, before };
  try {
    await api.sync(provider, userId.value);
    const until = Date.now() + LONGEST_MS;
    while (Date.now() < until) {
      await somethingHappens();
      await loadSources();
      const { done, total, calls } = progress.value ?? {};
      if (total && done === total) return calls;
    }
    return null;
  } finally {
    followed.value = null;
  }
}

/** The next event about a sync, or a little while. */
function somethingHappens() {
  return new Promise((resolve) => {
    const seen = lastSync.value;
    const timer = setTimeout(end, EVERY_MS);
    const stop = lastSync.subscribe((event) => { if (event !== seen) end(); });
    function end() {
      clearTimeout(timer);
      setTimeout(() => stop?.());
      resolve();
    }
  });
}
