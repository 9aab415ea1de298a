// The days around the shown one. Links in one tab stop; the arrows move, Enter opens.
import { addDays, dayOfMonth, longDay, rounded, weekday } from "../format.js";
import { html, useEffect, useRef } from "../html.js";
import { band, bars } from "../judge.js";
import { isChoosing, isOffline, knownDays, loadMonth, shown as entry, shownDay, today } from "../state/days.js";
import { route, to } from "../state/router.js";
import { words } from "../words.js";
import { Icon } from "./icons.js";

const w = words.days;

/** Three bars; how many are full says the band again. */
export function Bars({ score }) {
  const full = bars(score);
  return html`<span class=${`bars ${band(score) ?? "no-band"}`} aria-hidden="true">${[1, 2, 3].map((n) => html`<i key=${n} class=${n <= full ? "full" : ""}></i>`)}</span>`;
}

/** What a screen reader is told of a day in a strip or month. */
export function daySaid(known) {
  if (known?.state === "value") return w.recovery(rounded(known.recovery), words.bands[band(known.recovery)]);
  return { pending: w.pending, none: w.none, future: w.future }[known?.state] ?? (isOffline.value ? w.absent : w.loading);
}
export const dayFigure = (known) => (known?.state === "value" ? String(rounded(known.recovery))
  : known?.state === "none" ? words.none : known?.state === "pending" || isOffline.value ? "…" : "");

/** The days of a strip that ends one after the shown day, at latest today. Pure. */
export function stripDays(shown, upto, count) {
  const next = addDays(shown, 1);
  const last = next > upto ? (shown > upto ? shown : upto) : next;
  return Array.from({ length: count }, (_, n) => addDays(last, n - count + 1));
}

const linkTo = (day) => to(route.value === "sleep" ? "sleep" : "today", { date: day === today.value ? null : day });

export function WeekStrip({ count = 7, withSteps = false }) {
  const list = useRef(null);
  const shown = shownDay.value;
  const days = shown ? stripDays(shown, today.value ?? shown, count) : [];
  const known = knownDays.value;
  const isAwaited = !entry.value?.answer && !entry.value?.problem; // the day's answer brings its week
  const missing = days.filter((day) => !known.has(day)).map((day) => day.slice(0, 7));
  const months = [...new Set(missing)].join();
  useEffect(() => { if (months && shown && !isAwaited) months.split(",").forEach((month) => void loadMonth(month)); }, [months, shown, isAwaited]);
  useEffect(() => { // with large text the days are wider than the screen
    const row = list.current;
    const chosen = row.querySelector("[aria-current]")?.parentElement;
    if (chosen && row.scrollWidth > row.clientWidth) row.scrollLeft = chosen.offsetLeft + chosen.offsetWidth - row.clientWidth + row.offsetLeft;
  }, [shown]);
  const onKey = (event) => {
    const links = [...list.current.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: links.length - 1 }[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    links[Math.min(links.length - 1, Math.max(0, next))]?.focus();
  };
  return html`<nav class="strip" aria-label=${w.strip}>
    ${withSteps && html`<${Step} by=${-1} icon="left" name=${w.previous} />`}
    <ol ref=${list} onKeyDown=${onKey}>${days.map((day) => html`<li key=${day}><${Day} day=${day} known=${known.get(day)} isShown=${day === shown} /></li>`)}</ol>
    ${withSteps && html`<${Step} by=${1} icon="right" name=${w.next} />
      <button type="button" class="step" aria-haspopup="dialog" aria-label=${w.month} onClick=${() => { isChoosing.value = true; }}><${Icon} name="calendar" /></button>`}
  </nav>`;
}

function Day({ day, known, isShown }) {
  const inside = html`<span class="strip-day">${weekday(day)} ${dayOfMonth(day)}</span>
    <span class=${`strip-num${known?.state === "value" ? "" : " none"}`}>${dayFigure(known) || html`<span class="bone bone-strip"></span>`}</span><${Bars} score=${known?.recovery} />`;
  if (known?.state === "future") return html`<span class="day" aria-disabled="true">${inside}</span>`;
  return html`<a class="day" href=${linkTo(day)} aria-current=${isShown ? "date" : null} tabindex=${isShown ? 0 : -1}
    aria-label=${w.cell(longDay(day, today.value ?? day), daySaid(known))}>${inside}</a>`;
}

function Step({ by, icon, name }) {
  const day = shownDay.value && addDays(shownDay.value, by);
  const isPast = day && (!today.value || day <= today.value);
  return isPast ? html`<a class="step" href=${linkTo(day)} aria-label=${name}><${Icon} name=${icon} /></a>`
    : html`<span class="step off" aria-hidden="true"><${Icon} name=${icon} /></span>`;
}
