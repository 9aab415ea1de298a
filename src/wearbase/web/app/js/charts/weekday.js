// By weekday: the middle 80 % as a bar, the median as a tick with its number. Fewer than 4 values: nothing drawn.
import { firstWeekday, weekday, weekdayLong, weekdayNarrow } from "../format.js";
import { html, useRef } from "../html.js";
import { words } from "../words.js";
import { range, shown, text, title } from "./metrics.js";
import { useSize } from "./pane.js";
import { linear } from "./scale.js";
import { byWeekday, FEWEST_OF_WEEKDAY } from "./series.js";

const ROOM_FOR_A_NAME = 30;
const A_MONDAY = 2; // 2 November 2026
const nameOf = (index, said) => said(`2026-11-0${A_MONDAY + index}`);

/** Seven of `{index, count, median, low, high}` as shown, in the member's order of the week. Pure. */
export function weekdays(metric, points, first = firstWeekday()) {
  const found = byWeekday(points.map(({ day, value }) => ({ day, value: shown(metric, value) })));
  return found.map((_, place) => {
    const index = (place + first - 1) % 7;
    const { count, ...values } = found[index];
    const [median, low, high] = [values.median, values.low, values.high].map((at) => (at === null ? null : at));
    return { index, count, median, low, high };
  });
}

export function Weekday({ metric, points }) {
  const ref = useRef(null);
  const size = useSize(ref);
  const found = weekdays(metric, points);
  return html`<div class="chart chart-weekday" ref=${ref}>${size && size.width > 60 && html`<${Drawn} metric=${metric} found=${found} size=${size} />`}</div>
    <div class="unseen"><table><caption>${words.trends.weekdaySaid(title(metric))}</caption>
      <thead><tr><th scope="col">${words.trends.weekdayHead}</th><th scope="col">${words.trends.median}</th><th scope="col">${words.trends.middle}</th><th scope="col">${words.trends.values}</th></tr></thead>
      <tbody>${found.map(({ index, count, median, low, high }) => html`<tr key=${index}><th scope="row">${nameOf(index, weekdayLong)}</th>
        <td>${median === null ? words.trends.tooFew(FEWEST_OF_WEEKDAY) : text(metric, round(metric, median))}</td><td>${range(metric, round(metric, low), round(metric, high))}</td><td>${count}</td></tr>`)}</tbody>
    </table></div>`;
}

// The median of shown values may fall between two of them.
const round = (metric, at) => (at === null ? null : Number(at.toFixed(metric.endsWith("_s") ? 0 : 2)));

function Drawn({ metric, found, size }) {
  const present = found.filter(({ median }) => median !== null);
  const [least, most] = [Math.min(...present.map(({ low }) => low)), Math.max(...present.map(({ high }) => high))];
  const y = linear([least, most], [size.height - 34 * size.text, 26 * size.text]);
  const step = size.width / 7;
  return html`<svg width=${size.width} height=${size.height} aria-hidden="true" focusable="false">
    ${found.map(({ index, median, low, high }, place) => {
      const x = (place + 0.5) * step;
      const isNothing = median === null;
      return html`<g key=${index}>
        ${isNothing ? html`<text class="weekday-none" x=${x} y=${size.height / 2} text-anchor="middle">–</text>`
          : html`<rect class="weekday-bar" x=${x - 9} y=${y(high) - 3} width="18" height=${Math.max(6, y(low) - y(high) + 6)} rx="6" />
            <path class="weekday-tick" d=${`M${x - 10} ${y(median)}h20`} />
            <text class="weekday-number" x=${x} y=${y(high) - 9 * size.text} text-anchor="middle">${text(metric, round(metric, median))}</text>`}
        <text class="date" x=${x} y=${size.height - 6 * size.text} text-anchor="middle">${nameOf(index, step < ROOM_FOR_A_NAME * size.text ? weekdayNarrow : weekday)}</text></g>`;
    })}
  </svg>`;
}
