// A trend's answer made ready to draw: the days in view, shown values, averages, usual range, what is open. Pure.
import { about, judge, RUNNING, shown } from "./metrics.js";
import { averages, isNone, median, newest } from "./series.js";

/** Longer ranges show the 7-day average as the line. */
export const LONG = 31;

/** `{metric, days, values, line, lows, highs, isLong, newest, openAt, counted, changes, …}` of the last `count` days of an answer. */
export function prepared(answer, count, today) {
  const { metric } = answer;
  const from = Math.max(0, answer.series.length - count);
  const every = answer.series.map((point) => shown(metric, point.value));
  const points = answer.series.slice(from);
  const values = every.slice(from);
  const isLong = count > LONG;
  const days = points.map(({ day }) => day);
  return {
    metric, points, days, values, isLong,
    line: isLong ? averages(every).slice(from) : values,
    lows: points.map((point) => shown(metric, point.usual_low)),
    highs: points.map((point) => shown(metric, point.usual_high)),
    newest: newest(values),
    openAt: isNone(values.at(-1)) && days.at(-1) === today ? days.length - 1 : -1,
    counted: values.filter((value) => !isNone(value)).length,
    median: median(values),
    changes: answer.source_changes.filter(({ day }) => day >= days[0]).map((change) => ({ ...change, index: days.indexOf(change.day) })),
  };
}

/** Days without a value that are over: what is hatched. The open day is not missing yet. */
export const missing = ({ values, openAt }) => values.map((value, index) => (isNone(value) && index !== openAt ? null : 0));

/** What is said of one day: "above", "within", "below", "value" (no usual range), "open", "wait" or "none". */
export function standing(trend, index) {
  const point = trend.points[index];
  if (!isNone(point.value)) return judge(trend.metric, point) ?? "value";
  if (index !== trend.openAt) return "none";
  return RUNNING.has(trend.metric) ? "open" : "wait";
}

/** All numbers that the axis has to hold. */
export const spread = ({ values, line, lows, highs }) => [...values, ...line, ...lows, ...highs].filter((value) => !isNone(value));

export const digitsOf = (trend) => about(trend.metric).digits;
