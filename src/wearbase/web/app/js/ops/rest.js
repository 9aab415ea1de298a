// Deliveries, why calls were made, and workers.
import { html } from "../html.js";
import { hour, number, span } from "./figures.js";
import { now } from "./state.js";
import { words } from "./words.js";

export function Deliveries({ deliveries }) {
  const W = words.deliveries;
  const most = Math.max(1, ...deliveries.by_half_hour);
  const waiting = deliveries.waiting + deliveries.waiting_idle;
  const facts = [["stored", deliveries.stored], ["waiting", deliveries.waiting], ["idle", deliveries.waiting_idle], ["parked", deliveries.parked], ["unknown", deliveries.unknown]];
  return html`<section class="card deliveries" aria-labelledby="deliveries-title">
    <header><h2 id="deliveries-title">${W.title}</h2><p>${W.sum(number(deliveries.total), number(waiting))}</p></header>
    <div class="split">
      <div>
        ${deliveries.total === 0 ? html`<p class="empty">${W.none}</p>` : html`
          <div class="columns" role="img" aria-label=${W.said(deliveries.total)}>${deliveries.by_half_hour.map((count, nth) => html`<span key=${nth} class=${count ? "" : "nothing"} style=${{ "--size": count / most }}></span>`)}</div>
          <div class="ends" aria-hidden="true"><span>${W.from}</span><span>${W.now}</span></div>`}
      </div>
      <dl class="facts">${facts.map(([name, count]) => html`<div key=${name}><dt>${W[name]}</dt><dd>${number(count)}</dd></div>`)}</dl>
    </div>
    ${deliveries.total > 0 && html`<details class="behind"><summary>${W.table}</summary><div class="scroll" tabindex="0" role="region" aria-label=${words.asTable(W.title)}><table>
      <caption class="unseen">${W.title}</caption>
      <thead><tr><th scope="col">${W.time}</th><th scope="col">${W.count}</th></tr></thead>
      <tbody>${deliveries.by_half_hour.map((count, nth) => html`<tr key=${nth}><th scope="row">${hour(nth * 30)}</th><td>${number(count)}</td></tr>`)}</tbody>
    </table></div></details>`}
  </section>`;
}

export function Why({ budget }) {
  const W = words.why;
  const all = budget.by_group.reduce((sum, group) => sum + group.calls, 0);
  return html`<section class="card why" aria-labelledby="why-title">
    <header><h2 id="why-title">${W.title}</h2><p>${budget.title}</p></header>
    ${all === 0 ? html`<p class="empty">${W.none}</p>` : html`<dl class="shares">${budget.by_group.map(({ group, calls }) => html`<div key=${group}>
      <dt>${W.groups[group] ?? group}</dt><dd><b>${share(calls, all)} %</b><span class="about">${W.calls(number(calls))}</span></dd>
      <dd class="share" aria-hidden="true"><span style=${{ "--size": calls / all }}></span></dd>
    </div>`)}</dl>`}
  </section>`;
}

const share = (calls, all) => (calls > 0 && calls / all < 0.01 ? "under 1" : number(Math.round((100 * calls) / all)));

export function Workers({ workers }) {
  const W = words.workers;
  return html`<section class="card workers" aria-labelledby="workers-title">
    <header><h2 id="workers-title">${W.title}</h2></header>
    ${workers.length === 0 ? html`<p class="empty">${W.none}</p>` : html`<div class="scroll" tabindex="0" role="region" aria-label=${words.asTable(W.title)}><table>
      <caption class="unseen">${W.title}</caption>
      <thead><tr><th scope="col">${W.worker}</th><th scope="col">${W.doing}</th><th scope="col" class="count">${W.lease}</th></tr></thead>
      <tbody>${workers.flatMap(lines)}</tbody>
    </table></div>`}
  </section>`;
}

function lines(worker, nth) {
  const W = words.workers;
  const name = html`<th scope="row"><code title=${worker.id}>w-${nth + 1}</code></th>`;
  if (!worker.is_alive) return [html`<tr key=${worker.id}>${name}<td class="bad">${W.dead(span((now.value - new Date(worker.heartbeat_at).getTime()) / 1_000))}</td><td class="count">–</td></tr>`];
  if (worker.work.length === 0) return [html`<tr key=${worker.id}>${name}<td>${W.idle}</td><td class="count">–</td></tr>`];
  return worker.work.map((work, place) => html`<tr key=${`${worker.id}${place}`}>${name}<td>${doing(work)}</td><td class="count"><b>${work.lease_s === null ? "–" : span(work.lease_s)}</b></td></tr>`);
}

function doing(work) {
  const W = words.workers;
  if (work.chore) return W.chore(work.chore);
  const reasons = work.reasons.map((reason) => W.reasons[reason] ?? reason);
  const what = [...new Set(reasons)].join(", ") || (work.is_history ? W.history : "");
  const waits = work.waits_until ? W.waits(span((new Date(work.waits_until).getTime() - now.value) / 1_000)) : "";
  return html`<code>${work.user_id}</code> ${[what, work.resources.join(", "), waits].filter(Boolean).join(" · ")}`;
}
