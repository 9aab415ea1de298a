// Fourteen days in a small picture: band, line, last point; a missing day is a square on the floor and a broken line.
import { html } from "../html.js";

const TOP = 5, LOW = 33, FLOOR = 41;

/** Places for a series `[[day, value|null], …]` in a box of width 100 and height 44. Of an open last day nothing is missing yet. Pure. */
export function placed(series, usual, isOpen = false) {
  const values = series.map(([, value]) => value).filter((value) => value !== null && value !== undefined);
  const hasBand = usual?.low !== null && usual?.low !== undefined;
  const all = hasBand ? [...values, usual.low, usual.high] : values;
  const [min, max] = [Math.min(...all), Math.max(...all)];
  const y = (value) => (max === min ? (TOP + LOW) / 2 : LOW - ((value - min) / (max - min)) * (LOW - TOP));
  const x = (n) => 4 + (n * 92) / Math.max(1, series.length - 1);
  const lines = [];
  let line = [];
  series.forEach(([, value], n) => {
    if (value === null || value === undefined) {
      if (line.length) lines.push(line);
      line = [];
    } else line.push([x(n), y(value)]);
  });
  if (line.length) lines.push(line);
  const isComing = (n) => isOpen && n === series.length - 1;
  const missing = series.flatMap(([, value], n) => ((value === null || value === undefined) && !isComing(n) ? [x(n)] : []));
  const last = series.at(-1)?.[1];
  return {
    lines, missing, band: hasBand && values.length ? [y(usual.high), y(usual.low)] : null,
    last: last === null || last === undefined ? null : [x(series.length - 1), y(last)],
  };
}

const r = (n) => Math.round(n * 10) / 10;

export function Sparkline({ series, usual, isOpen, class: extra = "" }) {
  if (!series?.length) return html`<span class=${`spark ${extra}`}></span>`;
  const { lines, missing, band, last } = placed(series, usual, isOpen);
  return html`<svg class=${`spark ${extra}`} viewBox="0 0 100 44" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    ${band && html`<rect class="spark-band" x="0" y=${r(band[0])} width="100" height=${r(Math.max(2, band[1] - band[0]))} />`}
    ${lines.map((line) => html`<path class="spark-line" d=${line.length > 1 ? `M${line.map(([x, y]) => `${r(x)} ${r(y)}`).join("L")}` : `M${r(line[0][0])} ${r(line[0][1])}h.01`} />`)}
    ${missing.length > 0 && html`<path class="spark-missing" d=${missing.map((x) => `M${r(x)} ${FLOOR}h.01`).join("")} />`}
    ${last && html`<path class="spark-halo" d=${`M${r(last[0])} ${r(last[1])}h.01`} /><path class="spark-last" d=${`M${r(last[0])} ${r(last[1])}h.01`} />`}
  </svg>`;
}
