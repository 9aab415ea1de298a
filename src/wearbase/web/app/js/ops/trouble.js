// What fails, what is parked, and who has to connect again, each with what can be done.
import { html, useEffect, useState } from "../html.js";
import { Diamond, Ring } from "./door.js";
import { day, number, span } from "./figures.js";
import { Dialog } from "./freshness.js";
import { ask, now, retry, show } from "./state.js";
import { words } from "./words.js";

const W = words.trouble;
const DONE = { stored: () => W.stored, parked: W.still, not_connected: () => W.notConnected, gone: () => W.gone };

export function Trouble({ failing }) {
  const [shown, setShown] = useState(null);
  const { counts } = failing;
  const deliveries = failing.parked_deliveries?.newest ?? [];
  const rows = [...failing.parked.map(parkedRow), ...deliveries.map(deliveryRow), ...failing.reconnect.map(brokenRow), ...failing.failing.map(failingRow)];
  const all = counts.parked + deliveries.length + counts.reconnect + counts.failing;
  return html`<section class="card trouble" aria-labelledby="trouble-title">
    <header>
      <h2 id="trouble-title">${W.title}</h2>
      <div class="actions">
        ${all > 0 && html`<span>${W.shown(number(rows.length), number(all))}</span>`}
        ${counts.parked > 1 && html`<${Action} name=${W.allParked} act=${() => retry({ all: ["parked"] }).then(toldMany)} />`}
        ${counts.failing > 0 && html`<${Action} name=${W.all} act=${() => retry({ all: ["failing"] }).then(toldFailing)} />`}
      </div>
    </header>
    ${rows.length === 0 ? html`<p class="empty">${W.none}</p>` : html`<${Rows} rows=${rows} open=${setShown} />`}
    ${all > rows.length && html`<p class="about">${W.more(number(all - rows.length))}</p>`}
    ${shown && html`<${Payload} row=${shown} close=${() => setShown(null)} />`}
  </section>`;
}

function Rows({ rows, open }) {
  return html`<table class="rows" role="table">
    <caption class="unseen">${W.title}</caption>
    <thead role="rowgroup"><tr role="row">${[W.member, W.resource, W.what, W.tries, W.next].map((name) => html`<th key=${name} role="columnheader" scope="col" class=${name === W.tries ? "count" : ""}>${name}</th>`)}<th role="columnheader" scope="col"><span class="unseen">${W.actions}</span></th></tr></thead>
    <tbody role="rowgroup">${rows.map((row) => html`<tr key=${row.key} role="row">
      <td role="cell" class="who"><code>${row.user_id}</code></td>
      <td role="cell" class="which">${row.provider} ${row.resource}</td>
      <td role="cell" class="what"><span class=${`tag ${row.kind}`}>${row.kind === "parked" || row.kind === "delivery" ? html`<${Ring} />` : html`<${Diamond} />`}${W[row.kind]}</span> ${row.what}</td>
      <td role="cell" class="count"><span class="narrow">${W.tries} </span>${row.tries === null ? html`<span class="dash">–</span>` : html`<b>${number(row.tries)}</b>`}</td>
      <td role="cell" class="next">${row.next()}</td>
      <td role="cell" class="do"><div class="actions">${row.actions(open)}</div></td>
    </tr>`)}</tbody>
  </table>`;
}

const named = (row, name) => `${name}, ${row.user_id} ${row.provider} ${row.resource ?? ""}`;

function parkedRow(row) {
  return {
    ...row, kind: "parked", key: `p${row.id}`, what: `${plain(row.reason)}, ${W.record(short(row.external_id))}`,
    next: () => W.person,
    actions: (open) => html`<button class="button" aria-label=${named(row, W.payload)} onClick=${() => open(row)}>${W.payload}</button>
      <${Action} name=${W.retry} said=${named(row, W.retry)} act=${() => retry({ parked: [row.id] }).then(({ parked: [told] }) => show(DONE[told.result](told.reason), told.result !== "stored"))} />`,
  };
}

// A delivery that could not be understood stays in the inbox with its body: it is not shown, and nothing maps it again.
function deliveryRow(row) {
  return {
    ...row, resource: row.event_type, kind: "delivery", key: `d${row.id}`, tries: null, actions: () => null, next: () => W.person,
    what: `${plain(row.reason)}, ${W.since(`${day(row.received_at)} UTC`)}`,
  };
}

function brokenRow(row) {
  const address = `${location.origin}/app/sources`;
  return {
    ...row, resource: W.allOf, kind: "reconnect", key: `b${row.user_id}/${row.provider}`, tries: null,
    what: row.ended_at ? `${W.ended}, ${W.since(`${day(row.ended_at)} UTC`)}` : W.ended, next: () => W.member_must,
    actions: () => html`<${Action} name=${W.copy} said=${named(row, W.copy)} act=${() => navigator.clipboard.writeText(address).then(() => show(words.copied))} />`,
  };
}

function failingRow(row) {
  const key = { user_id: row.user_id, provider: row.provider, resource: row.resource };
  const said = words.errors[row.error]?.(words.names[row.provider] ?? row.provider) ?? row.error;
  return {
    ...row, kind: "failing", key: `f${row.user_id}/${row.provider}/${row.resource}`,
    what: `${said}${row.is_history ? `, ${W.history}` : ""}${row.watermark ? `; ${W.watermark(`${day(row.watermark)} UTC`)}` : ""}`,
    next: () => (row.next_at === null ? "–" : soon(row.next_at)),
    actions: () => html`<${Action} name=${W.retryNow} said=${named(row, W.retryNow)} act=${() => retry({ failing: [key] }).then(toldFailing)} />`,
  };
}

const plain = (reason) => reason.replace(/^The provider sent a record that cannot be understood\. At: /, W.at).replace(/\.$/, "");
const short = (id) => (id.length > 14 ? `${id.slice(0, 8)}…` : id);
function soon(instant) {
  const seconds = (new Date(instant).getTime() - now.value) / 1_000;
  return seconds < 1 ? W.running : `in ${span(seconds)}`;
}
const toldFailing = ({ failing }) => show(failing ? W.asked(failing) : W.nothing);
const toldMany = ({ parked }) => show(W.many(parked.filter((told) => told.result === "stored").length, parked.length));

/** A button that is busy while it acts, and says so when it did not work. */
function Action({ name, said, act }) {
  const [isBusy, setBusy] = useState(false);
  async function press() {
    if (isBusy) return;
    setBusy(true);
    try {
      await act();
    } catch (problem) {
      show(W.failed(problem.requestId), true);
    }
    setBusy(false);
  }
  return html`<button class="button" aria-label=${said} aria-disabled=${isBusy ? "true" : null} onClick=${press}>${name}</button>`;
}

function Payload({ row, close }) {
  const [text, setText] = useState(null);
  const [isBroken, setBroken] = useState(false);
  useEffect(() => {
    ask(`/api/v1/ops/parked/${row.id}`).then((found) => setText(JSON.stringify(found.payload, null, 2)), () => setBroken(true));
  }, [row.id]);
  return html`<${Dialog} title=${words.payload.title(row)} close=${close}>
    <p class="note">${words.payload.warn}</p>
    <p><code>${row.user_id}</code> · ${W.record(row.external_id)}</p>
    <p>${row.reason}</p>
    ${isBroken ? html`<p class="problem" role="alert">${words.payload.failed}</p>` : html`<pre tabindex="0" role="region" aria-label=${words.payload.title(row)} aria-busy=${text === null}>${text ?? words.payload.loading}</pre>`}
  </${Dialog}>`;
}
