// One source: how it stands, what is stored from it, and the one thing to do next.
import { api } from "../../api.js";
import { age, clock, dayMonth, localDay, moment, number, phoneOffset } from "../../format.js";
import { html, useState } from "../../html.js";
import { isOffline, newestAnswer, refresh } from "../../state/days.js";
import { show } from "../../state/live.js";
import { now, userId } from "../../state/session.js";
import { followed, loadSources, progress, syncAndFollow } from "../../state/sources.js";
import { words } from "../../words.js";
import { Button, Progress } from "../pieces.js";

const w = words.sourcesPage;
const SHAPES = { ok: "full", running: "turning", needs_reauthorization: "open", not_connected: "none", failing: "failing", stale: "failing", unavailable: "failing" };

/** The state in one word. Pure. */
export function standing(source, isFollowed) {
  if (isFollowed) return "running";
  if (!source.connected) return source.state === "needs_reauthorization" ? "needs_reauthorization" : "not_connected";
  const failed = Object.values(source.resources).filter((one) => one.error && one.error !== "missing_scope" && one.error !== "rate_limited");
  return failed.length && source.state === "ok" ? "failing" : source.state;
}

export function SourceCard({ source, days, isCapped }) {
  const isFollowed = followed.value?.provider === source.name;
  const state = standing(source, isFollowed);
  return html`<section class="card source" aria-labelledby=${`source-${source.name}`}>
    <div class="source-head"><h2 id=${`source-${source.name}`}>${source.title}</h2>
      <p class="tag"><span class=${`state ${SHAPES[state] ?? "full"}`} aria-hidden="true"></span>${w.states[state] ?? state}</p></div>
    ${source.connected ? html`<${Stands} source=${source} days=${days} isFollowed=${isFollowed} />`
      : state === "needs_reauthorization" ? html`<${Ended} source=${source} />`
      : html`<${Absent} source=${source} isCapped=${isCapped} />`}
  </section>`;
}

/** The time today, else the day. */
function short(instant) {
  if (!instant) return w.none;
  const offset = phoneOffset(instant);
  return localDay(instant, offset) === localDay(now.value, offset) ? clock(instant, offset) : dayMonth(localDay(instant, offset));
}

function Stands({ source, days, isFollowed }) {
  const at = source.last_success_at;
  const said = at && age(at, now.value);
  const isToday = said?.isRelative;
  return html`<p class="source-age">${at ? w.lastSuccess(said.text, isToday ? clock(at, phoneOffset(at)) : "") : w.never}</p>
    <table class="resources"><caption class="unseen">${w.tableSaid(source.title)}</caption>
      <thead><tr><th scope="col">${w.resource}</th><th scope="col">${w.success}</th><th scope="col">${w.days}</th></tr></thead>
      <tbody>${inOrder(source.resources).map(([name, one]) => html`<tr key=${name}>
        <th scope="row">${w.resources[name] ?? name}${one.error && html`<span class="why">${w.errors[one.error] ?? w.errors.other(one.error)}</span>`}</th>
        <td>${short(one.last_success_at)}</td><td class="count">${days ? number(days[name] ?? 0) : w.none}</td></tr>`)}</tbody></table>
    ${isFollowed ? html`<${Following} />` : html`<${History} source=${source} />`}
    <${SyncButton} source=${source} isFollowed=${isFollowed} />`;
}

const ORDER = ["recovery", "sleep", "workout", "cycle"];
const inOrder = (resources) => Object.entries(resources).sort(([a], [b]) => (ORDER.indexOf(a) + 1 || 9) - (ORDER.indexOf(b) + 1 || 9));

function Following() {
  const { done, total, calls } = progress.value ?? { done: 0, total: 0, calls: 0 };
  return html`<div class="following"><p><b>${w.syncing}</b><span>${w.doneOf(done, total, calls)}</span></p>
    <${Progress} label=${w.syncing} value=${done} total=${total} text=${w.doneSaid(done, total)} /></div>`;
}

/** History while it is on its way, by real counts. */
function History({ source }) {
  const history = newestAnswer.value?.history;
  if (source.name !== "whoop" || !history?.is_running || !history.days_wanted) return null;
  const text = w.historyOf(Math.min(history.days_stored, history.days_wanted), history.days_wanted, history.calls);
  return html`<div class="following"><p><b>${w.history}</b><span>${text}</span></p>
    <${Progress} label=${w.history} value=${history.days_stored} total=${history.days_wanted} text=${text} /></div>`;
}

function SyncButton({ source, isFollowed }) {
  const [problem, setProblem] = useState(null);
  const sync = async () => {
    setProblem(null);
    try {
      const calls = await syncAndFollow(source.name);
      if (calls !== null) show(calls ? w.syncedCalls(source.title, calls) : w.synced(source.title));
      void refresh();
    } catch (found) {
      setProblem(found);
      if (found.status === 409) void loadSources();
    }
  };
  const stop = isOffline.value ? w.offline : "";
  const why = problem && (problem.code === "too_many_requests" ? w.tooOften(source.title)
    : problem.status === 503 ? words.fresh.turn(source.title, 40) : problem.isOffline ? w.offline : words.fresh.failed(source.title));
  return html`<div role=${why ? "alert" : null}><${Button} class="wide" icon="sync" isBusy=${isFollowed} aria-disabled=${stop || isFollowed ? "true" : null} reason=${stop || why}
    onClick=${() => { if (!stop && !isFollowed) void sync(); }}>${isFollowed ? w.busy : w.sync}<//></div>`;
}

function Ended({ source }) {
  const when = source.ended_at && moment(source.ended_at, now.value);
  return html`<p>${w.ended(source.title, when)} ${w.keptDays(source.days_stored)} ${w.untilAgain}</p><${ConnectButton} source=${source} label=${w.reconnect(source.title)} />`;
}

function Absent({ source, isCapped }) {
  if (isCapped) return html`<p>${w.memberCap}</p>`;
  if (!source.is_available) return html`<p>${w.noApp(source.title)}</p>`;
  return html`<p>${source.days_stored > 0 && `${w.stillStored(source.days_stored)} `}${source.joined_by === "account" ? w.accountAbout(source.title) : w.whoopAbout}</p>
    <${ConnectButton} source=${source} label=${w.connect(source.title)} />`;
}

/** Opens the source's consent page; where none is needed, the source is joined at once. */
function ConnectButton({ source, label }) {
  const [state, setState] = useState(null);
  const connect = async () => {
    setState({ isBusy: true });
    try {
      const { authorization_url: url } = await api.connect(source.name, userId.value);
      if (url) return location.assign(url);
      show(w.joined(source.title));
      await Promise.all([loadSources(), refresh()]);
      setState(null);
    } catch (problem) {
      setState({ problem });
    }
  };
  const reason = isOffline.value ? w.offline : state?.problem ? (state.problem.code === "member_cap" ? w.memberCap : words.connect.failed) : "";
  const isStopped = isOffline.value || state?.isBusy;
  return html`<div role=${state?.problem ? "alert" : null}><${Button} kind="primary" class="wide" isBusy=${state?.isBusy} aria-disabled=${isOffline.value ? "true" : null} reason=${reason}
    onClick=${() => { if (!isStopped) void connect(); }}>${state?.isBusy ? w.opening(source.title) : label}<//></div>`;
}
