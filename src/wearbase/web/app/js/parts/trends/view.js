// What the page shows, from what is loaded: the two trends and one cursor for both.
import { prepared } from "../../charts/trend.js";
import { shown as shownValue } from "../../charts/metrics.js";
import { lastDay, trendOf } from "../../state/trends.js";

/** `{main, other, index, second, moveTo}`: each trend with its `entry`, `trend` (null until loaded) and `metric`. */
export function view({ metric, other, range, day, setDay }) {
  const today = lastDay.value;
  const one = (name) => {
    if (!name) return null;
    const entry = trendOf(name, range);
    return { metric: name, entry, answer: entry?.answer ?? null, trend: entry?.answer ? prepared(entry.answer, range, today) : null };
  };
  const main = one(metric);
  const second = one(other);
  const needs = metric === "asleep_s" ? one("sleep_need_s") : null;
  const drawn = main.trend ?? second?.trend ?? null;
  const moveTo = (index) => setDay(drawn.days[index] ?? null);
  return { main, other: second, needs: needsOf(main.trend, needs?.answer), index: indexOf(drawn, day), moveTo };
}

/** The chosen day, else the newest with data, else the last. */
function indexOf(trend, day) {
  if (!trend) return -1;
  const at = day ? trend.days.indexOf(day) : -1;
  return at >= 0 ? at : trend.newest >= 0 ? trend.newest : trend.days.length - 1;
}

/** What each night needed, by the days of the trend. */
function needsOf(trend, answer) {
  if (!trend || !answer) return null;
  const byDay = new Map(answer.series.map(({ day, value }) => [day, shownValue("sleep_need_s", value)]));
  return trend.days.map((day) => byDay.get(day) ?? null);
}
