// The operator's page: figures of everybody, live. No health value but in the payload of one parked record, on demand.
import { html, render, useState } from "../html.js";
import { Mark } from "../parts/icons.js";
import { Cards } from "../ops/cards.js";
import { Curve } from "../ops/curve.js";
import { Diamond, Door } from "../ops/door.js";
import { second } from "../ops/figures.js";
import { Freshness } from "../ops/freshness.js";
import { Deliveries, Why, Workers } from "../ops/rest.js";
import { begin, failing, isBroken, isLive, leave, session, summary, toast } from "../ops/state.js";
import { Trouble } from "../ops/trouble.js";
import { words } from "../ops/words.js";

function Page() {
  const [provider, choose] = useState(null);
  if (session.value === undefined) return html`<main class="door" aria-busy="true">${isBroken.value && html`<p role="status">${words.door.offline}</p>`}</main>`;
  if (session.value === null) return html`<${Door} />`;
  const figures = summary.value;
  const budget = figures?.budgets.find((b) => b.provider === provider) ?? figures?.budgets[0];
  return html`
    <header class="top">
      <h1><${Mark} /> <span><b>${words.brand}</b> ${words.title}</span>${session.value.is_demo && html`<span class="demo">${words.demo}</span>`}</h1>
      <p class="who">
        <span class=${isLive.value ? "live" : "live not"}>${isLive.value ? html`<i></i>` : html`<${Diamond} />`}${isLive.value && figures ? words.live(second(figures.at)) : words.notLive(figures && second(figures.at))}</span>
        <span>${words.key} <code>${session.value.key}</code></span>
        <button class="link" onClick=${leave}>${words.signOut}</button>
      </p>
    </header>
    <main>
      ${!figures && html`<p class="empty" role="status">${words.loading}</p>`}
      ${figures && budget && html`
        <${Cards} summary=${figures} budget=${budget} />
        <div class="two">
          <${Curve} budget=${budget} budgets=${figures.budgets} choose=${choose} at=${figures.at} />
          <${Freshness} freshness=${figures.freshness} />
        </div>`}
      ${failing.value && html`<${Trouble} failing=${failing.value} />`}
      ${figures && budget && html`<div class="three">
        <${Deliveries} deliveries=${figures.deliveries} /><${Why} budget=${budget} /><${Workers} workers=${figures.workers} />
      </div>`}
    </main>
    <div class="toasts">
      <p role="status">${toast.value && !toast.value.isProblem && html`<span class="toast">${toast.value.text}</span>`}</p>
      <p role="alert">${toast.value?.isProblem && html`<span class="toast bad"><${Diamond} /> ${toast.value.text} <button class="link" onClick=${() => { toast.value = null; }}>${words.payload.close}</button></span>`}</p>
    </div>`;
}

render(html`<${Page} />`, document.getElementById("ops"));
void begin();
