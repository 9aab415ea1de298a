// The last calls with the quota, and the webhook deliveries with their attempts.

import { at, h, keep, s, say } from "./dom.js";
import { control, nowMs, on, state } from "./feed.js";
import { act } from "./actions.js";
import { milliText, secondText, spanText } from "./times.js";

const FEW = 8;
const shown = { calls: FEW, deliveries: FEW };
const WORDS = { 0: "connection closed", 400: "bad request", 401: "token not valid", 403: "scope missing", 404: "no such record", 405: "wrong method", 429: "quota spent" };

export function startTables() {
  on(["calls", "chosen"], showCalls);
  on(["quota"], showQuota);
  on(["deliveries", "about", "chosen", "clock"], showDeliveries);
  for (const name of Object.keys(shown)) {
    at(`more-${name}`).addEventListener("click", () => {
      shown[name] = shown[name] === FEW ? 50 : FEW;
      (name === "calls" ? showCalls : showDeliveries)();
    });
  }
}

// What depends on the time alone.
export function tickTables() {
  showQuota();
  for (const cell of document.querySelectorAll("[data-due]")) say(cell, nextText(Number(cell.dataset.due), cell.dataset.nth));
}

function more(name, count) {
  const button = at(`more-${name}`);
  button.hidden = count <= FEW;
  say(button, shown[name] === FEW ? `Show ${count} ${name}` : "Show fewer");
}

function chip(isGood, text) {
  return h("span", { class: isGood ? "chip" : "chip bad" }, h("span", { "aria-hidden": "true" }, isGood ? "✓" : "!"), String(text));
}

const cell = (props, ...children) => h("td", { role: "cell", ...props }, ...children);
const row = (isNew, ...cells) => h("tr", { role: "row", class: isNew ? "is-new" : "" }, ...cells);

function showCalls() {
  const { last = [], total = 0 } = state.calls ?? {};
  const rows = last.slice(0, shown.calls).map((call, index) => ({ ...call, nth: last.length - index, zone: state.chosen?.lanes.offset_min }));
  keep(at("calls"), rows, (call) => `${call.at} ${call.nth} ${call.path}`, callRow);
  say(at("no-calls"), total || last.length ? "" : `No call yet. Point your app at ${location.origin}/developer and ${location.origin}/oauth/oauth2.`);
  more("calls", last.length);
}

function callRow(call, isNew) {
  const path = call.path.replace(/^\/developer/, "");
  const query = call.query ? `?${call.query}` : "";
  const isGood = call.status >= 200 && call.status < 300;
  const answer = call.answer && (isGood || call.answer !== "") ? call.answer : WORDS[call.status] ?? (isGood ? "" : call.status >= 500 ? "fault" : "");
  return row(
    isNew,
    cell({ class: "mono" }, milliText(Date.parse(call.at))),
    cell({ class: "mono", title: `${call.method} ${path}${query}` }, h("b", null, `${call.method} ${path}${query}`)),
    cell(null, chip(isGood, call.status || "none")),
    cell({ class: call.remaining === null ? "right remaining" : "right remaining is-known" }, call.remaining === null ? "–" : String(call.remaining)),
    cell({ class: "right" }, answer),
  );
}

function showQuota() {
  const { quota } = state;
  if (!quota) return;
  const { minute, day } = quota;
  const reset = minute.reset_s === null ? "" : `, resets in ${minute.reset_s} s`;
  const whole = (value) => value.toLocaleString("en-GB");
  const content = JSON.stringify(quota);
  if (at("quota").dataset.told === content) return;
  at("quota").dataset.told = content;
  at("quota").replaceChildren(
    h("span", null, "minute ", h("strong", null, whole(minute.left)), ` of ${whole(minute.limit)} left${reset}`),
    h("span", null, "day ", h("strong", null, whole(day.left)), ` of ${whole(day.limit)} left`),
  );
  at("bars").replaceChildren(...[minute, day].map((one) => {
    const fill = h("i");
    fill.style.width = `${one.limit ? (100 * one.left) / one.limit : 0}%`;
    return h("div", { class: "bar" }, fill);
  }));
}

function showDeliveries() {
  const all = state.deliveries ?? [];
  const slots = (state.about?.retry_minutes.length ?? 5) + 1;
  const rows = all.slice(0, shown.deliveries).map((one) => ({ ...one, slots, zone: state.chosen?.lanes.offset_min }));
  keep(at("deliveries"), rows, (one) => one.id, deliveryRow);
  const urls = state.about?.webhook_url ?? [];
  say(at("webhook-url"), urls.length ? `→ ${urls.join(", ")}` : "no address");
  const none = urls.length ? "Nothing sent yet. Connect a member, then finish a workout." : "There is no address to send to. Start the simulator with --webhook-url.";
  say(at("no-deliveries"), all.length ? "" : none);
  more("deliveries", all.length);
}

const isSuccess = (attempt) => attempt.status >= 200 && attempt.status < 300;

function deliveryRow(one, isNew) {
  return row(
    isNew,
    cell({ class: "mono sent" }, secondText(Date.parse(one.created_at))),
    cell({ class: "mono" }, h("b", null, one.type), ` ${String(one.record_id).slice(0, 4)}…`),
    cell(null, tries(one)),
    cell(null, ...lastAnswer(one)),
    nextCell(one),
  );
}

const SQUARES = { ok: "m3.4 6.8 2.1 2.1 4-4.4", no: "m4.2 4.2 4.6 4.6m0-4.6-4.6 4.6" };

function tries(one) {
  const made = one.attempts.map((attempt) => (isSuccess(attempt) ? "ok" : "no"));
  const left = one.state === "retrying" || one.state === "waiting" ? Math.max(one.slots - made.length, 0) : 0;
  const kinds = [...made, ...Array(left).fill("todo")];
  const words = { ok: "answered", no: "failed", todo: "to come" };
  const square = (kind) => s("svg", { class: kind, viewBox: "0 0 13 13" }, s("rect", { x: 0.6, y: 0.6, width: 11.8, height: 11.8, rx: 3 }), SQUARES[kind] && s("path", { d: SQUARES[kind] }));
  const counts = Object.keys(words).map((kind) => [kinds.filter((each) => each === kind).length, words[kind]]).filter(([count]) => count);
  const label = counts.map(([count, word]) => `${count} ${word}`).join(", ") || "no attempt";
  return h("span", { class: "tries", role: "img", "aria-label": label }, ...kinds.map(square));
}

function lastAnswer(one) {
  if (one.state === "dropped") return [h("span", { class: "chip" }, "lost on purpose")];
  const last = one.attempts.at(-1);
  if (!last) return [one.state === "waiting" ? "under way" : ""];
  const good = one.attempts.filter(isSuccess).length;
  if (isSuccess(last)) return [chip(true, last.status), good > 1 ? "sent twice" : `${Math.round(last.took_ms)} ms`];
  const first = Date.parse(one.attempts[0].at);
  const after = one.attempts.slice(1).slice(-4).map((attempt) => Math.round((Date.parse(attempt.at) - first) / 60000));
  const words = { ConnectError: "refused", ReadTimeout: "timeout", ConnectTimeout: "timeout" };
  return [chip(false, last.status ?? words[last.error] ?? "no answer"), after.length ? `after ${after.join(", ")} min` : ""];
}

function nextText(dueMs, nth) {
  const waitMs = dueMs - nowMs();
  return waitMs <= 0 ? `${nth} now` : `${nth} in ${spanText(waitMs)}`;
}

function nextCell(one) {
  if (one.next_attempt_at && one.state === "retrying") {
    const dueMs = Date.parse(one.next_attempt_at);
    const nth = `${one.attempts.length + 1} of ${one.slots}`;
    return cell({ class: "right", "data-due": dueMs, "data-nth": nth }, nextText(dueMs, nth));
  }
  if (one.state === "delivered") return cell({ class: "right" }, "done");
  if (one.state === "failed" || one.state === "dropped") {
    const again = () => act(() => control("POST", `/deliveries/${one.id}/redeliver`, { wait: false }), () => "Sent again.");
    return cell({ class: "right" }, one.state === "failed" ? "gave up " : "never sent ", h("button", { class: "link", type: "button", onclick: again, "aria-label": `Send ${one.type} again` }, "Send"));
  }
  return cell({ class: "right" }, "sending");
}
