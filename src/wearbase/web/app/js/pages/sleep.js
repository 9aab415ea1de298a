// A night: performance, time asleep against need, stages, how the need adds up, details, fourteen nights, naps.
import { addDays, clockRange, duration, shortDay } from "../format.js";
import { api } from "../api.js";
import { html, signal, useEffect } from "../html.js";
import { figure, judged, unit, usualShown, usualText } from "../judge.js";
import { DayPage } from "../parts/daypage.js";
import { isWide } from "../parts/frame.js";
import { AsleepBar, NeedBar, needParts, STAGES } from "../parts/night.js";
import { Nights } from "../parts/nights.js";
import { Icon } from "../parts/icons.js";
import { Section } from "../parts/pieces.js";
import { Rail } from "../parts/rail.js";
import { Judged } from "../parts/vitals.js";
import { isGiven, isToday, scoreState } from "../reading.js";
import { words } from "../words.js";
import { napRow } from "./today.js";

const w = words.sleep;
const METRIC = "sleep_performance_percent";

export default function Sleep() {
  return html`<${DayPage} name="sleep" view=${Night} />`;
}

function Night({ answer }) {
  const { sleep } = answer.day;
  return html`<${Performance} answer=${answer} />
    <div class="columns">
      <div>
        ${sleep && isGiven(sleep.asleep_s) && html`<${Section} title=${w.against} id="s-against" note=${isWide.value && words.sources.whoop} class="first">
          <${AsleepBar} sleep=${sleep} withNeed=${false} />${isGiven(sleep.need_s?.total) && html`<${NeedBar} sleep=${sleep} />`}<${Stages} answer=${answer} /><//>`}
        ${isGiven(sleep?.need_s?.total) && html`<${Need} sleep=${sleep} />`}
      </div>
      <div>
        ${sleep && isGiven(sleep.asleep_s) && html`<${Details} answer=${answer} />`}
        <${Nights} answer=${answer} />
        <${Naps} answer=${answer} />
      </div>
    </div>
    <p class="small footer-line">${words.disclaimer} <a href="/app/about">${words.about}</a></p>`;
}

function Performance({ answer }) {
  const { sleep } = answer.day;
  const value = sleep?.performance_percent ?? null;
  const usual = answer.usual?.[METRIC];
  const state = scoreState(sleep ?? null, value, isToday(answer));
  const word = judged(METRIC, value, usual);
  const range = usualShown(METRIC, usual);
  const inBed = sleep ? sleep.in_bed_s ?? (Date.parse(sleep.end_at) - Date.parse(sleep.start_at)) / 1000 : null;
  const missing = { pending: words.today.notYet, waiting: words.today.notYet, unscorable: words.today.notScorable }[state] ?? words.today.noNight;
  const said = value === null ? `${w.performance}: ${missing}` : `${w.performance} ${figure(METRIC, value)} ${word ? `, ${words.judged[word].toLowerCase()}${words.rail.range(range.low, range.high)}` : ""}`;
  return html`<section class="card hero sleep-hero" aria-labelledby="h-performance">
    <div class="hero-top"><h2 id="h-performance">${w.performance}</h2>
      ${word ? html`<${Judged} word=${word} />` : html`<p class="chip">${state !== "scored" && html`<${Icon} name="clock" size=${18} />`}${state === "scored" ? words.usual.none : missing}</p>`}</div>
    <div class="sleep-top">
      <p class="num num-l" key=${value}>${value === null ? html`<span class="dash">${words.none}</span>` : html`${figure(METRIC, value)}<span class="unit">%</span>`}</p>
      ${sleep && html`<p class="sleep-times"><b class="num num-xs">${clockRange(sleep.start_at, sleep.end_at, sleep.utc_offset_min)}</b><span class="caption">${w.inBed(duration(inBed))}</span></p>`}
    </div>
    <${Rail} metric=${METRIC} value=${value} usual=${usual} sentence=${said} />
    ${state === "pending" && html`<p class="sentence">${w.notYet} ${words.today.scoringRest.replace(/^and is still scoring it\. /, "")}</p>`}
    ${state === "unscorable" && html`<p class="sentence"><b>${words.today.unscorable}</b> ${words.today.unscorableRest}</p>`}
  </section>`;
}

function Stages({ answer }) {
  const { sleep } = answer.day;
  const names = [...STAGES, "awake_s", ...((sleep.no_data_s ?? 0) > 0 ? ["no_data_s"] : [])].filter((name) => isGiven(sleep[name]));
  if (!names.length) return html`<p class="small">${w.noStages}</p>`;
  return html`<dl class="stages">${names.map((name) => html`<div key=${name}>
    <dt><span class=${`swatch ${name}`} aria-hidden="true"></span>${w.stages[name]}</dt><dd class="stage-time">${duration(sleep[name])}</dd>
    <dd class="stage-usual">${rangeOfTime(answer.usual?.[name]) && html`<span>${w.usual}</span><span>${rangeOfTime(answer.usual?.[name])}</span>`}</dd></div>`)}</dl>`;
}
/** "1 h 11–1 h 52", under an hour "18–52 min". */
function rangeOfTime(usual) {
  if (!isGiven(usual?.low)) return "";
  const [low, high] = [duration(usual.low), duration(usual.high)];
  return low.endsWith("min") && high.endsWith("min") ? `${parseInt(low, 10)}–${high}` : `${low}–${high}`;
}

function Need({ sleep }) {
  const sign = (name, seconds) => (name === "baseline" ? "" : seconds < 0 ? "− " : "+ ");
  return html`<${Section} title=${w.need} id="s-need" note=${html`<b class="num num-xs">${duration(sleep.need_s.total)}</b>`}>
    <dl class="sums">${needParts(sleep).map(([name, seconds]) => html`<div key=${name}><dt>${w.parts[name]}</dt><dd>${sign(name, seconds)}${duration(Math.abs(seconds))}</dd></div>`)}</dl>
  <//>`;
}

const FACTS = { sleep_efficiency_percent: "efficiency_percent", sleep_consistency_percent: "consistency_percent", disturbance_count: "disturbance_count", sleep_cycle_count: "cycle_count" };
function Details({ answer }) {
  return html`<${Section} title=${w.details} id="s-details" note=${words.sources.whoop}><dl class="figures lined">
    ${Object.entries(FACTS).map(([metric, field]) => {
      const value = answer.day.sleep[field];
      const range = usualText(metric, answer.usual?.[metric]);
      return html`<div key=${metric}><dt>${w.facts[metric]}</dt><dd><span class="num num-s">${figure(metric, value)}${isGiven(value) && unit(metric) && html` <span class="unit">${unit(metric)}</span>`}</span>
        <span class="caption">${!isGiven(value) ? words.vitals.missing.none : range ? words.usual.range(range) : words.usual.forming}</span></dd></div>`;
    })}</dl><//>`;
}

function Naps({ answer }) {
  const list = recentNaps.value?.key === keyOf(answer) ? recentNaps.value.naps : (answer.day.naps ?? []).map((nap) => [answer.date, nap]);
  useEffect(() => { void findNaps(answer); }, [keyOf(answer)]);
  return html`<${Section} title=${w.naps} id="s-naps" note=${`${w.last14} · ${words.sources.whoop}`}>
    ${list.length ? html`<ul class="rows">${list.map(([day, nap]) => napRow(nap, shortDay(day)))}</ul>`
      : html`<p class="small">${recentNaps.value?.key === keyOf(answer) ? w.noNaps : w.noNapsDay}</p>`}
  <//>`;
}

const recentNaps = signal(null);
const keyOf = (answer) => `${answer.user_id} ${answer.date} ${answer.day.last_sync}`;
async function findNaps(answer) {
  try {
    const { days } = await api.days("whoop", answer.user_id, addDays(answer.date, -13), answer.date);
    const naps = days.flatMap(({ date, naps }) => naps.map((nap) => [date, nap])).reverse();
    recentNaps.value = { key: keyOf(answer), naps };
  } catch {
    // The day's own naps stay on the screen.
  }
}
