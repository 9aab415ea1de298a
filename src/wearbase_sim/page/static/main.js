// The page: a way in, then everything that was told, kept current.

import { startActions } from "./actions.js";
import { at, glyph, h, keep, say, bandWord } from "./dom.js";
import { listen, nowMs, on, state, watch } from "./feed.js";
import { drawLanes } from "./lanes.js";
import { startTables, tickTables } from "./tables.js";
import { longText, offsetText, spanText } from "./times.js";

let shownMembers = 12;
let drawnMinute = 0;
let shownNumber = 0;
const chosen = () => Number(new URLSearchParams(location.search).get("member")) || 1;

// The way in: the link's key is taken out of the address at once, used once, and never kept.

async function enter(key) {
  const answer = await fetch("/page/session", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ key }) });
  return answer.ok ? "" : ((await answer.json().catch(() => ({}))).error ?? "The simulator did not answer.");
}

async function isInside() {
  return (await fetch("/page/session")).json().then((value) => value.entered);
}

async function start() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  const refusal = key ? await enter(key) : "";
  if (await isInside()) open();
  else ask(refusal);
}

function ask(refusal) {
  at("door").hidden = false;
  at("inside").hidden = true;
  at("refused").textContent = refusal;
  say(at("live"), "Closed");
}

at("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  const refusal = await enter(at("key").value);
  at("key").value = "";
  if (refusal) ask(refusal);
  else open();
});

function open() {
  at("door").hidden = true;
  at("inside").hidden = false;
  watch(chosen(), { live: showLive, lost });
}

async function lost() {
  try {
    if (!(await isInside())) return ask("The simulator was started anew. Open its new link.");
  } catch {
    // It is not there; it is asked again below.
  }
  setTimeout(() => listen(chosen()), 2000);
}

function showLive(isOn) {
  at("live").classList.toggle("is-on", isOn);
  say(at("live"), isOn ? "Live" : "Reconnecting…");
}

// Members.

function memberRow(item) {
  const value = item.score === null ? h("span", { class: "word" }, item.word) : [glyph(item.score), h("span", null, String(item.score)), h("span", { class: "sr" }, bandWord(item.score))];
  const about = [item.user_id, item.granted ? item.story : item.was_granted ? "disconnected" : "not connected"].filter(Boolean).join(" · ");
  return h(
    "li",
    null,
    h(
      "button",
      { type: "button", "aria-current": item.current ? "true" : false, onclick: () => choose(item.number) },
      h("span", { class: "name" }, item.name),
      h("span", { class: "about" }, about),
      h("span", { class: "value" }, value),
    ),
  );
}

function wordFor(member) {
  if (member.calibrating) return "calibrating";
  return member.state === null ? "no recovery" : "not scored";
}

function showMembers() {
  const { members = [], about } = state;
  const items = members.filter((member, index) => index < shownMembers || member.number === chosen());
  keep(at("members"), items.map((item) => ({ ...item, word: wordFor(item), current: item.number === chosen() })), (item) => item.number, memberRow);
  at("more-members").hidden = items.length === members.length;
  say(at("members-count"), about?.cap ? `${about.count}, ${about.cap} may connect` : about ? `${about.count.toLocaleString("en-GB")} in all` : "");
}

// On a narrow page the members are a row that scrolls: the chosen one is brought into it.
function showCurrent() {
  const row = at("members");
  const current = row.querySelector("[aria-current]")?.parentElement;
  if (current) row.scrollLeft = current.offsetLeft - row.offsetLeft - (row.clientWidth - current.clientWidth) / 2;
}

function choose(number) {
  history.replaceState(null, "", number === 1 ? "/" : `/?member=${number}`);
  showMembers();
  listen(number);
}

function showChosen() {
  const { chosen: one } = state;
  if (one.number !== shownNumber) showCurrent();
  shownNumber = one.number;
  say(at("chosen-title"), one.name);
  say(at("chosen-about"), [one.user_id, offsetText(), one.story].filter(Boolean).join(" · "));
  drawLanes();
  showGrant();
}

function showGrant() {
  const { chosen: one } = state;
  if (!one) return;
  const leftMs = one.token_until_ms === null ? 0 : one.token_until_ms - nowMs();
  const token = leftMs > 0 ? `token valid ${spanText(leftMs)}` : "token expired";
  const words = one.granted ? [token, `${one.scopes} scopes${one.offline ? " + offline" : ""}`] : [one.was_granted ? "disconnected" : "not connected"];
  keep(at("chosen-grant"), words, (word, index) => index, (word) => {
    const isState = word === words[0];
    return h("span", { class: isState && !one.granted ? "chip off" : "chip" }, isState ? h("span", { class: "dot", "aria-hidden": "true" }) : null, word);
  });
}

// The clock's hands.

function tick() {
  if (!state.clock || !state.chosen) return;
  const now = nowMs();
  say(at("now"), longText(now));
  at("now").dateTime = new Date(now).toISOString();
  showGrant();
  tickTables();
  const minute = Math.floor(now / 60000);
  if (minute !== drawnMinute) {
    drawnMinute = minute;
    drawLanes();
  }
}

on(["members", "about"], showMembers);
on(["chosen"], showChosen);
on(["about"], () => at("origin").replaceChildren(`seed ${state.about.seed}`, ...(state.about.scenario ? [" · scenario ", h("strong", null, state.about.scenario)] : [])));
startActions();
startTables();
on(["clock", "chosen"], tick);
at("more-members").addEventListener("click", () => {
  shownMembers += 48;
  showMembers();
});
setInterval(tick, 250);
new ResizeObserver(() => state.chosen && drawLanes()).observe(at("lanes"));
start().catch(() => ask("The simulator does not answer."));
