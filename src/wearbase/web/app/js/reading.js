// What a day's answer says, in states and sentences. Pure; words come from words.js.
import { addDays, clockRange, duration, number } from "./format.js";
import { judged, shown, usualText } from "./judge.js";
import { knownSources } from "./parts/source.js";
import { words } from "./words.js";

const w = words.today;

/** Whether nothing at all is stored of the day. */
export const isEmpty = (day) => !day || (!day.recovery && !day.sleep && !day.cycle && !(day.workouts?.length) && !(day.naps?.length));
/** Whether nothing was ever connected nor stored. */
export const isFirstVisit = (answer) => !knownSources(answer).length
  && !answer.first_day && !answer.history?.days_stored;
export const isToday = (answer) => answer.date === answer.today;

/** "scored", "calibrating", "pending", "unscorable", "waiting" (today, no night yet) or "none". */
export function recoveryState(answer) {
  const { recovery, sleep, sync } = answer.day ?? {};
  const state = recovery?.score_state ?? sleep?.score_state;
  if (recovery?.score !== null && recovery?.score !== undefined) return recovery.is_calibrating ? "calibrating" : "scored";
  if (state === "PENDING_SCORE") return "pending";
  if (state === "UNSCORABLE" || sync?.no_data_reason === "not_scorable") return "unscorable";
  return isToday(answer) && !recovery ? (sleep ? "pending" : "waiting") : "none";
}

/** "scored", "pending", "unscorable", "waiting" or "none" of anything with a `score_state` and that value. */
export function scoreState(part, value, isOpenDay) {
  if (value !== null && value !== undefined) return "scored";
  if (part?.score_state === "PENDING_SCORE") return "pending";
  if (part?.score_state === "UNSCORABLE") return "unscorable";
  return part === null && isOpenDay ? "waiting" : "none";
}

/** The hero's sentence: `{bold, rest}`. Only from the words of recovery, HRV, resting heart rate and sleep, in that order. */
export function morning(answer, { isKept = false, isServer = false } = {}) {
  const state = recoveryState(answer);
  const { sleep } = answer.day ?? {};
  if (state === "pending") {
    const range = sleep?.end_at ? clockRange(sleep.start_at, sleep.end_at, sleep.utc_offset_min) : "";
    return { bold: w.scoring(range), rest: w.scoringRest };
  }
  if (state === "waiting") return { bold: w.waiting, rest: w.waitingRest };
  if (state === "unscorable") return { bold: w.unscorable, rest: w.unscorableRest };
  if (state === "none") return { bold: `${w.noRecovery}.`, rest: w.noRecoveryRest };
  const usual = answer.usual?.recovery_score_percent;
  const word = judged("recovery_score_percent", answer.day.recovery.score, usual);
  if (!word) {
    const count = usual?.count ?? 0;
    return { bold: w.forming, rest: answer.history?.is_running ? w.formingCount(count) : w.formingSlow(count) };
  }
  const bold = w[word](usualText("recovery_score_percent", usual));
  if (isKept) return { bold, rest: isServer ? w.mayHaveChangedToday : w.mayHaveChanged };
  return { bold, rest: state === "calibrating" ? w.calibratingRest : partsSentence(answer) };
}

/** "HRV is above; resting heart rate and sleep are within." */
export function partsSentence({ day, usual }) {
  const parts = [
    ["hrv", judged("hrv_rmssd_ms", day.recovery?.hrv_rmssd_ms, usual?.hrv_rmssd_ms)],
    ["rhr", judged("resting_heart_rate_bpm", day.recovery?.resting_heart_rate_bpm, usual?.resting_heart_rate_bpm)],
    ["sleep", judged("sleep_performance_percent", day.sleep?.performance_percent, usual?.sleep_performance_percent)],
  ].filter(([, word]) => word);
  const groups = new Map();
  for (const [name, word] of parts) groups.set(word, [...(groups.get(word) ?? []), w.parts[name]]);
  const said = [...groups].map(([word, names]) => w.partsAre(listed(names), names.length > 1, word)).join("; ");
  return said && `${said[0].toUpperCase()}${said.slice(1)}.`;
}
const listed = (names) => (names.length < 2 ? names.join("") : w.listed(names.slice(0, -1).join(", "), names.at(-1)));

/** Whole minutes of sleep against need: `{asleep, need, short}`, `short` negative if over; null without both. */
export function againstNeed(sleep) {
  const need = sleep?.need_s?.total;
  if (need === null || need === undefined || sleep.asleep_s === null || sleep.asleep_s === undefined) return null;
  return { asleep: sleep.asleep_s, need, short: Math.round(need / 60) - Math.round(sleep.asleep_s / 60) };
}
export function needWords(found, { withNeed = true } = {}) {
  const time = duration(Math.abs(found.short) * 60);
  const need = duration(found.need);
  if (found.short === 0) return words.sleep.met;
  if (found.short > 0) return withNeed ? words.sleep.shortOf(time, need) : words.sleep.short(time);
  return withNeed ? words.sleep.overOf(time, need) : words.sleep.over(time);
}

/** The bars of one scale, in seconds: stages, shortfall, and how the need is made up. */
export function nightScale(sleep) {
  const { baseline = 0, debt = 0, strain = 0, total = 0 } = sleep.need_s ?? {};
  const before = Math.max(total ?? 0, (baseline ?? 0) + (debt ?? 0) + (strain ?? 0));
  return Math.max((sleep.asleep_s ?? 0) + (sleep.no_data_s ?? 0), before, 1);
}

/** The value of a metric on the day before the answer's, from what came along; null if unknown. */
export function dayBefore(answer, metric) {
  const before = addDays(answer.date, -1);
  return answer.recent?.[metric]?.find(([day]) => day === before)?.[1] ?? null;
}

/** "usual 55–71", or why there is none. */
export const usualWords = (metric, usual) => {
  const text = usualText(metric, usual);
  return text ? words.usual.range(text) : words.usual.forming;
};

/** Zones as `[{n, seconds, minutes}]` for all six, or null when none were recorded. */
export function zones(given) {
  if (!given) return null;
  const all = ["zero", "one", "two", "three", "four", "five"].map((name, n) => ({ n, seconds: given[name] ?? 0 }));
  if (!all.some((zone) => zone.seconds > 0)) return null;
  return all.map((zone) => ({ ...zone, minutes: Math.round(zone.seconds / 60) }));
}
export const zoneMinutes = (zone) => (zone.minutes === 0 && zone.seconds > 0 ? words.workouts.less : number(zone.minutes));

export const isGiven = (value) => value !== null && value !== undefined;
export { shown };
