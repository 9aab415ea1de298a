// Choosing a day: a month of recoveries in a sheet from below. Arrows move a day, PageUp and PageDown a month, Home and End a week.
import { addDays, dayOfMonth, longDay, monthTitle, placeInWeek, weekday, weekdayLong } from "../format.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../html.js";
import { band } from "../judge.js";
import { isChoosing, isOffline, loadMonth, monthOf, newestAnswer, shownDay, today } from "../state/days.js";
import { go, route, to } from "../state/router.js";
import { words } from "../words.js";
import { Icon } from "./icons.js";
import { Button } from "./pieces.js";
import { Bars, dayFigure, daySaid } from "./strip.js";

const w = words.days;

export const addMonths = (month, count) => {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 1 + count, 1)).toISOString().slice(0, 7);
};
/** Six weeks of seven places: a day or null. Pure. */
export function weeksOf(month) {
  const first = `${month}-01`;
  const days = [];
  for (let day = first; day.startsWith(month); day = addDays(day, 1)) days.push(day);
  const places = [...Array(placeInWeek(first)).fill(null), ...days];
  return Array.from({ length: 6 }, (_, week) => Array.from({ length: 7 }, (_, n) => places[week * 7 + n] ?? null));
}
/** How many days of each band, and of none. */
export function counts(days) {
  const found = { high: 0, mid: 0, low: 0, none: 0 };
  for (const day of days ?? []) {
    if (day.state === "value") found[band(day.recovery)] += 1;
    else if (day.state === "none") found.none += 1;
  }
  return found;
}
/** Where a key leads from a day: another day, or null for a key that does nothing. Never past `last`. */
export function moved(day, key, last) {
  const place = placeInWeek(day);
  const until = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7, Home: -place, End: 6 - place }[key];
  let next = null;
  if (until !== undefined) next = addDays(day, until);
  else if (key === "PageUp" || key === "PageDown") {
    const month = addMonths(day.slice(0, 7), key === "PageUp" ? -1 : 1);
    const end = addDays(`${addMonths(month, 1)}-01`, -1);
    next = `${month}-${day.slice(8)}` > end ? end : `${month}-${day.slice(8)}`;
  }
  return next && next > last ? (key === "PageDown" || key === "End" || key === "ArrowDown" ? last : null) : next;
}

export function MonthSheet() {
  const sheet = useRef(null);
  const last = today.value ?? shownDay.value;
  const [focused, setFocused] = useState(shownDay.value ?? last);
  const [wantsFocus, setWantsFocus] = useState(true);
  const month = focused.slice(0, 7);
  const entry = monthOf(month);
  useLayoutEffect(() => {
    sheet.current.showModal();
    return () => { isChoosing.value = false; };
  }, []);
  useEffect(() => { void loadMonth(month); }, [month]);
  useLayoutEffect(() => { if (wantsFocus) sheet.current?.querySelector("[data-focused]")?.focus(); }, [focused, wantsFocus]);
  const close = () => sheet.current?.close();
  const open = (day) => {
    close();
    go(to(route.value === "sleep" ? "sleep" : "today", { date: day === today.value ? null : day }));
  };
  const turn = (count) => {
    setWantsFocus(false);
    const next = addMonths(month, count);
    setFocused(next === last.slice(0, 7) ? last : `${next}-01`);
  };
  const onKey = (event) => {
    const next = moved(focused, event.key, last);
    if (next === null) return;
    event.preventDefault();
    setWantsFocus(true);
    setFocused(next);
  };
  const known = new Map((entry?.days ?? []).map((day) => [day.day, day]));
  return html`<dialog class="sheet" ref=${sheet} aria-labelledby="sheet-title" onClose=${() => { isChoosing.value = false; }}
      onClick=${(event) => { if (event.target === sheet.current) close(); }}>
    <div class="sheet-inside">
      <span class="grip" aria-hidden="true"></span>
      <header class="sheet-head"><div><h2 id="sheet-title">${w.sheet}</h2><p class="small">${isOffline.value && entry?.isKept ? w.noneOnPhone : w.about}</p></div>
        <button type="button" class="link done" onClick=${close}>${w.done}</button></header>
      <table role="grid" class="month" aria-label=${w.grid(monthTitle(month))} aria-busy=${entry?.days ? null : "true"} onKeyDown=${onKey}>
        <thead><tr>${weeksOf("2026-06").flat().filter(Boolean).slice(0, 7).sort((a, b) => placeInWeek(a) - placeInWeek(b)).map((day) => html`<th key=${day} scope="col" abbr=${weekdayLong(day)}>${weekday(day)}</th>`)}</tr></thead>
        <tbody>${weeksOf(month).map((week, n) => html`<tr key=${`${month}-${n}`}>${week.map((day, place) => html`<${Cell} key=${day ?? place} day=${day} known=${known.get(day)}
          isLoading=${!entry?.days} focused=${focused} last=${last} onOpen=${open} />`)}</tr>`)}</tbody>
      </table>
      ${entry?.problem && !entry.problem.isOffline && html`<p class="small" role="status">${w.failed} <button type="button" class="link" onClick=${() => void loadMonth(month)}>${words.error.again}</button></p>`}
      <${Counts} found=${counts(entry?.days)} />
      <${Stepper} month=${month} last=${last} onTurn=${turn} setFocused=${setFocused} setWantsFocus=${setWantsFocus} />
    </div>
  </dialog>`;
}

function Cell({ day, known, isLoading, focused, last, onOpen }) {
  if (!day) return html`<td class="cell-none"></td>`;
  const isAhead = day > last;
  const state = isAhead ? { day, state: "future" } : known ?? (isLoading ? null : { day, state: "none" });
  const isShown = day === shownDay.value;
  const name = w.cell(longDay(day, last), daySaid(state));
  return html`<td role="gridcell" class=${`cell${state?.state === "none" ? " no-data" : ""}`} aria-selected=${isShown ? "true" : "false"}>
    ${isAhead ? html`<span class="cell-day ahead">${dayOfMonth(day)}</span>` : html`<button type="button" tabindex=${day === focused ? 0 : -1} data-focused=${day === focused ? "" : null} aria-label=${name}
      onClick=${() => onOpen(day)}><span class="cell-day">${dayOfMonth(day)}</span>
      <span class=${`num num-xs${state?.state === "value" ? "" : " none"}`}>${state ? dayFigure(state) : html`<span class="bone bone-strip"></span>`}</span>${state?.state !== "none" && html`<${Bars} score=${state?.recovery} />`}</button>`}
  </td>`;
}

const EXAMPLES = { high: 80, mid: 50, low: 10 };
function Counts({ found }) {
  return html`<dl class="counts">${Object.entries(w.counts).map(([name, label]) => html`<div key=${name}><dt>${name === "none" ? html`<span class="no-data-box" aria-hidden="true"></span>`
    : html`<${Bars} score=${EXAMPLES[name]} />`}${label}</dt><dd>${found[name]}</dd></div>`)}</dl>`;
}

function Stepper({ month, last, onTurn, setFocused, setWantsFocus }) {
  const first = (newestAnswer.value?.first_day ?? addDays(last, -400)).slice(0, 7);
  const months = [];
  for (let one = last.slice(0, 7); one >= first || one >= month; one = addMonths(one, -1)) months.push(one);
  const choose = (event) => {
    const chosen = event.target.value;
    setWantsFocus(false);
    setFocused(chosen === last.slice(0, 7) ? last : `${chosen}-01`);
  };
  const isLast = month >= last.slice(0, 7);
  return html`<div class="stepper">
    <${Button} aria-label=${w.previousMonth} onClick=${() => onTurn(-1)}><${Icon} name="left" /><//>
    <label class="month-choice"><span class="unseen">${w.month}</span><select class="button" value=${month} onChange=${choose}>${months.map((one) => html`<option key=${one} value=${one}>${monthTitle(one)}</option>`)}</select><${Icon} name="down" size=${20} /></label>
    <${Button} aria-label=${w.nextMonth} disabled=${isLast} onClick=${() => onTurn(1)}><${Icon} name="right" /><//>
  </div>`;
}
