// A member's days: cycle, sleep, workout and recovery in lanes over five days, now as a line.

import { at, band, bandWord, s } from "./dom.js";
import { nowMs, state } from "./feed.js";
import { dayText, timeText } from "./times.js";

const TOP = { cycle: 12, sleep: 62, workout: 110, recovery: 158 };
const HEIGHT = 236;
const GLYPH = { high: "M0-4 5 4H-5z", mid: "M-5-1.8H5V1.8H-5z", low: "M0 4-5-4H5z" };

export function drawLanes() {
  const room = at("lanes");
  const { lanes } = state.chosen ?? {};
  const width = room.clientWidth;
  if (!lanes || !width) return;
  const isNarrow = width < 560;
  const gutter = isNarrow ? 64 : 74;
  const fromMs = isNarrow ? lanes.days[2] : lanes.from_ms;
  const right = Math.max(width - (isNarrow ? 0 : 8), gutter + 1);
  const x = (ms) => gutter + ((ms - fromMs) / (lanes.to_ms - fromMs)) * (right - gutter);
  const clip = { fromMs, x, left: gutter, right };
  const label = s("svg", { role: "img", "aria-label": sentence(lanes), viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT });
  label.append(...axis(lanes, clip), ...cycles(lanes, clip), ...sleeps(lanes, clip), ...workouts(lanes, clip), ...nowLine(clip), ...recoveries(lanes, clip));
  room.replaceChildren(label);
}

function axis(lanes, { x, fromMs }) {
  const parts = Object.entries(TOP).map(([name, top]) => s("text", { x: 0, y: top + 17 }, name));
  for (const day of lanes.days.filter((ms) => ms >= fromMs)) {
    parts.push(s("line", { class: "day", x1: x(day), x2: x(day), y1: 0, y2: 196 }));
    parts.push(s("text", { class: "axis", x: x(day) + 6, y: 214 }, dayText(day + 43200000)));
  }
  return parts;
}

function box(kind, item, { x, left, right }, top, endMs) {
  const from = Math.max(x(item.start_ms), left);
  const to = Math.min(x(endMs), right);
  return to <= left || from >= right ? null : s("rect", { class: kind, x: from, y: top, width: Math.max(to - from - 1, 4), height: 23, rx: 4 });
}

function cycles(lanes, clip) {
  return lanes.cycles.flatMap((cycle) => {
    const isOpen = cycle.end_ms === null;
    const shape = box(isOpen ? "cycle open" : "cycle", cycle, clip, TOP.cycle, cycle.end_ms ?? nowMs());
    if (!shape) return [];
    const room = Number(shape.getAttribute("width"));
    const full = cycle.strain === null ? "unscored" : isOpen ? `open · ${cycle.strain.toFixed(1)}` : `strain ${cycle.strain.toFixed(1)}`;
    const text = room > 78 ? full : room > 36 && isOpen ? "open" : room > 30 && cycle.strain !== null ? cycle.strain.toFixed(1) : "";
    return [shape, s("text", { x: Number(shape.getAttribute("x")) + 8, y: TOP.cycle + 16 }, text)];
  });
}

function sleeps(lanes, clip) {
  let taken = 0;
  const inOrder = [...lanes.sleeps].sort((one, other) => one.end_ms - other.end_ms);
  return inOrder.flatMap((sleep) => {
    const kind = sleep.planned ? "planned" : sleep.nap ? "nap" : sleep.state === "SCORED" ? "sleep" : "pending";
    const shape = box(kind, sleep, clip, TOP.sleep, sleep.end_ms);
    if (!shape) return [];
    const word = sleep.planned ? "planned" : sleep.nap ? "nap" : sleep.state === "SCORED" ? "" : "not scored";
    const after = Number(shape.getAttribute("x")) + Number(shape.getAttribute("width")) + 5;
    const fits = after > taken && after + word.length * 6.4 < clip.right;
    if (fits) taken = after + word.length * 6.4;
    return [shape, word && fits ? s("text", { class: "axis", x: after, y: TOP.sleep + 16 }, word) : null].filter(Boolean);
  });
}

function workouts(lanes, clip) {
  return lanes.workouts.map((workout) => {
    const shape = box(workout.planned ? "planned" : workout.state === "SCORED" ? "workout" : "pending", workout, clip, TOP.workout, workout.end_ms);
    shape?.append(s("title", null, `${workout.sport}, ${timeText(workout.start_ms)}–${timeText(workout.end_ms)}`));
    return shape;
  }).filter(Boolean);
}

function recoveries(lanes, { x, left, right }) {
  return lanes.recoveries.flatMap((recovery) => {
    const word = recovery.score === null ? "not scored" : String(recovery.score);
    const width = recovery.score === null ? 78 : 46;
    const middle = Math.min(Math.max(x(recovery.at_ms), left + width / 2), right - width / 2);
    if (x(recovery.at_ms) < left) return [];
    const parts = [s("rect", { class: "tag", x: middle - width / 2, y: TOP.recovery, width, height: 23, rx: 6 })];
    if (recovery.score !== null) {
      const mark = s("path", { d: GLYPH[band(recovery.score)], transform: `translate(${middle - 11} ${TOP.recovery + 11.5})` });
      parts.push(s("g", { class: `glyph ${band(recovery.score)}` }, mark));
    }
    const shift = recovery.score === null ? 0 : 9;
    parts.push(s("text", { class: "tag-text", x: middle + shift, y: TOP.recovery + 16, "text-anchor": "middle" }, word));
    return parts;
  });
}

function nowLine({ x, right }) {
  const now = x(nowMs());
  const left = now + 82 > right ? now - 82 : now + 4;
  return [
    s("line", { class: "now", x1: now, x2: now, y1: 0, y2: 196 }),
    s("rect", { class: "flag", x: left, y: 38, width: 78, height: 20, rx: 6 }),
    s("text", { class: "flag-text", x: left + 39, y: 52, "text-anchor": "middle" }, `now ${timeText(nowMs())}`),
  ];
}

function sentence(lanes) {
  const words = lanes.days.map((day, index) => {
    const until = lanes.days[index + 1] ?? lanes.to_ms;
    const inside = (ms) => ms >= day && ms < until;
    const told = lanes.recoveries.filter((one) => inside(one.at_ms)).map((one) => (one.score === null ? "recovery not scored" : `recovery ${one.score}, ${bandWord(one.score)}`));
    told.push(...lanes.sleeps.filter((one) => inside(one.end_ms)).map((one) => `${one.planned ? "planned sleep" : one.nap ? "nap" : "sleep"} until ${timeText(one.end_ms)}`));
    told.push(...lanes.workouts.filter((one) => inside(one.start_ms)).map((one) => `${one.planned ? "planned workout" : "workout"} at ${timeText(one.start_ms)}`));
    return `${dayText(day + 43200000)}: ${told.length ? told.join(", ") : "nothing"}`;
  });
  return `${state.chosen.name}'s days. ${words.join(". ")}.`;
}
