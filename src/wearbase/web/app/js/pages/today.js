// Today, and any other day.
import { clock, clockRange, duration, energy, energyUnit, number } from "../format.js";
import { html } from "../html.js";
import { DayPage } from "../parts/daypage.js";
import { Hero, SleepCard, StrainCard } from "../parts/headline.js";
import { AsleepBar, StageLegend } from "../parts/night.js";
import { isWide } from "../parts/frame.js";
import { Section } from "../parts/pieces.js";
import { Sahha } from "../parts/sahha.js";
import { Vitals } from "../parts/vitals.js";
import { Workout } from "../parts/workout.js";
import { isGiven, isToday, recoveryState } from "../reading.js";
import { storedDates, isChoosing } from "../state/days.js";
import { to } from "../state/router.js";
import { words } from "../words.js";

const w = words.today;
const MOST_WORKOUTS = 3;

export default function Today() {
  return html`<${DayPage} name="today" view=${Day} />`;
}

function Day({ answer, entry }) {
  const { isKept } = entry;
  const wide = isWide.value;
  const date = isToday(answer) ? null : answer.date;
  const isOffline = Boolean(entry.problem) || isKept && !entry.isLoading;
  const isWaiting = ["pending", "waiting"].includes(recoveryState(answer));
  return html`
    <div class="headlines">
      <${Hero} answer=${answer} isKept=${isOffline} isWide=${wide} />
      <${SleepCard} answer=${answer} isWide=${wide} href=${to("sleep", { date })} />
      <${StrainCard} answer=${answer} isWide=${wide} isKept=${isOffline} at=${entry.at} />
    </div>
    ${isWaiting && isToday(answer) && html`<p class="small after-cards">${wide ? w.yesterdayWide : w.yesterday}</p>`}
    <div class="columns">
      <div>
        ${!isWaiting && html`<${Section} title=${w.vitals} id="s-vitals" note=${`${wide ? `${words.sources.whoop} · ` : ""}${answer.history?.is_running ? w.filling : w.last14}`}><${Vitals} answer=${answer} /><//>`}
        ${wide && html`<${DaySoFar} answer=${answer} />`}
      </div>
      <div>
        ${!isWaiting && html`<${Night} answer=${answer} />`}
        <${Workouts} answer=${answer} />
        <${Naps} answer=${answer} />
        ${!wide && html`<${DaySoFar} answer=${answer} />`}
        <${Also} answer=${answer} />
        <${Sahha} sahha=${answer.sahha} />
      </div>
    </div>
    ${isOffline && storedDates.value.length > 0 && html`<p class="small after-cards">${words.offline.stored(storedDates.value.length)} <button type="button" class="link"
      onClick=${() => { isChoosing.value = true; }}>${words.offline.browse}</button></p>`}
    <p class="small footer-line">${words.disclaimer} <a href=${to("about")}>${words.about}</a></p>`;
}

function Night({ answer }) {
  const { sleep } = answer.day;
  if (!sleep) return null;
  const range = clockRange(sleep.start_at, sleep.end_at, sleep.utc_offset_min);
  return html`<${Section} title=${isToday(answer) ? w.lastNight : w.night} id="s-night" note=${`${range} · ${words.sources.whoop}`}>
    ${isGiven(sleep.asleep_s) ? html`<${AsleepBar} sleep=${sleep} /><${StageLegend} sleep=${sleep} />`
      : html`<p class="small">${sleep.score_state === "UNSCORABLE" ? `${w.unscorable} ${w.unscorableRest}` : words.sleep.notYet}</p>`}
  <//>`;
}

function Workouts({ answer }) {
  const all = answer.day.workouts ?? [];
  const isNow = isToday(answer);
  const count = all.length ? w.count(all.length, isNow) : "";
  const note = isWide.value && count ? `${count} · ${words.sources.whoop}` : count;
  return html`<${Section} title=${w.workouts} id="s-workouts" note=${note}>
    ${!all.length && html`<p class="small">${isNow ? w.noWorkouts : w.noWorkoutsThen}</p>`}
    ${all.slice(0, MOST_WORKOUTS).map((workout) => html`<${Workout} key=${workout.id} workout=${workout} />`)}
    ${all.length > MOST_WORKOUTS && html`<p><a class="link" href=${to("workouts")}>${w.all(all.length)}</a></p>`}
  <//>`;
}

export function napRow(nap, day) {
  const offset = nap.utc_offset_min ?? 0;
  const seconds = nap.asleep_s ?? nap.in_bed_s ?? (Date.parse(nap.end_at) - Date.parse(nap.start_at)) / 1000;
  return html`<li key=${nap.id}><span>${day && html`<span class="row-day">${day}</span> `}${clockRange(nap.start_at, nap.end_at, offset)}</span><b>${duration(seconds)}</b></li>`;
}

function Naps({ answer }) {
  const naps = answer.day.naps ?? [];
  const less = answer.day.sleep?.need_s?.nap;
  const before = isGiven(less) && less <= -30 && isToday(answer) ? w.napBefore(duration(-less)) : "";
  return html`<${Section} title=${w.naps} id="s-naps" note=${naps.length > 0 && words.sources.whoop}>
    ${naps.length ? html`<ul class="rows">${naps.map((nap) => napRow(nap))}</ul>` : html`<p class="small">${isToday(answer) ? w.noNaps : w.noNapsThen} ${before}</p>`}
  <//>`;
}

function DaySoFar({ answer }) {
  const { cycle, sleep } = answer.day;
  if (!cycle) return null;
  const offset = cycle.utc_offset_min ?? sleep?.utc_offset_min ?? 0;
  const isOpen = cycle.is_open;
  const note = isOpen ? w.since(clock(cycle.start_at, offset)) : cycle.end_at ? clockRange(cycle.start_at, cycle.end_at, offset) : "";
  return html`<${Section} title=${isOpen ? w.daySoFar : w.day} id="s-day" note=${`${note}${note ? " · " : ""}${words.sources.whoop}`}>
    <dl class="figures">
      <div><dt>${w.energy}</dt><dd class="num num-s">${number(energy(cycle.energy_kj))}${isGiven(cycle.energy_kj) ? html` <span class="unit">${energyUnit()}</span>`
        : html`<span class="why">${words.vitals.missing.none}</span>`}</dd></div>
      <div><dt>${w.steps}</dt><dd class="num num-s">${number(cycle.steps)}${!isGiven(cycle.steps) && html`<span class="why">${w.noSteps}</span>`}</dd></div>
    </dl>
  <//>`;
}

/** Two cycles or two long sleeps on one day: the others, listed. */
function Also({ answer }) {
  const { other_cycles: cycles = [], other_sleeps: sleeps = [], sleep } = answer.day;
  if (!cycles.length && !sleeps.length) return null;
  const offset = sleep?.utc_offset_min ?? 0;
  return html`<${Section} title=${w.also} id="s-also" note=${words.sources.whoop}><ul class="rows">
    ${cycles.map((cycle) => html`<li key=${cycle.id}><span>${cycle.end_at ? w.alsoCycle(clock(cycle.start_at, offset), clock(cycle.end_at, offset)) : w.alsoOpen(clock(cycle.start_at, offset))}</span>
      <b>${number(cycle.strain, 1)} <span class="unit">${words.workouts.strain}</span></b></li>`)}
    ${sleeps.map((one) => html`<li key=${one.id}><span>${words.sleep.title} ${clockRange(one.start_at, one.end_at, one.utc_offset_min ?? offset)}</span><b>${duration(one.asleep_s)}</b></li>`)}
  </ul><//>`;
}
