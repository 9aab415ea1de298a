// Everything that can be done from the page: steps of the clock, events, faults, scenarios.

import { at, h, keep, s, say } from "./dom.js";
import { control, on, state } from "./feed.js";

const ICONS = {
  wake: "M3 15h14M6 11.5a4 4 0 0 1 8 0M10 3v2.5M4 6l1.6 1.6M16 6l-1.6 1.6",
  workout: "M4 16v-3M8 16v-6M12 16V7M16 16V4",
  nap: "M16 11.5A6.5 6.5 0 1 1 8.5 4a5 5 0 0 0 7.5 7.5z",
  rescore: "M4 9a6.2 6.2 0 0 1 11-2.5L17 8M17 4v4h-4M16 11a6.2 6.2 0 0 1-11 2.5L3 12M3 16v-4h4",
  extend: "M10 4v12M4 10h12",
  delete: "M4 6h12M8 6V4h4v2M6 6l.7 10.5h6.6L14 6",
  revive: "M4 8h8a4 4 0 0 1 0 8H8M4 8l3.5-3.5M4 8l3.5 3.5",
  strap_off: "M7 3v3M13 3v3M6 6h8v3a4 4 0 0 1-8 0zM10 13v4",
  deauthorize: "M8 12l4-4M9 6l1.5-1.5a3.5 3.5 0 0 1 5 5L14 11M11 14l-1.5 1.5a3.5 3.5 0 0 1-5-5L6 9",
};
const EVENTS = [
  ["wake", "Wake up", {}, "A new day began"],
  ["workout", "Finish a workout", {}, "Workout finished"],
  ["nap", "Take a nap", {}, "Nap taken"],
  ["rescore", "Re-score last night", {}, "Last night scored again"],
  ["extend", "Extend last night", {}, "Last night ends later"],
  ["delete", "Delete night", { resource: "sleep" }, "Night deleted"],
  ["revive", "Bring night back", { resource: "sleep" }, "Night is back"],
  ["strap_off", "Strap off for a day", {}, "Strap is off for a day"],
];
const USUAL = {
  "lose-webhooks": ["Lose webhooks", { rate: 0.05 }],
  "double-webhooks": ["Double webhooks", { rate: 0.2 }],
  "reorder-webhooks": ["Reorder webhooks", {}],
  "pending-first": ["Pending first", {}],
  "answer-429": ["Answer 429", {}],
  "answer-5xx": ["Answer 5xx", {}],
  "lose-refresh-answer": ["Lose refresh answer", {}],
  "mass-invalid-grant": ["Mass invalid_grant", {}],
};
let toast = 0;

export function startActions() {
  showSteps();
  at("add-member").addEventListener("click", () => act(() => control("POST", "/members", {}), (value) => `${value.name} is a member now.`));
  on(["about", "chosen"], showEvents);
  on(["clock"], showSpeeds);
  on(["faults", "about"], showFaults);
  on(["scenarios"], showScenarios);
  for (const id of ["rate", "only"]) at(id).addEventListener("change", showFaults);
}

// Does something and says how it went; a failure stays until the next success.
export async function act(work, words) {
  try {
    const value = await work();
    at("trouble").hidden = true;
    const text = words?.(value) ?? "";
    at("said").textContent = text;
    clearTimeout(toast);
    toast = setTimeout(() => (at("said").textContent = ""), 6000);
  } catch (error) {
    at("trouble").textContent = error.message.replace(/^[a-z]/, (first) => first.toUpperCase());
    at("trouble").hidden = false;
  }
}

// The clock.

function showSteps() {
  const steps = [["+ 15 min", "+00:15"], ["+ 1 h", "+01:00"], ["To 22:00", "22:00"], ["To next morning", "next-morning"]];
  at("steps").append(...steps.map(([text, to], index) => {
    const button = h("button", { type: "button", class: index === 3 ? "primary" : "" }, text);
    button.addEventListener("click", () => step(to));
    return button;
  }));
}

// A step lives through everything on the way, so that it can take a while when an app is slow to answer.
async function step(to) {
  const buttons = at("steps").querySelectorAll("button");
  at("steps").setAttribute("aria-busy", "true");
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  await act(() => control("POST", "/step", { to, user_id: state.chosen.number }), (value) => told("The clock was moved", value));
  at("steps").removeAttribute("aria-busy");
  for (const button of buttons) button.removeAttribute("aria-disabled");
}

const SPEEDS = [[0, "Stopped"], [1, "Real"], [60, "60 ×"], [600, "600 ×"]];

function showSpeeds() {
  const { speed } = state.clock;
  if (!at("speeds").children.length) {
    at("speeds").append(...SPEEDS.map(([value, text]) => {
      const run = () => act(() => control("POST", "/clock", { speed: value }), () => (value ? `The clock runs, ${text}.` : "The clock stands still."));
      return h("label", null, h("input", { type: "radio", name: "speed", value, onchange: run }), text);
    }));
  }
  for (const input of at("speeds").querySelectorAll("input")) input.checked = Number(input.value) === speed;
  say(at("pace"), speed === 0 ? "stopped · stepped by hand" : speed === 1 ? "running · real time" : `running · ${speed} ×`);
}

// Events.

function told(what, value) {
  const sent = value.deliveries?.length ?? 0;
  const changed = value.changed?.length ?? 0;
  if (sent) return `${what}. ${sent} webhook${sent === 1 ? "" : "s"} sent.`;
  if (!changed) return `${what}.`;
  if (!state.about.webhook_url.length) return `${what}. No webhook: there is no address.`;
  return state.chosen.granted ? `${what}.` : `${what}. No webhook: ${state.chosen.name} is not connected.`;
}

function showEvents() {
  const { about, chosen } = state;
  if (!about || !chosen) return;
  const items = EVENTS.filter(([name]) => about.events.includes(name)).map(([name, text]) => ({ name, text }));
  items.push(chosen.granted ? { name: "deauthorize", text: "Disconnect" } : { name: "connect", text: "Connect" });
  keep(at("events"), items, (item) => (item.name === "connect" ? "deauthorize" : item.name), (item) => {
    const icon = s("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" }, s("path", { d: ICONS[item.name] ?? ICONS.deauthorize }));
    const kind = { deauthorize: "danger", connect: "primary" }[item.name] ?? "";
    return h("button", { type: "button", class: kind, onclick: () => happen(item.name) }, icon, item.text);
  });
}

function happen(name) {
  const { number, name: who } = state.chosen;
  if (name === "connect") return act(() => control("POST", `/members/${number}/connect`, {}), () => `${who} is connected. Webhooks will be sent.`);
  const post = (body) => control("POST", `/members/${number}/events`, body);
  if (name === "deauthorize") return act(() => post({ event: name }), () => `${who} disconnected. The tokens are dead.`);
  const [, , more, words] = EVENTS.find(([event]) => event === name);
  return act(() => post({ event: name, ...more }), (value) => told(words, value));
}

// Faults.

function showFaults() {
  const { faults = [], about } = state;
  if (!about) return;
  at("faults-part").hidden = about.faults.length === 0;
  const terms = { rate: Number(at("rate").value), only: at("only").checked };
  const known = about.faults.map((fault) => ({ ...fault, on: faults.find((each) => each.name === fault.name) ?? null }));
  const usual = known.filter((fault) => USUAL[fault.name]).map((fault) => ({ ...fault, title: USUAL[fault.name][0], terms: USUAL[fault.name][1] }));
  const order = Object.keys(USUAL);
  usual.sort((one, other) => order.indexOf(one.name) - order.indexOf(other.name));
  keep(at("faults"), usual, (fault) => fault.name, faultRow);
  const further = known.filter((fault) => !USUAL[fault.name]).map((fault) => ({ ...fault, title: fault.name, why: fault.text, terms }));
  keep(at("further-faults"), further, (fault) => fault.name, faultRow);
}

function termsText({ on: live, terms, delay_s: delay }) {
  const rate = live ? live.rate : (terms.rate ?? 1);
  const parts = [];
  if (rate < 1) parts.push(`${Math.round(rate * 100)} %`);
  if (delay) parts.push(delay < 120 ? `${delay} s` : `${Math.round(delay / 60)} min`);
  if (live?.count) parts.push(`${live.count} ×`);
  if (live?.user_id) parts.push(String(live.user_id));
  return live || terms.rate < 1 || delay ? parts.join(", ") : "";
}

function faultRow(fault) {
  const flip = () => act(() => (fault.on ? control("DELETE", `/faults/${fault.on.id}`) : control("POST", "/faults", wish(fault))), () => `${fault.title}: ${fault.on ? "off" : "on"}.`);
  return h(
    "li",
    { class: fault.on ? "is-on" : "", title: fault.text },
    h("span", { class: "fault-name" }, fault.title),
    h("span", { class: "terms-of" }, termsText(fault)),
    h("button", { type: "button", class: "switch", role: "switch", "aria-checked": String(Boolean(fault.on)), "aria-label": fault.title, onclick: flip }),
    fault.why ? h("span", { class: "why" }, fault.why) : null,
  );
}

function wish({ name, terms }) {
  const rate = terms.rate && terms.rate < 1 ? { rate: terms.rate } : {};
  return { name, ...rate, ...(terms.only ? { user_id: state.chosen.user_id } : {}) };
}

// Scenarios.

function showScenarios() {
  at("scenarios-part").hidden = !state.scenarios.length;
  keep(at("scenarios"), state.scenarios, (item) => item.name, (item) => {
    const run = () => act(() => control("POST", "/scenario", { name: item.name }), () => `${item.name} runs. Step the clock to live through it.`);
    const isOn = item.is_playing && !item.is_over;
    const button = h("button", { type: "button", onclick: run, "aria-label": `Run ${item.name}` }, item.is_playing ? "again" : "run");
    return h("li", { title: item.about }, h("span", { class: "mono" }, item.name), isOn ? h("span", { class: "running" }, "running") : button);
  });
}
