// The rail: where a value lies, against the member's own usual range. One picture with one sentence.
import { html } from "../html.js";
import { band, shown, usualShown, usualText } from "../judge.js";
import { words } from "../words.js";

const SCALES = { recovery_score_percent: [0, 100], sleep_performance_percent: [40, 100], strain: [0, 21] };
const SEGMENTS = [["low", 0, 33], ["mid", 34, 66], ["high", 67, 100]];

/** From where to where a rail goes: its metric's scale, or from 0 if something lies below it. */
export function scaleOf(metric, value, range) {
  const [from, until] = SCALES[metric];
  return [Math.min(value ?? from, range?.low ?? from) < from ? 0 : from, until];
}

/** `sentence` is what a screen reader gets; `isOpen` fills the track up to the marker: the day goes on. */
export function Rail({ metric, value, usual, sentence, isOpen = false, withUsualText = true }) {
  const at = shown(metric, value);
  const range = at === null ? null : usualShown(metric, usual);
  const [from, until] = scaleOf(metric, at, range);
  const part = (n) => Math.min(1, Math.max(0, (n - from) / (until - from)));
  const isRecovery = metric === "recovery_score_percent";
  return html`<div class=${`rail${isRecovery ? " of-recovery" : ""}${at === null ? " no-value" : ""}`} role="img" aria-label=${sentence}>
    <div class="rail-line">
      ${isRecovery ? SEGMENTS.map(([name, low, high]) => html`<span key=${name} class=${`rail-part ${name}${band(at) === name ? " now" : ""}`}
          style=${{ "--from": low / 100, "--size": (high - low + 1) / 101 }}></span>`)
        : html`<span class="rail-track"></span>${isOpen && at !== null && html`<span class="rail-filled" style=${{ "--at": part(at) }}></span>`}`}
      ${range && html`<span class="rail-usual" style=${{ "--from": part(range.low), "--until": part(range.high) }}></span>`}
      ${at !== null && html`<span class="rail-slide" style=${{ "--at": part(at) }}><span class="rail-mark"></span></span>`}
    </div>
    ${isRecovery && html`<div class="rail-ticks" aria-hidden="true">${[0, 33, 66, 100].map((n) => html`<span key=${n} style=${{ "--at": n / 100 }}>${n}</span>`)}</div>`}
    ${!isRecovery && withUsualText && html`<div class="rail-words" aria-hidden="true">${range && html`<span
      style=${{ "--at": (part(range.low) + part(range.high)) / 2 }}>${words.usual.range(usualText(metric, usual))}</span>`}</div>`}
  </div>`;
}
