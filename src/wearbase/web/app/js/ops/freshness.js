// How old everybody's newest success is, and who is late.
import { html, useEffect, useRef, useState } from "../html.js";
import { day, number, span } from "./figures.js";
import { ask } from "./state.js";
import { words } from "./words.js";

const W = words.freshness;

export function Freshness({ freshness }) {
  const [isOpen, setOpen] = useState(false);
  const most = Math.max(1, ...freshness.parts.map((part) => part.members));
  const late = freshness.parts.reduce((sum, part) => sum + part.late, 0);
  return html`<section class="card freshness" aria-labelledby="fresh-title">
    <header><h2 id="fresh-title">${W.title}</h2><p>${W.about}</p></header>
    <dl class="bars">${freshness.parts.map((part, nth) => html`<div key=${part.from_s}>
      <dt>${W.parts[nth]}</dt>
      <dd>
        ${part.members > 0 && html`<span class=${`bar ${part.late ? "late" : part.from_s >= 3_600 ? "old" : ""}`} style=${{ "--size": part.members / most }}></span>`}
        <b>${number(part.members)}</b>
        ${part.late > 0 && html`<span class="bad">${W.late(number(part.late))}</span>`}
        ${part.idle > 0 && part.from_s >= 3_600 && html`<span class="about">${W.idle(number(part.idle))}</span>`}
      </dd>
    </div>`)}</dl>
    <footer>
      <p>${freshness.median_s === null ? W.none : html`${W.median} <b>${span(freshness.median_s)}</b>`}${freshness.never > 0 && html`<span class="about"> · ${W.never(number(freshness.never))}</span>`}</p>
      ${late > 0 && html`<button class="link" onClick=${() => setOpen(true)}>${W.show(number(late))}</button>`}
    </footer>
    ${isOpen && html`<${Late} close=${() => setOpen(false)} />`}
  </section>`;
}

function Late({ close }) {
  const [rows, setRows] = useState([]);
  const [next, setNext] = useState("");
  const [problem, setProblem] = useState(false);
  async function more() {
    setProblem(false);
    try {
      const page = await ask(`/api/v1/ops/members?state=stale&after=${encodeURIComponent(next)}`);
      setRows((before) => [...before, ...page.members]);
      setNext(page.next);
    } catch {
      setProblem(true);
    }
  }
  useEffect(() => { void more(); }, []);
  return html`<${Dialog} title=${words.late.title} close=${close}>
    <p>${words.late.about}</p>
    ${rows.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label=${words.asTable(words.late.title)}><table>
      <thead><tr><th scope="col">${words.late.member}</th><th scope="col">${words.late.last}</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.user_id}><th scope="row"><code>${row.user_id}</code></th><td>${row.last_success_at ? `${day(row.last_success_at)} UTC` : "–"}</td></tr>`)}</tbody>
    </table></div>`}
    ${next === null && rows.length === 0 && html`<p>${words.late.none}</p>`}
    ${problem && html`<p class="problem" role="alert">${words.late.failed}</p>`}
    ${(problem || (next && rows.length > 0)) && html`<button class="button" onClick=${more}>${words.late.more}</button>`}
  </${Dialog}>`;
}

/** A dialog that opens at once and gives the focus back when it closes. */
export function Dialog({ title, close, children }) {
  const box = useRef(null);
  useEffect(() => {
    const from = document.activeElement;
    box.current.showModal();
    return () => from?.isConnected && from.focus();
  }, []);
  return html`<dialog ref=${box} aria-labelledby="dialog-title" onClose=${close} onClick=${(event) => event.target === box.current && box.current.close()}>
    <div class="sheet">
      <header><h2 id="dialog-title">${title}</h2><button class="button" onClick=${() => box.current.close()}>${words.payload.close}</button></header>
      ${children}
    </div>
  </dialog>`;
}
