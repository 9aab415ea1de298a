// The table behind a chart, newest first, with the same numbers and words; and the same as a file.
import { shortDay } from "../format.js";
import { html } from "../html.js";
import { words } from "../words.js";
import { about, judge, label, range, text, title } from "./metrics.js";
import { ARROWS } from "./readout.js";
import { standing } from "./trend.js";

/** How many rows a phone shows before one asks for all. */
export const FIRST_ROWS = 11;

/** `isAll`: every row, on phones too; a wide screen and paper always have them. */
export function TrendTable({ trend, isAll }) {
  const { unit } = about(trend.metric);
  const order = trend.days.map((_, index) => trend.days.length - 1 - index);
  return html`<table class=${`trend-table${isAll ? " all" : ""}`} role="table">
    <caption class="unseen">${words.trends.tableSaid(title(trend.metric), trend.days.length)}</caption>
    <thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">${words.trends.day}</th><th scope="col" role="columnheader" class="figure">${unit ? words.trends.withUnit(label(trend.metric), unit) : label(trend.metric)}</th>
      <th scope="col" role="columnheader" class="figure usual">${words.trends.usual}</th><th scope="col" role="columnheader" class="figure">${words.trends.against}</th></tr></thead>
    <tbody role="rowgroup">${order.map((index, place) => html`<${Row} key=${trend.days[index]} trend=${trend} index=${index} isMore=${place >= FIRST_ROWS} />`)}</tbody>
  </table>`;
}

function Row({ trend, index, isMore }) {
  const at = standing(trend, index);
  const arrow = ARROWS[at];
  return html`<tr role="row" class=${isMore ? "more" : null}><th scope="row" role="rowheader">${shortDay(trend.days[index])}</th>
    <td role="cell" class="figure value">${text(trend.metric, trend.values[index])}</td>
    <td role="cell" class="figure usual">${range(trend.metric, trend.lows[index], trend.highs[index])}</td>
    <td role="cell" class=${`figure${arrow ? " outside" : ""}`}>${arrow && html`<span aria-hidden="true">${arrow} </span>`}${words.trends.short[at]}</td></tr>`;
}

/** As exact as it came, without what adding binary fractions leaves behind. */
const exact = (value) => (typeof value === "number" ? Number(value.toPrecision(12)) : value);

const quoted = (value) => {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Oldest first, one line a day. A day without a value has an empty field, never zero. */
export function csv(metric, points) {
  const head = ["day", metric, "source", "usual_low", "usual_high", "against_usual"];
  const rows = points.map((point) => [point.day, exact(point.value), point.source, exact(point.usual_low), exact(point.usual_high), judge(metric, point)]);
  return [head, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}
