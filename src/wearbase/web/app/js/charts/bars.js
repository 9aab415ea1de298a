// Sleep history: time asleep as bars, the need as a tick for each night, the usual sleep as a band.
import { html } from "../html.js";
import { SliderPane } from "./slider.js";
import { prepared } from "./trend.js";
import { shown } from "./metrics.js";

/** Nights as a trend of `asleep_s`: `[{day, asleep_s, need_s, usual?: {low, high}}]`, oldest first. Pure. */
export function nightsTrend(nights, today = null) {
  const series = nights.map(({ day, asleep_s: value, usual }) => ({ day, value, usual_low: usual?.low ?? null, usual_high: usual?.high ?? null }));
  const trend = prepared({ metric: "asleep_s", series, source_changes: [] }, nights.length, today);
  return { trend: { ...trend, isLong: false, line: trend.values }, needs: nights.map(({ need_s: need }) => shown("sleep_need_s", need)) };
}

/** The bars, read night by night. `cursor` is an index. */
export function SleepBars({ nights, today, cursor, onCursor, size = "second" }) {
  const { trend, needs } = nightsTrend(nights, today);
  return html`<${SliderPane} trend=${trend} needs=${needs} form="bars" cursor=${cursor} onCursor=${onCursor} size=${size} most=${4} />`;
}
