// How each quantity of a trend is drawn and said. Pure; builds on how the other pages show it.
import { duration, durationSaid, energyUnit, NONE, number, rounded, settings } from "../format.js";
import { METRICS } from "../judge.js";
import { words } from "../words.js";
import { isNone } from "./series.js";

const MINUTES = { digits: 0, unit: "", shown: (s) => s / 60, scale: "minutes" };
const COUNT = { digits: 0, unit: "", scale: "zero" };
const SCORE = { digits: 2, unit: "", shown: (of100) => of100 / 100, scale: "of1" };
const toEnergy = (kcal) => (settings.units.energy === "kj" ? kcal * 4.184 : kcal);
const ENERGY = { digits: 0, unit: energyUnit, shown: toEnergy, scale: "zero" };
/** Where a scale begins: where the data lives unless it is said here. */
const SCALES = {
  recovery_score_percent: "recovery", sleep_performance_percent: "percent", sleep_efficiency_percent: "percent",
  sleep_consistency_percent: "percent", strain: "strain", disturbance_count: "zero", sleep_cycle_count: "zero", cycle_steps_count: "zero",
};
const MORE = {
  in_bed_s: MINUTES, cycle_energy_kcal: ENERGY, cycle_average_heart_rate_bpm: { digits: 0, unit: "bpm" },
  cycle_max_heart_rate_bpm: { digits: 0, unit: "bpm" }, steps_count: COUNT, heart_rate_resting_bpm: { digits: 0, unit: "bpm" },
  hrv_sdnn_ms: { digits: 0, unit: "ms" }, total_energy_burned_kcal: ENERGY, active_energy_burned_kcal: ENERGY, weight_kg: { digits: 1, unit: "kg" },
  sahha_readiness_score: SCORE, sahha_sleep_score: SCORE, sahha_activity_score: SCORE, sahha_wellbeing_score: SCORE,
  sahha_mental_wellbeing_score: SCORE,
};
/** Of an open day these are not final, and not in a trend. */
export const RUNNING = new Set(["strain", "cycle_energy_kcal", "cycle_steps_count", "cycle_average_heart_rate_bpm", "cycle_max_heart_rate_bpm"]);
/** On the pills; all others are in the list behind them. */
export const FIRST = [
  "hrv_rmssd_ms", "recovery_score_percent", "asleep_s", "resting_heart_rate_bpm", "sleep_respiratory_rate_per_min", "strain",
  "cycle_energy_kcal", "cycle_steps_count",
];
export const OTHERS = [
  "sleep_performance_percent", "sleep_spo2_percent", "skin_temperature_c", "sleep_efficiency_percent", "sleep_consistency_percent",
  "sleep_need_s", "in_bed_s", "slow_wave_s", "rem_s", "light_s", "awake_s", "disturbance_count", "sleep_cycle_count",
  "cycle_average_heart_rate_bpm", "cycle_max_heart_rate_bpm",
];
export const OF_SAHHA = [
  "sahha_sleep_score", "sahha_readiness_score", "sahha_activity_score", "sahha_wellbeing_score", "sahha_mental_wellbeing_score",
  "steps_count", "heart_rate_resting_bpm", "hrv_sdnn_ms", "total_energy_burned_kcal", "active_energy_burned_kcal", "weight_kg",
];
export const ALL = [...FIRST, ...OTHERS, ...OF_SAHHA];

/** `{digits, unit, scale, isTime, shown}` of a metric. */
export function about(metric) {
  const base = MORE[metric] ?? METRICS[metric] ?? { digits: 1, unit: "" };
  const isTime = metric.endsWith("_s");
  const made = isTime ? { ...base, ...MINUTES } : base;
  return {
    digits: made.digits, isTime, unit: typeof made.unit === "function" ? made.unit() : made.unit, shown: made.shown,
    scale: SCALES[metric] ?? made.scale ?? "data",
  };
}

/** The value as it stands on the screen; times are in minutes. Null for none. */
export function shown(metric, value) {
  if (isNone(value)) return null;
  const { digits, shown: turn } = about(metric);
  return rounded(turn ? turn(value) : value, digits);
}

/** A shown value as text, without its unit. */
export function text(metric, at) {
  if (isNone(at)) return NONE;
  const { digits, isTime } = about(metric);
  return isTime ? duration(at * 60) : number(at, digits);
}
export const range = (metric, low, high) => (isNone(low) || isNone(high) ? NONE : `${text(metric, low)}–${text(metric, high)}`);

/** With its unit: "65 ms", "7 h 08". */
export function full(metric, at) {
  const { unit } = about(metric);
  return isNone(at) || !unit ? text(metric, at) : `${text(metric, at)} ${unit}`;
}

/** For a screen reader. */
export const said = (metric, at) => (about(metric).isTime ? durationSaid(at * 60) : full(metric, at));

/** At the axis: short. */
export function tick(metric, at) {
  const { isTime, unit } = about(metric);
  if (isTime) return at === 0 ? "0" : at % 60 === 0 ? words.trends.hours(at / 60) : words.trends.minutes(at);
  const decimals = Number.isInteger(at) ? 0 : String(at).split(".")[1].length;
  return `${number(at, decimals)}${unit === "%" ? "%" : ""}`;
}

/** "above", "within" or "below" by the numbers on the screen; null where there is nothing to judge. */
export function judge(metric, { value, usual_low: low, usual_high: high }) {
  const [at, from, until] = [value, low, high].map((one) => shown(metric, one));
  if (at === null || from === null || until === null) return null;
  return at > until ? "above" : at < from ? "below" : "within";
}

export const label = (metric) => words.trends.metrics[metric]?.short ?? metric;
export const title = (metric) => words.trends.metrics[metric]?.title ?? label(metric);
/** What kind of number it is, beside its title: "RMSSD", "0–21". */
export const kind = (metric) => words.trends.metrics[metric]?.kind ?? "";
