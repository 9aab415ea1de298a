// At most one notice on a page: what needs doing first, then what only informs.
import { age, clock, dayMonth, duration, localDay, number, phoneOffset } from "../format.js";
import { html, signal, useEffect } from "../html.js";
import { api } from "../api.js";
import { isOffline, newestAnswer, shown } from "../state/days.js";
import { isFull } from "../state/kept.js";
import { asking, isDeaf, say } from "../state/live.js";
import { route } from "../state/router.js";
import { isClockWrong, isOnline, now, session, skew, userId } from "../state/session.js";
import { isNewer, update } from "../worker.js";
import { words } from "../words.js";
import { Button, Notice, Progress } from "./pieces.js";
import { knownSources } from "./source.js";

const w = words.notices;
const UNANSWERED_MS = 30 * 60_000;
const hasSeenFull = signal(false);
const hasSeenClock = signal(false);

export function Notices() {
  const answer = newestAnswer.value;
  const sources = knownSources(answer);
  const ended = sources.find((source) => source.state === "needs_reauthorization");
  const entry = shown.value;
  if (ended && route.value !== "sources") return html`<${Reconnect} source=${ended} />`;
  if (isNewer.value) return html`<${Notice} action=${html`<${Button} kind="plain" onClick=${update}>${w.update}<//>`}><b>${w.newer}</b><//>`;
  if (asking.value?.problem && !isOffline.value) return html`<${Unasked} asked=${asking.value} sources=${sources} />`;
  if (isOffline.value && entry?.answer) return html`<${Offline} entry=${entry} />`;
  if (answer?.history?.is_running && answer.history.days_wanted) return html`<${Bringing} history=${answer.history} />`;
  const silent = sources.find((source) => source.state === "unavailable" || source.state === "stale");
  if (silent && lastAge(silent) > UNANSWERED_MS) return html`<${Notice}>${w.unavailable(silent.title, when(silent.last_success_at))}<//>`;
  if (isClockWrong.value && !session.value?.is_demo && !hasSeenClock.value) {
    return html`<${Notice} action=${html`<${Dismiss} seen=${hasSeenClock} />`}><b>${w.clock(hours(skew.value))}</b> ${w.clockRest}<//>`;
  }
  if (isDeaf.value) return html`<${Notice}>${w.notLive}<//>`;
  if (isFull.value && !hasSeenFull.value) return html`<${Notice} action=${html`<${Dismiss} seen=${hasSeenFull} />`}>${w.full}<//>`;
  return null;
}

const Dismiss = ({ seen }) => html`<button type="button" class="link" onClick=${() => { seen.value = true; }}>${w.dismiss}</button>`;
const lastAge = (source) => now.value - (Date.parse(source.last_success_at ?? source.connected_at) || 0);
const hours = (ms) => (Math.abs(ms) < 3_600_000 ? duration(Math.abs(ms) / 1000) : `${number(Math.abs(ms) / 3_600_000)} h`);
const when = (instant) => {
  if (!instant) return "";
  const { text, isRelative } = age(instant, now.value);
  return isRelative ? clock(instant, phoneOffset(instant)) : text;
};

const onDay = (at) => `${dayMonth(localDay(at, phoneOffset(at)))} ${words.offline.at} ${clock(at, phoneOffset(at))}`;

/** What a person asked for did not begin: the source is busy, or was not reached. */
function Unasked({ asked, sources }) {
  const title = sources.find((source) => source.name === asked.provider)?.title ?? asked.provider;
  const isTooSoon = asked.problem.code === "too_many_requests"; // our own limit, not the source's
  const wait = asked.problem.status === 429 && asked.problem.retryAfter;
  return html`<${Notice} isAlert=${!wait && !isTooSoon} action=${html`<button type="button" class="link" onClick=${() => { asking.value = null; }}>${w.dismiss}</button>`}>
    ${isTooSoon ? words.sourcesPage.tooOften(title) : wait ? words.fresh.turn(title, wait) : words.fresh.failed(title)}<//>`;
}

const connecting = signal(null);
async function reconnect(name) {
  connecting.value = { name };
  try {
    location.assign((await api.connect(name, userId.value)).authorization_url);
  } catch (problem) {
    connecting.value = { name, problem };
  }
}

function Reconnect({ source }) {
  const busy = connecting.value?.name === source.name && !connecting.value.problem;
  const failed = connecting.value?.problem && words.connect.failed;
  return html`<${Notice} kind="action" title=${w.reconnectTitle(source.title)}
    action=${html`<${Button} kind="primary" class="wide" isBusy=${busy} onClick=${() => { if (!busy) void reconnect(source.name); }} reason=${failed}>${w.reconnectButton(source.title)}<//>`}>
    <p>${w.reconnect(source.title, source.ended_at && onDay(source.ended_at))}</p><//>`;
}

function Offline({ entry }) {
  const at = atWords(entry.at);
  const isNow = entry.answer.date === entry.answer.today && localDay(now.value, phoneOffset(now.value)) === entry.answer.date;
  const rest = entry.isStandIn ? words.offline.rest(at) : isNow ? words.offline.today(at) : words.offline.day(at);
  return html`<${Notice} kind="offline"><p><b>${isOnline.value ? words.offline.server : words.offline.bold}</b> ${rest}</p><//>`;
}
const atWords = (at) => {
  const { text, isRelative } = age(at, now.value);
  return isRelative ? text : text.replace(" ", ` ${words.offline.at} `);
};

let told = 0;
function Bringing({ history }) {
  const { days_stored: stored, days_wanted: wanted, reached_back_to: reached, calls } = history;
  const shownStored = Math.min(stored, wanted);
  const percent = Math.floor((100 * shownStored) / wanted);
  useEffect(() => {
    const step = [100, 75, 50, 25].find((mark) => percent >= mark) ?? 0;
    if (step > told) say(w.announced(step));
    told = Math.max(told, step);
  }, [percent]);
  const text = `${shownStored} ${w.ofDays(wanted)}`;
  const parts = [reached && w.reached(dayMonth(reached)), calls > 0 && w.calls(calls)].filter(Boolean).join(" · ");
  return html`<div class="notice info">
    <p class="notice-title">${w.history}<span class="aside"><b>${shownStored}</b> ${w.ofDays(wanted)}</span></p>
    <${Progress} label=${w.history} value=${shownStored} total=${wanted} text=${text} />
    <p class="small notice-body">${newestAnswer.value?.day?.recovery && w.complete} ${parts} ${w.leave}</p>
  </div>`;
}
