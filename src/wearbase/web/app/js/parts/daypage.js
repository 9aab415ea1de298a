// What Today and Sleep share: loading a day, its head, and every reason why there may be nothing to show.
import { dayMonthYear, longDay, shortDay } from "../format.js";
import { html, useEffect } from "../html.js";
import { isEmpty, isFirstVisit, isToday } from "../reading.js";
import { asked, isOffline, load, newestAnswer, shown, shownDay, standInDay, today } from "../state/days.js";
import { say } from "../state/live.js";
import { words } from "../words.js";
import { isWide, PageHead } from "./frame.js";
import { later } from "./later.js";
import { ErrorCard } from "./pieces.js";
import { Skeleton } from "./skeleton.js";
import { sourceList } from "./source.js";
import { daySaid, WeekStrip } from "./strip.js";
import { Movable } from "./touch.js";

const NoData = later(() => import("./nodata.js"), "NoData");
const Absent = later(() => import("./nodata.js"), "Absent");
const Connect = later(() => import("./connect.js"), "Connect");

/** name: "today" or "sleep"; `view` shows a day that has something in it. */
export function DayPage({ name, view: View }) {
  const day = asked.value;
  useEffect(() => { void load(day); }, [day]);
  const entry = shown.value;
  const stand = standInDay.value;
  useEffect(() => { if (stand) void load(stand); }, [stand]);
  useSpokenDay(entry, day);
  const answer = entry?.answer;
  if (answer && isFirstVisit(answer)) return html`<${Connect} />`;
  return html`<${Movable}>
    <${PageHead} ...${headOf(name, answer, entry)} canChoose=${true} />
    ${isWide.value && html`<${WeekStrip} count=${14} withSteps=${true} />`}
    <div class="whole-day" aria-busy=${entry?.isLoading && !answer ? "true" : null}>
      ${answer ? (isEmpty(answer.day) && !isWaking(answer) ? html`<${NoData} answer=${answer} name=${name} />` : html`<${View} answer=${answer} entry=${entry} />`)
        : entry?.problem ? (isOffline.value && day ? html`<${Absent} />` : html`<${ErrorCard} problem=${entry.problem} what=${day ? longDay(day) : words.today.title} onAgain=${() => void load(day, { again: true })} />`)
        : html`<${Skeleton} name=${name} />`}
    </div>
  <//>`;
}

/** Today before WHOOP has sent anything: the page stands, with dashes. */
const isWaking = (answer) => isToday(answer) && !answer.day?.sync?.no_data_reason && sourceList(answer).some((source) => source.connected);

function headOf(name, answer, entry) {
  const date = answer?.date ?? shownDay.value;
  const now = answer?.today ?? today.value ?? (asked.value ? null : date);
  const full = longDay(date, now ?? date);
  const isEmptyDay = answer && isEmpty(answer.day) && !isWaking(answer);
  const isNow = date === now && !entry?.isStandIn;
  const state = entry?.isStandIn ? words.offline.sub : standInDay.value && standInDay.value === answer?.date ? words.notices.newestStored : isEmptyDay ? words.nodata.sub : "";
  if (name === "sleep") return { title: words.sleep.title, sub: words.sleep.night(shortDay(date)) };
  const title = isNow ? words.today.title : date.slice(0, 4) === (now ?? date).slice(0, 4) ? shortDay(date) : dayMonthYear(date);
  return { title, sub: state || full };
}

let spokenFor;
/** Says once which day is now on the screen, after it was chosen. */
function useSpokenDay(entry, day) {
  const date = entry?.answer?.date;
  useEffect(() => {
    if (spokenFor === undefined) spokenFor = date && day;
    else if (date && spokenFor !== day) {
      spokenFor = day;
      const known = newestAnswer.value && entry.answer.strip?.find((one) => one.day === date);
      say(words.days.cell(longDay(date), daySaid(known)));
    }
  }, [date, day]);
}
