// Fourteen nights: time asleep as bars, need as a tick, usual as a band, missing nights hatched. The table says the same.
import { dayOfMonth, duration, durationSaid, longDay, monthName, shortDay } from "../format.js";
import { html, signal } from "../html.js";
import { isGiven } from "../reading.js";
import { words } from "../words.js";
import { Section } from "./pieces.js";
import { isWide } from "./frame.js";

const w = words.sleep;
const HEIGHT = 110, STEP = 20, BAR = 11;
const isTable = signal(false);

/** Bars in a box whose height is `most` hours. Pure. */
export function nightBars(asleep, need) {
  const needs = new Map(need ?? []);
  const nights = (asleep ?? []).map(([day, seconds]) => ({ day, asleep: seconds ?? null, need: needs.get(day) ?? null }));
  const highest = Math.max(8 * 3600, ...nights.flatMap((night) => [night.asleep ?? 0, night.need ?? 0]));
  return { nights, most: highest * 1.04, ticks: [0, 1, 2, 3].map((n) => n * 4 * 3600).filter((seconds) => seconds <= highest) };
}

export function Nights({ answer }) {
  const { nights, most, ticks } = nightBars(answer.recent?.asleep_s, answer.recent?.sleep_need_s);
  const given = nights.filter((night) => isGiven(night.asleep));
  const usual = answer.usual?.asleep_s;
  const months = [...new Set(nights.map((night) => monthName(night.day.slice(0, 7))))].join(" – ");
  const button = !isWide.value && html`<button type="button" class="link" aria-pressed=${isTable.value ? "true" : "false"} onClick=${() => { isTable.value = !isTable.value; }}>${w.table}</button>`;
  return html`<${Section} title=${w.nights} id="s-nights" note=${isWide.value ? words.sources.whoop : button}>
    ${!given.length ? html`<p class="small">${words.usual.forming}</p>` : html`
    <p class="chart-legend" aria-hidden="true"><span><i class="swatch light_s"></i>${w.legendAsleep}</span><span><i class="tick"></i>${w.legendNeed}</span>${isGiven(usual?.low) && html`<span><i class="swatch usual"></i>${w.legendUsual}</span>`}</p>
    <div class="nights" data-still role="img" aria-label=${w.saidNights(given.length, durationSaid(Math.min(...given.map((n) => n.asleep))), durationSaid(Math.max(...given.map((n) => n.asleep))))}>
      <${Bars} nights=${nights} most=${most} ticks=${ticks} usual=${usual} /><div class="nights-scale" aria-hidden="true">${ticks.map((seconds) => html`<span key=${seconds} style=${{ "--at": 1 - seconds / most }}>${w.scale(seconds / 3600)}</span>`)}</div>
      <ol class="nights-days" aria-hidden="true">${nights.map((night) => html`<li key=${night.day} class=${night.day === answer.date ? "now" : ""}>${dayOfMonth(night.day)}</li>`)}</ol>
      <p class="caption" aria-hidden="true">${months}</p>
    </div>`}
    ${(isTable.value || isWide.value) && html`<${NightTable} nights=${nights} />`}
  <//>`;
}

function Bars({ nights, most, ticks, usual }) {
  const y = (seconds) => Math.round(10 * HEIGHT * (1 - seconds / most)) / 10;
  return html`<svg viewBox=${`0 0 ${nights.length * STEP} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V6" /></pattern></defs>
    ${isGiven(usual?.low) && html`<rect class="night-usual" x="0" width=${nights.length * STEP} y=${y(usual.high)} height=${y(usual.low) - y(usual.high)} />`}
    ${ticks.map((seconds) => html`<path class="night-grid" d=${`M0 ${y(seconds)}H${nights.length * STEP}`} />`)}
    ${nights.map((night, n) => html`
      ${isGiven(night.asleep) ? html`<rect class=${`night${n === nights.length - 1 ? " now" : ""}`} x=${n * STEP + (STEP - BAR) / 2} width=${BAR} y=${y(night.asleep)} height=${HEIGHT - y(night.asleep)} rx="2" />`
        : html`<rect class="night-none" x=${n * STEP} width=${STEP} y="0" height=${HEIGHT} />`}
      ${isGiven(night.need) && html`<path class="night-need" d=${`M${n * STEP + 2} ${y(night.need)}h${STEP - 4}`} />`}`)}
  </svg>`;
}

function NightTable({ nights }) {
  return html`<div class="table-box" tabindex="0" role="group" aria-label=${w.nights}><table><caption class="unseen">${w.nights}</caption>
    <thead><tr><th scope="col">${w.headNight}</th><th scope="col">${w.legendAsleep}</th><th scope="col">${w.legendNeed}</th></tr></thead>
    <tbody>${[...nights].reverse().map((night) => html`<tr key=${night.day}><th scope="row" abbr=${longDay(night.day)}>${shortDay(night.day)}</th><td>${isGiven(night.asleep) ? duration(night.asleep) : `${words.none} ${w.noData}`}</td><td>${duration(night.need)}</td></tr>`)}</tbody>
  </table></div>`;
}
