// The row of figures at the top.
import { html } from "../html.js";
import { minute, number, percent, span } from "./figures.js";
import { now } from "./state.js";
import { words } from "./words.js";

const WORDS = ["current", "filling", "stale", "reconnect"];

function Card({ label, children, unit, about, kind = "" }) {
  return html`<section class=${`card figure ${kind}`}>
    <h2>${label}</h2>
    <p class="big">${children}${unit && html` <span class="unit">${unit}</span>`}</p>
    <p class="about">${about}</p>
  </section>`;
}

function Members({ members }) {
  const parts = WORDS.filter((word) => members[word]);
  return html`<section class="card figure members">
    <h2>${words.members.title}</h2>
    <div class="with-bar">
      <p class="big">${number(members.total)}</p>
      <div class="parts" role="img" aria-label=${words.members.said(members)}>
        ${parts.map((word) => html`<span key=${word} class=${word} style=${{ flexGrow: members[word] }}></span>`)}
      </div>
    </div>
    <ul class="legend">${WORDS.map((word) => html`<li key=${word}><span class=${`swatch ${word}`}></span>${words.members[word]} <b>${number(members[word])}</b></li>`)}</ul>
  </section>`;
}

export function Cards({ summary, budget }) {
  const { members, deliveries, trouble, workers } = summary;
  const alive = workers.filter((worker) => worker.is_alive);
  const newest = Math.max(...workers.map((worker) => new Date(worker.heartbeat_at).getTime()));
  const shut = budget.closed_until ? words.cards.closed(minute(budget.closed_until)) : budget.paused_until ? words.cards.paused(minute(budget.paused_until)) : null;
  return html`<div class="cards">
    <${Members} members=${members} />
    <${Card} label=${words.cards.day} about=${words.cards.dayOf(number(budget.day.limit))}>${number(budget.day.left)}</${Card}>
    <${Card} label=${words.cards.minute} about=${shut ?? words.cards.minuteOf(number(budget.minute.limit))} kind=${shut ? "bad" : ""}>${number(budget.minute.left)}</${Card}>
    <${Card} label=${words.cards.quick} unit=${deliveries.quick_percent === null ? null : "%"} about=${deliveries.quick_percent === null ? words.cards.quickNone : words.cards.quickOf}>${percent(deliveries.quick_percent)}</${Card}>
    <${Card} label=${words.cards.parked} about=${trouble.parked ? words.cards.parkedSome : words.cards.parkedNone}>${number(trouble.parked)}${trouble.parked >= trouble.counted_to ? "+" : ""}</${Card}>
    <${Card} label=${words.cards.workers} kind=${alive.length ? "" : "bad"} unit=${workers.length ? words.cards.workersOf(workers.length) : null} about=${workers.length ? words.cards.beat(span((now.value - newest) / 1_000)) : words.cards.workersNone}>${alive.length}</${Card}>
  </div>`;
}
