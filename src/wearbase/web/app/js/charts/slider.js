// The chosen day of a chart: pointer, keys, and what a screen reader gets. One tab stop.
import { html, useRef } from "../html.js";
import { words } from "../words.js";
import { label } from "./metrics.js";
import { Pane } from "./pane.js";
import { daySaid, summary } from "./say.js";

const WEEK = 7;

/** The index that a key leads to, or null for a key that is none of ours. Pure. */
export function stepped(key, index, { count, newest }) {
  const to = { ArrowLeft: index - 1, ArrowDown: index - 1, ArrowRight: index + 1, ArrowUp: index + 1, PageDown: index - WEEK, PageUp: index + WEEK,
    Home: 0, End: count - 1, Escape: newest < 0 ? count - 1 : newest }[key];
  return to === undefined ? null : Math.min(count - 1, Math.max(0, to));
}

/** A chart that can be read day by day. `onCursor` gets an index; `also` is said after the day. */
export function SliderPane({ trend, cursor, onCursor, also = "", size = "main", ...rest }) {
  const ref = useRef(null);
  const count = trend.days.length;
  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = stepped(event.key, cursor, { count, newest: trend.newest });
    if (to === null) return;
    event.preventDefault();
    onCursor(to);
  };
  const point = (event) => {
    if (event.type === "pointermove" && event.pointerType !== "mouse" && !event.buttons) return;
    const svg = ref.current.querySelector("svg");
    const grid = svg?.querySelector(".grid");
    if (!grid) return;
    const { left } = svg.getBoundingClientRect();
    const wide = grid.getBBox().width;
    onCursor(Math.min(count - 1, Math.max(0, Math.floor(((event.clientX - left) / wide) * count))));
  };
  const said = [daySaid(trend, cursor), also].filter(Boolean).join("; ");
  return html`<div class=${`chart chart-${size}`} ref=${ref} role="slider" tabindex="0" aria-label=${words.trends.sliderName(label(trend.metric), summary(trend))}
    aria-orientation="horizontal" aria-valuemin="1" aria-valuemax=${count} aria-valuenow=${cursor + 1} aria-valuetext=${said} data-no-swipe=""
    onKeyDown=${keys} onPointerDown=${point} onPointerMove=${point}>
    <${Pane} trend=${trend} cursor=${cursor} ...${rest} />
  </div>`;
}
