// Vital rows: a number, a word, fourteen days. Each opens its trend.
import { html } from "../html.js";
import { figure, judged, unit, usualText } from "../judge.js";
import { isGiven, recoveryState } from "../reading.js";
import { to } from "../state/router.js";
import { words } from "../words.js";
import { Sparkline } from "./sparkline.js";

const FROM = {
  hrv_rmssd_ms: (day) => day.recovery?.hrv_rmssd_ms,
  resting_heart_rate_bpm: (day) => day.recovery?.resting_heart_rate_bpm,
  sleep_respiratory_rate_per_min: (day) => day.sleep?.respiratory_rate_per_min,
  sleep_spo2_percent: (day) => day.recovery?.spo2_percent,
  skin_temperature_c: (day) => day.recovery?.skin_temperature_c,
};
const MISSING = { pending: "pending", waiting: "pending", unscorable: "unscorable" };

export function Vitals({ answer }) {
  return html`<ul class="vitals">${Object.keys(FROM).map((metric) => html`<li key=${metric}><${Vital} metric=${metric} answer=${answer} /></li>`)}</ul>`;
}

function Vital({ metric, answer }) {
  const value = FROM[metric](answer.day);
  const usual = answer.usual?.[metric];
  const { name, said } = words.vitals[metric];
  const word = judged(metric, value, usual);
  const range = usualText(metric, usual);
  const why = words.vitals.missing[MISSING[recoveryState(answer)] ?? "none"];
  const rest = !isGiven(value) ? `, ${why}` : word ? words.vitals.outside(words.judged[word], ...range.split("–")) : `, ${words.usual.forming}`;
  return html`<a class="vital" href=${to("trends", { metric })}
    aria-label=${words.vitals.link(name, isGiven(value) ? figure(metric, value) : words.none, isGiven(value) ? said : "", rest)}>
    <span class="vital-name">${name}</span>
    <span class="num num-s" key=${figure(metric, value)}>${figure(metric, value)}${isGiven(value) && html` <span class="unit">${unit(metric)}</span>`}</span>
    <span class="vital-words">${!isGiven(value) ? why : word ? html`<${Judged} word=${word} /> <span class="range">${range}</span>` : words.usual.forming}</span>
    <${Sparkline} series=${answer.recent?.[metric]} usual=${usual} />
  </a>`;
}

/** ↑ Above usual · Within usual · ↓ Below usual: accent and arrow only when outside. */
export function Judged({ word }) {
  const arrow = { above: "↑", below: "↓" }[word];
  return html`<span class=${`word ${word}`}>${arrow && html`<span class="arrow">${arrow}</span> `}${words.judged[word]}</span>`;
}
