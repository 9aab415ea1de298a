// A day without data: the headline is the reason, and the nearest days with data are buttons.
import { clock, dayMonth, dayMonthYear, localDay, moment, shortDay } from "../format.js";
import { html, signal, useEffect } from "../html.js";
import { asked, entryOf, load, today } from "../state/days.js";
import { isSyncing, syncNow } from "../state/live.js";
import { to } from "../state/router.js";
import { isOnline, now } from "../state/session.js";
import { words } from "../words.js";
import { Icon } from "./icons.js";
import { Button } from "./pieces.js";
import { sourceList } from "./source.js";

const w = words.nodata;
const ASKABLE = new Set(["gap", "too_old"]);
const hasAsked = signal(null);

/** What the day says: headline, sentence, and whether WHOOP can be asked. Pure. */
export function reasonOf(answer) {
  const reason = answer.day?.sync?.no_data_reason ?? (answer.day?.sync?.not_yet ? "not_yet" : null);
  const { history, first_day: first } = answer;
  if (reason === "gap") return { title: w.gap, text: w.gapOpen };
  if (reason === "not_reached") return { title: w.not_reached, text: w.not_reachedRest(history?.reached_back_to && dayMonth(history.reached_back_to)) };
  if (reason === "before_history") return { title: w.before_history, text: w.before_historyRest(first && dayMonthYear(first)) };
  if (reason === "kept_no_longer") return { title: w.kept_no_longer, text: w.kept_no_longerRest(answer.kept_days) };
  const known = ["too_old", "not_scorable", "future", "not_connected", "not_yet"].includes(reason);
  return known ? { title: w[reason], text: w[`${reason}Rest`] } : { title: w.unknown, text: w.unknownRest };
}

/** The end of the day before and the beginning of the day after a gap, once both are loaded; null until then. */
export function gapBetween(before, after) {
  const from = before?.day?.cycle?.end_at ?? before?.day?.sleep?.end_at;
  const until = after?.day?.cycle?.start_at ?? after?.day?.sleep?.start_at;
  if (!from || !until || Date.parse(until) <= Date.parse(from)) return null;
  const offsets = [before, after].map(({ day }) => day.sleep?.utc_offset_min ?? 0);
  return { from, until, offsets, hours: Math.round((Date.parse(until) - Date.parse(from)) / 3_600_000) };
}

const instantWords = (instant, offset) => `${shortDay(localDay(instant, offset))}, ${clock(instant, offset)}`;

export function NoData({ answer, name }) {
  const reason = answer.day?.sync?.no_data_reason;
  const { title, text } = reasonOf(answer);
  const { previous_day_with_data: before, next_day_with_data: after } = answer;
  const isGap = reason === "gap" && before && after;
  useEffect(() => { if (isGap) void Promise.all([load(before), load(after)]); }, [isGap, before, after]);
  const gap = isGap ? gapBetween(entryOf(before)?.answer, entryOf(after)?.answer) : null;
  const lastSync = answer.day?.last_sync;
  return html`
    <div class="card hero nodata">
      <${Icon} name=${reason === "gap" ? "strap" : "calendar"} size=${30} />
      <h2 class="nodata-title">${title}</h2>
      <p>${gap ? w.gapFrom(instantWords(gap.from, gap.offsets[0]), instantWords(gap.until, gap.offsets[1])) : text}</p>
      ${isGap && html`<div class="gap-bar" aria-hidden="true"><span></span><span class="gap"></span><span></span></div>
        <div class="gap-words caption"><span>${dayMonth(before)}</span><span>${gap ? w.without(gap.hours) : ""}</span><span>${dayMonth(after)}</span></div>`}
      ${reason === "gap" && lastSync && html`<p class="small">${w.asked(moment(lastSync, now.value))}</p>`}
    </div>
    <div class="nothing">${[[words.today.recovery, words.today.noNight], [words.today.sleep, words.today.noNight], [words.today.strain, words.today.noCycle]].map(([label, why]) => html`
      <div class="card" key=${label}><p class="headline-label">${label}</p><p class="num num-m"><span class="dash">${words.none}</span></p><p class="caption">${why}</p></div>`)}</div>
    <div class="nearest">
      ${before && html`<a class="button plain" href=${to(name, { date: before })}><${Icon} name="left" size=${20} /><span>${shortDay(before)}</span></a>`}
      ${after && html`<a class="button plain" href=${to(name, { date: after === answer.today ? null : after })}><span>${after === answer.today ? words.today.title : shortDay(after)}</span><${Icon} name="right" size=${20} /></a>`}
    </div>
    ${ASKABLE.has(reason) && html`<${Ask} answer=${answer} isOld=${reason === "too_old"} />`}`;
}

function Ask({ answer, isOld }) {
  const source = sourceList(answer).find((one) => one.name === "whoop" && one.connected && one.state !== "needs_reauthorization");
  if (!source || !isOnline.value) return null;
  const ask = () => {
    hasAsked.value = answer.date;
    void syncNow("whoop", { date_range: { start: answer.date, end: answer.date } });
  };
  const isBusy = isSyncing.value && hasAsked.value === answer.date;
  if (isOld) return html`<p class="ask"><${Button} onClick=${ask} isBusy=${isBusy}>${isBusy ? w.asking : w.ask}<//></p>`;
  return html`<p class="ask small">${w.late} <button type="button" class="link" aria-disabled=${isBusy ? "true" : null} onClick=${() => { if (!isBusy) ask(); }}>${isBusy ? w.asking : w.again}</button></p>`;
}

/** Offline, and the day is not on this phone. */
export function Absent() {
  return html`<div class="card hero nodata"><${Icon} name="offline" size=${30} /><h2 class="nodata-title">${words.offline.absentTitle}</h2><p>${words.offline.absent}</p></div>
    <div class="nearest"><a class="button plain" href=${to("today", { date: asked.value === today.value ? null : today.value })}>${words.days.back}</a></div>`;
}
