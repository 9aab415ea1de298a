// One pane of a chart: grid, band, gaps, the series and the cursor. Drawn in the pixels there are; nothing here is for screen readers.
import { dayMonth } from "../format.js";
import { html, useId, useLayoutEffect, useRef, useState } from "../html.js";
import { band } from "../judge.js";
import { words } from "../words.js";
import { about, tick } from "./metrics.js";
import { bandPaths, linePath, lone } from "./paths.js";
import { axis, dateTicks, dayScale, linear } from "./scale.js";
import { gaps, isNone } from "./series.js";
import { digitsOf, missing, spread } from "./trend.js";

const ROOM_FOR_WORDS = 13;
const ROOM_FOR_A_LINE = 64;
const AXIS_WIDE = 46; // the same for every pane: one cursor stands at one place in all

/** The width and height of what a ref holds, and how large text is; null before it is on the page. */
export function useSize(ref) {
  const [size, setSize] = useState(null);
  useLayoutEffect(() => {
    const look = () => {
      const { clientWidth: width, clientHeight: height } = ref.current;
      const text = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
      setSize((was) => (was?.width === width && was.height === height && was.text === text ? was : { width, height, text }));
    };
    const watched = new ResizeObserver(look);
    watched.observe(ref.current);
    look();
    return () => watched.disconnect();
  }, []);
  return size;
}

/** Places of everything in a pane of that size. */
export function frame(trend, { width, height, text }, { most }) {
  const kind = about(trend.metric).scale;
  const marks = axis(kind, spread(trend), { most, digits: digitsOf(trend) });
  const plot = { right: width - AXIS_WIDE * text, top: 9 * text, bottom: height - 26 * text };
  const days = dayScale(trend.days.length, 0, plot.right);
  return { ...plot, marks, text, ...days, y: linear([marks[0], marks.at(-1)], [plot.bottom, plot.top]) };
}

/** `form` is "line" or "bars"; `cursor` the index of the chosen day; `needs` ticks of bars; `series` "first" or "second". */
export function Pane({ trend, cursor, form = "line", needs = null, series = "first", most = 5 }) {
  const ref = useRef(null);
  const size = useSize(ref);
  const name = useId();
  const at = size && size.width > 60 && frame(trend, size, { most });
  return html`<div class="pane-box" ref=${ref}>
    ${at && html`<svg class=${`pane ${series}`} width=${size.width} height=${size.height} aria-hidden="true" focusable="false">
      <${Hatch} name=${name} />
      <${Grid} at=${at} trend=${trend} width=${size.width} />
      <${Band} at=${at} trend=${trend} />
      <${Gaps} at=${at} trend=${trend} name=${name} />
      <${Changes} at=${at} trend=${trend} />
      ${form === "bars" ? html`<${Bars} at=${at} trend=${trend} needs=${needs} />` : html`<${Line} at=${at} trend=${trend} />`}
      <${Cursor} at=${at} trend=${trend} index=${cursor} />
      <${Dates} at=${at} days=${trend.days} y=${size.height - 6 * at.text} />
    </svg>`}
  </div>`;
}

export const Hatch = ({ name }) => html`<defs><pattern id=${name} class="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
  <path d="M0.5 0V7" /></pattern></defs>`;

const Grid = ({ at, trend, width }) => at.marks.map((mark) => html`<g key=${mark}>
  <path class="grid" d=${`M0 ${Math.round(at.y(mark)) + 0.5}H${at.right}`} />
  <text class="axis-mark" x=${width} y=${at.y(mark) + 4 * at.text} text-anchor="end">${tick(trend.metric, mark)}</text></g>`);

function Band({ at, trend }) {
  const { area, edges } = bandPaths(trend.lows, trend.highs, at.x, at.y, at.step);
  return area && html`<path class="band" d=${area} /><path class="band-edge" d=${edges} />`;
}

function Gaps({ at, trend, name }) {
  return gaps(missing(trend)).map(([first, last]) => {
    const left = at.x(first) - at.step / 2;
    const wide = (last - first + 1) * at.step;
    const middle = left + wide / 2;
    const isFlat = wide >= ROOM_FOR_A_LINE * at.text;
    const low = at.bottom - 8;
    return html`<g key=${first}><rect class="gap" fill=${`url(#${name})`} x=${left} y=${at.top} width=${wide} height=${at.bottom - at.top} />
      ${wide >= ROOM_FOR_WORDS * at.text && (isFlat
        ? html`<text class="gap-word" x=${middle} y=${low} text-anchor="middle">${words.trends.noData}</text>`
        : html`<text class="gap-word" transform=${`translate(${middle + 4 * at.text} ${low})rotate(-90)`}>${words.trends.noData}</text>`)}</g>`;
  });
}

const Changes = ({ at, trend }) => trend.changes.filter(({ index }) => index > 0).map(({ index, to }) => {
  const x = at.x(index) - at.step / 2;
  const isLeft = x > at.right * 0.7;
  return html`<g key=${index}><path class="change" d=${`M${x} ${at.top}V${at.bottom}`} />
    <text class="change-word" x=${x + (isLeft ? -4 : 4)} y=${at.top + 11 * at.text} text-anchor=${isLeft ? "end" : "start"}>${words.sources[to] ?? to}</text></g>`;
});

function Line({ at, trend }) {
  const isRecovery = trend.metric === "recovery_score_percent" && !trend.isLong;
  const radius = trend.isLong ? Math.min(1.9, Math.max(1, at.step * 0.4)) : Math.min(4, Math.max(2.6, at.step * 0.28));
  const dot = (index) => `dot${trend.isLong ? " one-day" : ""}${isRecovery ? ` ${band(trend.values[index])}` : ""}`;
  const circles = trend.values.map((value, index) => !isNone(value)
    && html`<circle key=${index} class=${dot(index)} cx=${at.x(index)} cy=${at.y(value)} r=${radius} />`);
  const line = html`<path class="series" d=${linePath(trend.line, at.x, at.y)} />`;
  const alone = trend.isLong && lone(trend.line).map((index) => html`<circle key=${index} class="dot" cx=${at.x(index)} cy=${at.y(trend.line[index])} r="2" />`);
  return trend.isLong ? [circles, line, alone] : [line, circles];
}

function Bars({ at, trend, needs }) {
  const wide = Math.min(26, Math.max(1.5, at.step * 0.6));
  return trend.values.map((value, index) => {
    const left = at.x(index) - wide / 2;
    const need = needs?.[index];
    return html`<g key=${index}>
      ${!isNone(value) && html`<rect class="bar" x=${left} y=${at.y(value)} width=${wide} height=${Math.max(0, at.bottom - at.y(value))} rx=${Math.min(4, wide / 4)} />`}
      ${!isNone(need) && html`<path class="need" d=${`M${left - 2} ${at.y(need)}h${wide + 4}`} />`}</g>`;
  });
}

function Cursor({ at, trend, index }) {
  if (index < 0) return null;
  const x = at.x(index);
  const value = trend.values[index];
  return html`<path class="cursor" d=${`M${x} ${at.top - 6}V${at.bottom}`} />
    ${!isNone(value) && html`<circle class="cursor-dot" cx=${x} cy=${at.y(value)} r="6" />`}`;
}

function Dates({ at, days, y }) {
  const marks = dateTicks(days.length, at.right < 200 * at.text ? 2 : 4);
  return marks.map((index, place) => {
    const anchor = place === 0 ? "start" : place === marks.length - 1 ? "end" : "middle";
    const x = place === 0 ? 0 : place === marks.length - 1 ? at.right : at.x(index);
    return html`<text key=${index} class="date" x=${x} y=${y} text-anchor=${anchor}>${dayMonth(days[index])}</text>`;
  });
}
