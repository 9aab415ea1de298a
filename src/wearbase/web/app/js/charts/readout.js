// The panel above a chart: one day, its word, its value, its usual range.
import { shortDay } from "../format.js";
import { html } from "../html.js";
import { words } from "../words.js";
import { about, full, label, range, text } from "./metrics.js";
import { word } from "./say.js";
import { standing } from "./trend.js";

export const ARROWS = { above: "↑", below: "↓" };

/** `second` is the compared trend, which stands below in one line. */
export function ReadOut({ trend, index, second = null }) {
  const at = standing(trend, index);
  const arrow = ARROWS[at];
  const usual = range(trend.metric, trend.lows[index], trend.highs[index]);
  const { unit } = about(trend.metric);
  return html`<div class="readout">
    <div><p class="readout-day">${shortDay(trend.days[index])}</p>
      <p class=${`readout-word${arrow ? " outside" : ""}`}>${arrow && html`<span aria-hidden="true">${arrow} </span>`}${word(trend, index)}</p></div>
    <div class="readout-value"><p><b>${text(trend.metric, trend.values[index])}</b>${trend.values[index] !== null && unit && html` <span class="unit">${unit}</span>`}</p>
      <p class="readout-usual">${trend.lows[index] === null ? words.usual.none : words.usual.range(usual)}</p></div>
    ${second && html`<p class="readout-second"><span>${label(second.metric)}</span><span><b>${full(second.metric, second.values[index])}</b> ${word(second, index)}</span></p>`}
  </div>`;
}
