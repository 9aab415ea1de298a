// Small pieces that every page uses.
import { dayMonth, clock, localDay, phoneOffset } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { words } from "../words.js";
import { Icon } from "./icons.js";

/** A section with its heading; `note` stands at the right: source, age, count. */
export function Section({ title, note, id, children, class: extra = "" }) {
  const name = id ?? `s-${title.replace(/\W+/g, "-").toLowerCase()}`;
  return html`<section class=${`section ${extra}`} aria-labelledby=${name}>
    <div class="section-head"><h2 id=${name}>${title}</h2>${note && html`<div class="section-note">${note}</div>`}</div>
    ${children}
  </section>`;
}

/** kind: "primary", "plain" or "danger". `isBusy` keeps the width. A disabled one has its `reason` beside it. */
export function Button({ kind = "plain", isBusy = false, icon, iconAfter, reason, children, class: extra = "", ...rest }) {
  return html`<button type="button" class=${`button ${kind}${isBusy ? " busy" : ""} ${extra}`} aria-busy=${isBusy ? "true" : null} ...${rest}>
    ${icon && html`<${Icon} name=${icon} size=${20} />`}<span>${children}</span>${iconAfter && html`<${Icon} name=${iconAfter} size=${20} />`}
  </button>${reason && html`<p class="reason">${reason}</p>`}`;
}

/** kind: "info", "offline" or "action". One per page. `isAlert`: a failure that loses an action. */
export function Notice({ kind = "info", title, children, action, isAlert = false }) {
  return html`<div class=${`notice ${kind}`} role=${isAlert ? "alert" : "status"}>
    ${title && html`<p class="notice-title">${kind === "action" && html`<span class="shape open" aria-hidden="true"></span>`}${title}</p>`}
    <div class="notice-body">${children}</div>${action}
  </div>`;
}

/** A determinate bar; without a known `total` only the count stands. */
export function Progress({ label, value, total, text }) {
  if (!total) return html`<p class="progress-text">${text}</p>`;
  const part = Math.min(1, value / total);
  return html`<div class="progress" role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax=${total} aria-valuenow=${value} aria-valuetext=${text}>
    <div class="progress-done" style=${{ "--part": part }}></div>
  </div>`;
}

/** One card for something that did not load. `what` as in "The server gave no answer for …". */
export function ErrorCard({ problem, what = words.error.page, onAgain }) {
  if (problem.isOffline) return html`<${Away} onAgain=${onAgain} />`;
  const at = problem.at ?? Date.now();
  const offset = phoneOffset(at);
  return html`<div class="card error-card" role="alert">
    <h2><span class="shape failing" aria-hidden="true"></span>${words.error.title}</h2>
    <p>${words.error.answer(what)}</p>
    ${onAgain && html`<${Button} icon="sync" onClick=${onAgain}>${words.error.again}<//>`}
    <p class="small">${dayMonth(localDay(at, offset))} ${clock(at, offset)}${problem.requestId && ` · ${words.error.id(problem.requestId)}`}</p>
  </div>`;
}

/** Nothing failed: there is no connection. */
const Away = ({ onAgain }) => html`<div class="card error-card" role="status"><${Icon} name="offline" size=${30} /><h2>${words.error.offlineTitle}</h2>
  <p>${words.error.offline}</p>${onAgain && html`<${Button} icon="sync" onClick=${onAgain}>${words.error.again}<//>`}</div>`;

/** Whether it has lasted long enough (150 ms) that a skeleton is better than nothing. */
export function useLate(isWaiting, ms = 150) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!isWaiting) return setLate(false);
    const timer = setTimeout(() => setLate(true), ms);
    return () => clearTimeout(timer);
  }, [isWaiting, ms]);
  return isLate && isWaiting;
}

/** A grey box in the size of what will stand there: a class of parts.css gives the size. */
export const Bone = ({ size = "line" }) => html`<span class=${`bone bone-${size}`} aria-hidden="true"></span>`;
