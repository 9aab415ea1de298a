// The week's zones, then every workout by day, twenty at a time.
import { dayRange, duration, durationParts, firstWeekday, longDay } from "../format.js";
import { html, signal, useEffect, useState } from "../html.js";
import { api } from "../api.js";
import { PageHead } from "../parts/frame.js";
import { Bone, Button, ErrorCard } from "../parts/pieces.js";
import { Unconnected } from "../parts/unconnected.js";
import { Workout, ZoneBar } from "../parts/workout.js";
import { isFirstVisit, isGiven } from "../reading.js";
import { load, newestAnswer, today } from "../state/days.js";
import { isOnline, userId } from "../state/session.js";
import { words } from "../words.js";

const w = words.workouts;
const found = signal(null);

async function fetchWorkouts(before) {
  const user = userId.value;
  found.value = { ...found.value, isLoading: true, problem: null };
  try {
    const answer = await api.workouts(user, firstWeekday(), before);
    if (user !== userId.value) return;
    const earlier = before ? found.value.workouts : [];
    found.value = { user, workouts: [...earlier, ...answer.workouts], next: answer.next, week: before ? found.value.week : answer.week, isLoading: false };
  } catch (problem) {
    found.value = { ...found.value, isLoading: false, problem };
  }
}

/** `[[day, workouts], …]` in the order given. Pure. */
export function byDay(workouts) {
  const days = new Map();
  for (const workout of workouts) days.set(workout.day, [...(days.get(workout.day) ?? []), workout]);
  return [...days];
}

export default function Workouts() {
  useEffect(() => { void load(null); }, []);
  const revision = newestAnswer.value?.day?.last_sync;
  const [seen, setSeen] = useState(null);
  useEffect(() => {
    if (seen === (revision ?? "") && found.value?.user === userId.value) return;
    setSeen(revision ?? "");
    if (!found.value?.isLoading) void fetchWorkouts();
  }, [revision]);
  useEffect(() => { if (isOnline.value && found.value?.problem && !found.value.isLoading) void fetchWorkouts(); }, [isOnline.value]);
  const state = found.value?.user === userId.value || found.value?.problem || found.value?.isLoading ? found.value : null;
  const day = today.value;
  const sub = day && state?.week ? dayRange(state.week.from, day) : "";
  const list = state?.workouts;
  const isNew = newestAnswer.value && isFirstVisit(newestAnswer.value);
  return html`<${PageHead} title=${w.title} sub=${sub} canChoose=${Boolean(sub)} />
    ${isNew ? html`<${Unconnected} />` : state?.problem && !list ? html`<${ErrorCard} problem=${state.problem} what=${words.nav.workouts.toLowerCase()} onAgain=${() => void fetchWorkouts()} />` : html`<div class="workout-columns">
      <div><${Week} week=${state?.week} /></div>
      <div>${list?.length === 0 && html`<div class="section"><h2>${w.none}</h2><p class="small">${w.noneRest}</p></div>`}
      <div class="workout-days">${list && byDay(list).map(([on, workouts]) => html`<section key=${on} class="section" aria-labelledby=${`d-${on}`}>
        <h3 class="workout-day" id=${`d-${on}`}>${on === day ? w.todayDay(longDay(on, day)) : longDay(on, day ?? on)}</h3>
        ${workouts.map((workout) => html`<${Workout} key=${workout.id} workout=${workout} level=${4} />`)}</section>`)}</div>
      ${state?.next && html`<${Button} class="wide" isBusy=${state.isLoading} disabled=${!isOnline.value} reason=${!isOnline.value && words.fresh.offlineReason}
        onClick=${() => { if (!state.isLoading) void fetchWorkouts(state.next); }}>${state.isLoading ? w.loading : w.earlier}<//>`}
      ${state?.problem && list && html`<p class="small" role="status">${words.notices.notRefreshed}
        <button type="button" class="link" onClick=${() => void fetchWorkouts()}>${words.error.again}</button></p>`}</div></div>`}`;
}

function Week({ week }) {
  return html`<section class="card hero week" aria-labelledby="h-week" aria-busy=${week ? null : "true"}>
    <div class="hero-top"><h2 id="h-week">${w.week}</h2>${week && html`<p class="small">${w.count(week.count)} · ${words.sources.whoop}</p>`}</div>
    ${!week ? html`<${Bone} size="m" /><${Bone} size="bar" />` : week.count === 0 ? html`<p>${w.noneWeek}</p>` : html`
      <p class="week-sum"><span class="num num-m">${durationParts(week.duration_s).map(([n, unit]) => html`${n}${unit && html`<span class="unit-inline"> ${unit} </span>`}`)}</span>
        <span class="small">${isGiven(week.usual_s?.low) ? w.usualWeek(`${duration(week.usual_s.low)}–${duration(week.usual_s.high)}`) : w.usualForming}</span></p>
      <${ZoneBar} given=${week.zones_s} /><p class="small">${w.note}</p>`}
  </section>`;
}
