// What stands around every page: navigation, the page's head with source and age, the dock, the toast and the spoken line.
import { age, longDay } from "../format.js";
import { html, signal, useEffect, useRef, useState } from "../html.js";
import { chosenDay, route, to } from "../state/router.js";
import { isChoosing, isOffline, newestAnswer, shown, shownDay, today } from "../state/days.js";
import { asking, isSyncing, spoken, syncNow, toast } from "../state/live.js";
import { now, session } from "../state/session.js";
import { isFirstVisit } from "../reading.js";
import { words } from "../words.js";
import { Icon, Mark } from "./icons.js";
import { later } from "./later.js";
import { Notices } from "./notices.js";
import { knownSources } from "./source.js";
import { WeekStrip } from "./strip.js";

const MonthSheet = later(() => import("./month.js"), "MonthSheet");
const PAGES = ["today", "sleep", "workouts", "trends", "sources"];
const WITH_STRIP = new Set(["today", "sleep"]);
/** Follows a media query. Widths in em, so that large text counts as little room. */
function media(query) {
  const list = matchMedia(query);
  const found = signal(list.matches);
  list.addEventListener("change", () => { found.value = list.matches; });
  return found;
}
export const isWide = media("(min-width: 64em)");
const isTight = media("(max-width: 15em), (max-height: 34.94em)");

/** Navigation, content, dock. `children` is the page. */
export function Frame({ children }) {
  const dock = useRef(null);
  useEffect(() => tellHeight(dock.current), []);
  const hasStrip = WITH_STRIP.has(route.value) && !(newestAnswer.value && isFirstVisit(newestAnswer.value));
  return html`
    <a class="skip" href="#main">${words.nav.skip}</a>
    <div class="frame" data-page=${route.value}>
      ${session.value?.is_demo && html`<header class="demo-mark"><p>${words.notices.demo}</p></header>`}
      <main id="main" tabindex="-1">${children}${hasStrip && !isWide.value && isTight.value && html`<div class="main-strip"><${WeekStrip} /></div>`}</main>
      <div class="dock" ref=${dock}>
        ${hasStrip && !isWide.value && !isTight.value && html`<${WeekStrip} />`}
        <${MainNav} />
      </div>
    </div>
    ${isChoosing.value && html`<${MonthSheet} />`}
    <${Toast} />
    <p class="unseen" role="status" aria-live="polite" id="spoken">${spoken.value}</p>`;
}

/** What scrolls into view, and the toast, stand clear of the dock, however high it is. */
function tellHeight(dock) {
  const watched = new ResizeObserver(() => document.documentElement.style.setProperty("--dock", `${isWide.value ? 0 : dock.offsetHeight}px`));
  watched.observe(dock);
  return () => watched.disconnect();
}

function MainNav() {
  const date = chosenDay.value;
  const query = (name) => (date && (name === "sleep" || (name === "today" && route.value !== "today")) ? { date } : {});
  return html`<nav class="main-nav" aria-label=${words.nav.main}>
    <p class="brand"><${Mark} />${words.app}</p>
    <ul>${PAGES.map((name) => html`<li key=${name}><a href=${to(name, query(name))} aria-current=${route.value === name ? "page" : null}>
      <${Icon} name=${name} /><span>${words.nav[name]}</span></a></li>`)}</ul>
    <div class="rail-foot">
      <ul>${knownSources(newestAnswer.value).map((s) => html`<li key=${s.name}><span class="dot" aria-hidden="true"></span>
        ${s.title} · ${s.last_success_at ? age(s.last_success_at, now.value).text : words.fresh.never}</li>`)}</ul>
      <p>${words.notAdvice} <a href=${to("about")}>${words.about}</a></p>
    </div>
  </nav>`;
}

/**
 * The head of a page: h1 and below it the date, which opens the month where `canChoose`; at the right source, age and sync.
 * `sub` is a text; `title` becomes the document's.
 */
export function PageHead({ title, sub, canChoose = false, hasSync = true }) {
  useEffect(() => { document.title = words.title(title); }, [title]);
  return html`<header class="head">
    <div class="head-words">
      <h1 tabindex="-1" id="title">${title}</h1>
      ${canChoose
        ? html`<button type="button" class="choose" aria-haspopup="dialog" aria-label=${words.days.choose(shownDay.value ? longDay(shownDay.value, today.value ?? undefined) : sub)}
            onClick=${() => { isChoosing.value = true; }}><span>${sub}</span><${Icon} name="down" size=${20} /></button>`
        : html`<p class="head-sub">${sub}</p>`}
    </div>
    ${hasSync && html`<${Freshness} />`}
  </header>
  <${Notices} />`;
}

/** Whose data, how old, and the button that asks for newer. */
export function Freshness() {
  const sources = knownSources(newestAnswer.value);
  const main = sources.find((s) => s.name === "whoop") ?? sources[0];
  const offline = isOffline.value;
  const isLoading = shown.value?.isLoading && !shown.value?.answer;
  const said = saidOf(main, offline, isLoading);
  const isStopped = main?.state === "needs_reauthorization";
  const reason = offline ? words.fresh.offlineReason : isStopped ? words.fresh.reconnectReason(main.title) : main ? "" : words.fresh.nothingToSync;
  const sync = () => void syncNow(main.name);
  return html`<div class="fresh">
    <p class="fresh-words">${isWide.value && !offline && sources.length
      ? sources.map((s) => html`<span key=${s.name}><b>${s.title}</b> · ${saidOf(s, false, isLoading)}</span>`)
      : html`<b>${offline ? words.fresh.offline : (main?.title ?? words.sources.whoop)}</b><span>${said}</span>`}</p>
    <button type="button" class="sync" aria-disabled=${reason || isSyncing.value ? "true" : null} title=${reason || null}
      aria-label=${reason || words.fresh.sync(main?.title ?? "", said)} onClick=${() => { if (!reason && !isSyncing.value) sync(); }}>
      <${Icon} name=${offline ? "offline" : "sync"} size=${20} isSpinning=${isSyncing.value} /><span class="sync-word">${words.fresh.syncNow}</span>
    </button>
  </div>`;
}

function saidOf(source, offline, isLoading) {
  const at = offline ? shown.value?.at : source?.last_success_at;
  if (!offline && asking.value?.provider === source?.name && isSyncing.value) return words.fresh.syncing;
  if (!offline && source?.state === "running") return words.fresh.syncing;
  if (isLoading) return words.fresh.loading;
  if (!at) return source && !offline ? words.fresh.never : offline || !newestAnswer.value ? "" : words.fresh.notConnected;
  const { text, isRelative } = age(at, now.value);
  return words.fresh.synced(text, isRelative && !offline);
}

function Toast() {
  const [seen, setSeen] = useState(null);
  const current = toast.value;
  useEffect(() => {
    if (!current) return undefined;
    setSeen(current);
    const timer = setTimeout(() => setSeen(null), 6_000);
    return () => clearTimeout(timer);
  }, [current]);
  return html`<div class="toast-place" role="status">${seen && html`<p class="toast" key=${seen.id}>${seen.text}</p>`}</div>`;
}
