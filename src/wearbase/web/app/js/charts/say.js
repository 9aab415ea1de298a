// What a chart says in words: the read-out, the slider, the summaries.
import { longDay, shortDay } from "../format.js";
import { band } from "../judge.js";
import { words } from "../words.js";
import { full, label, range, said, title } from "./metrics.js";
import { standing } from "./trend.js";

/** The word of one day: "Within usual", for a recovery with its band before it. */
export function word(trend, index) {
  const at = standing(trend, index);
  const judged = words.judged[at] ?? words.trends.standing[at];
  const named = trend.metric === "recovery_score_percent" && words.bands[band(trend.values[index])];
  return named ? words.trends.banded(named, judged) : judged;
}

/** For the slider: "Tuesday 17 November, HRV 65 ms, within usual 55–71". */
export function daySaid(trend, index) {
  const at = standing(trend, index);
  const day = longDay(trend.days[index], trend.days.at(-1));
  const value = trend.values[index];
  if (value === null) return words.trends.noneSaid(day, label(trend.metric), words.trends.standing[at]);
  const usual = words.judged[at] ? range(trend.metric, trend.lows[index], trend.highs[index]) : "";
  return words.trends.daySaid(day, label(trend.metric), said(trend.metric, value), word(trend, index), usual);
}

/** One sentence about a whole chart. */
export function summary(trend) {
  const { metric, days, counted, newest } = trend;
  const last = newest < 0 ? "" : words.trends.newestSaid(full(metric, trend.values[newest]), shortDay(days[newest]));
  return words.trends.chartSaid(title(metric), counted, days.length, last);
}
