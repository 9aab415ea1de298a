// One workout: sport, time, strain, zones, and one line of facts; a missing fact is left out.
import { climb, clock, distance, duration, energy, energyUnit, number, sport } from "../format.js";
import { html } from "../html.js";
import { isGiven, scoreState, zoneMinutes, zones } from "../reading.js";
import { words } from "../words.js";
import { Icon } from "./icons.js";

const w = words.workouts;
const WHOLE = 0.95; // a strap loses a second now and then; that is not worth a word

/** Six steps: width is time, height is zone. */
export function ZoneBar({ given }) {
  const found = zones(given);
  if (!found) return html`<p class="small">${w.noZones}</p>`;
  const most = found.reduce((sum, zone) => sum + zone.seconds, 0);
  return html`<div class="zones" role="img" aria-label=${found.map((zone) => w.zoneSaid(zone.n, zone.minutes)).join(", ")}>
    <div class="zone-steps" aria-hidden="true">${found.map((zone) => zone.seconds > 0 && html`<span key=${zone.n} class=${`zone z${zone.n}`}
      style=${{ "--size": zone.seconds / most }}></span>`)}</div>
    <ol class="zone-words" aria-hidden="true">${found.map((zone) => html`<li key=${zone.n}><span>${w.zone(zone.n)}</span>
      <b>${zoneMinutes(zone)}</b> ${w.minute}</li>`)}</ol>
  </div>`;
}

/** "avg 148 · max 171 bpm · 412 kcal · 7.1 km" */
export function facts(workout) {
  const { average_heart_rate_bpm: average, max_heart_rate_bpm: max } = workout;
  const rates = [isGiven(average) && w.average(number(average)), isGiven(max) && w.max(number(max))].filter(Boolean).join(" · ");
  const part = workout.recorded_fraction;
  return [
    rates && `${rates} ${w.bpm}`,
    isGiven(workout.energy_kj) && `${number(energy(workout.energy_kj))} ${energyUnit()}`,
    isGiven(workout.distance_m) && workout.distance_m > 0 && distance(workout.distance_m),
    isGiven(workout.altitude_gain_m) && workout.altitude_gain_m >= 0.5 && w.up(climb(workout.altitude_gain_m)),
    isGiven(part) && part < WHOLE && w.recorded(Math.round(part * 100)),
  ].filter(Boolean).map((fact) => fact.replaceAll(" ", "\u00a0")).join(" · ");
}

export function Workout({ workout, level = 3 }) {
  const state = scoreState(workout, workout.strain);
  const offset = workout.utc_offset_min ?? 0;
  const seconds = (Date.parse(workout.end_at) - Date.parse(workout.start_at)) / 1000;
  const line = facts(workout);
  return html`<article class="workout" aria-labelledby=${`w-${workout.id}`}>
    <div class="workout-top">
      <div><${level === 3 ? "h3" : "h4"} id=${`w-${workout.id}`} class="workout-name">${sport(workout.sport)}<//>
        <p class="small">${clock(workout.start_at, offset)} · ${duration(seconds)}</p></div>
      <p class="workout-strain"><span class="num num-s">${isGiven(workout.strain) ? number(workout.strain, 1) : html`<span class="dash">${words.none}</span>`}</span><span class="caption">${w.strain}</span></p>
    </div>
    ${state === "scored" ? html`<${ZoneBar} given=${workout.zones_s} />`
      : html`<p class="workout-state"><${Icon} name="clock" size=${18} />${state === "pending" ? w.notYet : w.notScorable}</p>`}
    ${line && html`<p class="facts">${line}</p>`}
  </article>`;
}
