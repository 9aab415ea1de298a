// At most one notice on a page: what needs doing first, then what only informs.
import { age, clock, dayMonth, duration, localDay, moment, number, phoneOffset } from "../format.js";
import { html, signal, useEffect } from "../html.js";
import { api } from "../api.js";
import { isOffline, load, newestAnswer, shown } from "../state/days.js";
import { isFull } from "../state/kept.js";
import { asking, isDeaf, say } from "../state/live.js";
import { route } from "../state/router.js";
import { isClockWrong, isOnline, now, session, skew, userId } from "../state/session.js";
import { isNewer, update } from "../worker.js";
import { words } from "../words.js";
import { Button, Notice, Progress } from "./pieces.js";
import { knownSources, sourceList } from "./source.js";

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
  const left = route.value !== "sources" && leftSource(answer, sources);
  if (isNewer.value) return html`<${Notice} action=${html`<${Button} kind="plain" onClick=${update}>${w.update}<//>`}><b>${w.newer}</b><//>`;
  if (asking.value?.problem && !isOffline.value) return html`<${Unasked} asked=${asking.value} sources=${sources} />`;
  if (isOffline.value && entry?.answer) return html`<${Offline} entry=${entry} />`;
  if (left) return html`<${Disconnected} source=${left} />`;
  if (entry?.problem && entry.answer) return html`<${NotRefreshed} entry=${entry} />`;
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

/** What the member ended and whose days are kept: the source that leads, or any where nothing else is connected. */
const leftSource = (answer, known) => sourceList(answer).find((source) => !source.connected && source.state === "not_connected" && source.days_stored > 0
  && (source.name === "whoop" || !known.length));

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

function ConnectButton({ source, children }) {
  const busy = connecting.value?.name === source.name && !connecting.value.problem;
  const failed = connecting.value?.problem && words.connect.failed;
  return html`<${Button} kind="primary" class="wide" isBusy=${busy} onClick=${() => { if (!busy) void reconnect(source.name); }} reason=${failed}>${children}<//>`;
}

function Reconnect({ source }) {
  return html`<${Notice} kind="action" title=${w.reconnectTitle(source.title)} action=${html`<${ConnectButton} source=${source}>${w.reconnectButton(source.title)}<//>`}>
    <p>${w.reconnect(source.title, source.ended_at && moment(source.ended_at, now.value))}</p><//>`;
}

/** The member's own wish: told, and no alarm. */
function Disconnected({ source }) {
  return html`<${Notice} kind="offline" title=${w.disconnectedTitle(source.title)}
    action=${source.is_available !== false && html`<${ConnectButton} source=${source}>${w.connectAgain(source.title)}<//>`}><p>${w.disconnected}</p><//>`;
}

function Offline({ entry }) {
  return html`<${Notice} kind="offline"><p><b>${isOnline.value ? words.offline.server : words.offline.bold}</b> ${asItWas(entry)}</p><//>`;
}

/** The server failed for once: the day stays, and one may ask again. */
function NotRefreshed({ entry }) {
  const again = () => void load(entry.isStandIn ? null : entry.answer.date, { again: true });
  return html`<${Notice} kind="offline" action=${html`<button type="button" class="link" onClick=${again}>${words.error.again}</button>`}>
    <p><b>${w.notRefreshed}</b> ${asItWas(entry)}</p><//>`;
}

function asItWas(entry) {
  const at = moment(entry.at, now.value);
  const isNow = entry.answer.date === entry.answer.today && localDay(now.value, phoneOffset(now.value)) === entry.answer.date;
  return entry.isStandIn && isOffline.value ? words.offline.rest(at) : isNow ? words.offline.today(clock(entry.at, phoneOffset(entry.at))) : words.offline.day(at);
}

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
