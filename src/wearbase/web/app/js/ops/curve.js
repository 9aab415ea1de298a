// The day's calls as they drain: so far, foretold, and as usual on this weekday.
import { html, useId } from "../html.js";
import { band, hour, line, minute, number, roof, weekday, x, y } from "./figures.js";
import { words } from "./words.js";

const HOURS = [0, 360, 720, 1_080, 1_440];
const LOW_PERCENT = 75; // further down, what is left and what is kept would be written over each other
const W = words.curve;

export function Curve({ budget, budgets, choose, at }) {
  const top = roof(budget.day.limit);
  const { left } = budget.day;
  const here = budget.curve.at(-1);
  const isLow = y(left, top) > LOW_PERCENT;
  const reserve = [[0, 0, budget.reserve.at_start], [1_440, 0, 0]];
  return html`<section class="card curve" aria-labelledby="curve-title">
    <header>
      <h2 id="curve-title">${W.title}</h2>
      ${budgets.length > 1 && html`<${Choice} ...${{ budgets, chosen: budget.provider, choose }} />`}
      <p>${budget.forecast ? html`${W.forecast} <b>${number(budget.forecast.left_at_end)}</b> · ${verdict(budget)}` : W.noForecast}</p>
    </header>
    <div class="chart" role="img" aria-label=${W.said(budget, minute(at))}>
      <${Lines} ...${{ budget, top, reserve }} />
      <div class="axis-y" aria-hidden="true">${[top, top / 2, 0].map((n) => html`<span key=${n} style=${{ top: `${y(n, top)}%` }}>${number(n)}</span>`)}</div>
      <div class="axis-x" aria-hidden="true">${HOURS.map((m) => html`<span key=${m} style=${{ left: `${x(m)}%` }}>${hour(m)}</span>`)}</div>
      <div class="plot-words" aria-hidden="true">
        ${!isLow && html`<span class="reserve-words" style=${{ top: `${y(budget.reserve.at_start, top)}%` }}>${W.reserve(number(budget.reserve.now))}</span>`}
        <span class="here" style=${{ left: `${x(here[0])}%`, top: `${y(left, top)}%` }}></span>
        <span class="here-words" style=${{ top: `${y(left, top)}%`, "--at": x(here[0]) }}>${W.now(number(left), minute(at))}</span>
      </div>
    </div>
    <ul class="legend">
      <li><span class="stroke"></span>${W.today}</li>
      <li><span class="stroke dashed"></span>${W.expected}</li>
      <li>${budget.usual ? html`<span class="swatch usual"></span>${W.usual(weekday(budget.usual.weekday))}` : W.usualSoon(weekday(new Date(at).getUTCDay() || 7))}</li>
      <li class=${`in-words${isLow ? " always" : ""}`}>${W.now(number(left), minute(at))}; ${W.reserve(number(budget.reserve.now))}</li>
      <li class="utc">${W.utc}</li>
    </ul>
    ${budget.forecast?.thinned.length > 0 && html`<p class="about">${W.thinned(budget.forecast.thinned.join(", "))}</p>`}
    <${Table} budget=${budget} />
  </section>`;
}

function verdict({ forecast }) {
  if (!forecast.is_enough) return html`<b class="bad">${W.short}</b>`;
  return forecast.thinned.length ? W.tight : W.above;
}

function Lines({ budget, top, reserve }) {
  const hatch = useId();
  return html`<svg class="plot" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <defs><pattern id=${hatch} width="1.2" height="3" patternUnits="userSpaceOnUse" patternTransform="rotate(24)"><path class="hatch" d="M0 0V3" /></pattern></defs>
    <path class="grid" d="M0 0H100M0 50H100M0 100H100" />
    ${budget.usual && html`<path class="band" d=${band(budget.usual.band, top)} />`}
    <path fill=${`url(#${hatch})`} d=${band(reserve, top)} /><path class="reserve" d=${line(reserve.map(([at, , n]) => [at, n]), top)} />
    <path class="series dashed" d=${line(budget.expected, top)} /><path class="series" d=${line(budget.curve, top)} />
  </svg>`;
}

function Choice({ budgets, chosen, choose }) {
  return html`<fieldset class="choice"><legend class="unseen">${W.provider}</legend>
    ${budgets.map((b) => html`<label key=${b.provider}><input type="radio" name="provider" checked=${b.provider === chosen} onChange=${() => choose(b.provider)} /><span>${b.title}</span></label>`)}
  </fieldset>`;
}

function Table({ budget }) {
  const so = new Map(budget.curve);
  const then = new Map(budget.expected);
  const usual = new Map((budget.usual?.band ?? []).map(([at, low, high]) => [at, `${number(low)}–${number(high)}`]));
  const rows = Array.from({ length: 25 }, (_, nth) => nth * 60).filter((at) => so.has(at) || then.has(at));
  return html`<details class="behind"><summary>${W.table}</summary><div class="scroll" tabindex="0" role="region" aria-label=${words.asTable(W.title)}><table>
    <caption class="unseen">${W.title}</caption>
    <thead><tr><th scope="col">${W.time}</th><th scope="col">${W.left}</th><th scope="col">${W.expectedLeft}</th><th scope="col">${W.usualLeft}</th></tr></thead>
    <tbody>${rows.map((at) => html`<tr key=${at}><th scope="row">${hour(at)}</th><td>${number(so.get(at))}</td><td>${so.has(at) ? "–" : number(then.get(at))}</td><td>${usual.get(at) ?? "–"}</td></tr>`)}</tbody>
  </table></div></details>`;
}
