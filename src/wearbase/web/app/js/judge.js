// Numbers as words: always of the rounded numbers that are on the screen, so that words never contradict figures. Pure.
import { energy, energyUnit, number, rounded, temperature, temperatureUnit } from "./format.js";

/** How each metric is shown: decimals, unit, and what turns the stored value into the shown one. Keys are the server's names. */
export const METRICS = {
  recovery_score_percent: { digits: 0, unit: "%" },
  sleep_performance_percent: { digits: 0, unit: "%" },
  sleep_efficiency_percent: { digits: 1, unit: "%" },
  sleep_consistency_percent: { digits: 0, unit: "%" },
  strain: { digits: 1, unit: "" },
  hrv_rmssd_ms: { digits: 0, unit: "ms" },
  resting_heart_rate_bpm: { digits: 0, unit: "bpm" },
  sleep_respiratory_rate_per_min: { digits: 1, unit: "/ min" },
  sleep_spo2_percent: { digits: 1, unit: "%" },
  skin_temperature_c: { digits: 1, unit: temperatureUnit, shown: temperature },
  disturbance_count: { digits: 0, unit: "" },
  sleep_cycle_count: { digits: 0, unit: "" },
  cycle_energy_kcal: { digits: 0, unit: energyUnit, shown: (kcal) => energy(kcal * 4.184) },
  cycle_steps_count: { digits: 0, unit: "" },
  // durations are judged in whole minutes
  asleep_s: { digits: 0, unit: "min", shown: (s) => s / 60 },
  slow_wave_s: { digits: 0, unit: "min", shown: (s) => s / 60 },
  rem_s: { digits: 0, unit: "min", shown: (s) => s / 60 },
  light_s: { digits: 0, unit: "min", shown: (s) => s / 60 },
  awake_s: { digits: 0, unit: "min", shown: (s) => s / 60 },
  sleep_need_s: { digits: 0, unit: "min", shown: (s) => s / 60 },
};

const isNone = (value) => value === null || value === undefined;

/** The value as it stands on the screen, as a number; null for null. */
export function shown(metric, value) {
  if (isNone(value)) return null;
  const { digits, shown: turn } = METRICS[metric];
  return rounded(turn ? turn(value) : value, digits);
}

export const figure = (metric, value) => number(shown(metric, value), METRICS[metric].digits);
export function unit(metric) {
  const { unit: said } = METRICS[metric];
  return typeof said === "function" ? said() : said;
}

/** The usual range as it stands on the screen, or null while it is forming. */
export function usualShown(metric, usual) {
  if (!usual || isNone(usual.low) || isNone(usual.high)) return null;
  return { low: shown(metric, usual.low), high: shown(metric, usual.high) };
}
/** "55–71" */
export const usualText = (metric, usual) => {
  const range = usualShown(metric, usual);
  return range && `${number(range.low, METRICS[metric].digits)}–${number(range.high, METRICS[metric].digits)}`;
};

/** "above", "within", "below", or null where there is nothing to judge. */
export function judged(metric, value, usual) {
  const at = shown(metric, value);
  const range = usualShown(metric, usual);
  if (at === null || range === null) return null;
  return at > range.high ? "above" : at < range.low ? "below" : "within";
}

/** The recovery band of a score: "high" 67–100, "mid" 34–66, "low" 0–33; null for none. */
export function band(score) {
  const at = rounded(score ?? null);
  return at === null ? null : at >= 67 ? "high" : at >= 34 ? "mid" : "low";
}
/** How many of three bars are full. */
export const bars = (score) => ({ high: 3, mid: 2, low: 1 })[band(score)] ?? 0;
