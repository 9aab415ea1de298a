// Sleep against need: stages up to the need line, the shortfall dashed; below it the list, which is the table.
import { duration, durationSaid } from "../format.js";
import { html } from "../html.js";
import { againstNeed, isGiven, needWords, nightScale } from "../reading.js";
import { words } from "../words.js";

export const STAGES = ["slow_wave_s", "rem_s", "light_s"];
const w = words.sleep;

/** The sentence for the picture. */
export function nightSaid(sleep) {
  const parts = STAGES.filter((name) => isGiven(sleep[name])).map((name) => `${w.stages[name]} ${durationSaid(sleep[name])}`).join(", ");
  const found = againstNeed(sleep);
  const rest = !found ? w.noNeed : found.short > 0 ? w.saidShort(durationSaid(found.short * 60), durationSaid(found.need))
    : w.saidOver(durationSaid(-found.short * 60), durationSaid(found.need));
  return w.said(durationSaid(sleep.asleep_s), parts || w.noStages, rest);
}

export function AsleepBar({ sleep, withNeed = true }) {
  const scale = nightScale(sleep);
  const found = againstNeed(sleep);
  const hasStages = STAGES.some((name) => isGiven(sleep[name]));
  const noData = sleep.no_data_s ?? 0;
  const left = found ? Math.max(0, found.need - found.asleep - noData) : 0;
  const piece = (name, seconds) => seconds > 0 && html`<span key=${name} class=${`piece ${name}`} style=${{ "--size": seconds / scale }}></span>`;
  return html`<div class="night-words"><span>${w.asleep} <b>${duration(sleep.asleep_s)}</b></span>${found && html`<b>${needWords(found, { withNeed })}</b>`}</div>
    <div class="night-bar" role="img" aria-label=${nightSaid(sleep)}>
      ${hasStages ? STAGES.map((name) => piece(name, sleep[name] ?? 0)) : piece("asleep", sleep.asleep_s ?? 0)}
      ${piece("no_data_s", noData)}${found && found.short > 0 && piece("short", left)}
      ${found && html`<span class="need-line" style=${{ "--at": found.need / scale }}></span>`}
    </div>`;
}

/** The second bar: baseline, debt and strain, less nap, on the scale of the first. */
export function NeedBar({ sleep }) {
  const { baseline, debt, strain, nap, total } = sleep.need_s;
  const scale = nightScale(sleep);
  const added = Math.max(0, (debt ?? 0) + (strain ?? 0) + (nap ?? 0));
  const less = Math.max(0, -(nap ?? 0));
  const parts = needParts(sleep).map(([name, seconds]) => `${w.parts[name]} ${seconds < 0 ? "−" : ""}${durationSaid(Math.abs(seconds))}`).join(", ");
  return html`<div class="night-words"><span>${w.needed} <b>${duration(total)}</b></span></div>
    <div class="night-bar need-bar" role="img" aria-label=${w.saidNeed(durationSaid(total), parts)}>
      <span class="piece need" style=${{ "--size": Math.min(baseline ?? total, total) / scale }}></span>
      ${added > 0 && html`<span class="piece need" style=${{ "--size": added / scale }}></span>`}
      ${less > 0 && html`<span class="piece short" style=${{ "--size": Math.min(less, scale - total) / scale }}></span>`}
      <span class="need-line" style=${{ "--at": total / scale }}></span>
    </div>
    <div class="night-words caption"><span>${w.baseline}</span><span>${w.addition}</span></div>`;
}

/** What the need is made of: `[[name, seconds], …]`, only what was given. */
export const needParts = (sleep) => ["baseline", "debt", "strain", "nap"].filter((name) => isGiven(sleep.need_s?.[name])).map((name) => [name, sleep.need_s[name]]);

/** Swatch, name, duration. */
export function StageLegend({ sleep }) {
  const given = [...STAGES, "awake_s", ...((sleep.no_data_s ?? 0) > 0 ? ["no_data_s"] : [])].filter((name) => isGiven(sleep[name]));
  if (!given.length) return html`<p class="small">${w.noStages}</p>`;
  return html`<dl class="legend">${["slow_wave_s", "rem_s", "light_s", "awake_s", "no_data_s"].filter((name) => given.includes(name)).map((name) => html`
    <div key=${name}><dt><span class=${`swatch ${name}`} aria-hidden="true"></span>${w.stages[name]}</dt><dd>${duration(sleep[name])}</dd></div>`)}</dl>`;
}
