// Boots the app: session, router, service worker, live events. A page is a module of pages/ whose default export is a component.
import { effect, html, render, signal, useEffect } from "./html.js";
import { Frame } from "./parts/frame.js";
import { Missing } from "./parts/missing.js";
import { listenToServer } from "./state/live.js";
import { begin as beginDay, forget, shown } from "./state/days.js";
import { go, route, start, to } from "./state/router.js";
import { begin, session } from "./state/session.js";
import { register } from "./worker.js";
import Today from "./pages/today.js";

const PAGES = {
  today: () => ({ default: Today }),
  sleep: () => import("./pages/sleep.js"),
  workouts: () => import("./pages/workouts.js"),
  trends: () => import("./pages/trends.js"),
  sources: () => import("./pages/sources.js"),
  about: () => import("./pages/about.js"),
  "sign-in": () => import("./pages/signin.js"),
};
const OPEN = new Set(["about", "sign-in"]);
const OF_A_DAY = new Set(["today", "sleep"]);
const page = signal({ name: "today", Page: null });

effect(() => {
  const name = PAGES[route.value] ? route.value : "today";
  if (name !== route.value) return go(to("today"), { replace: true });
  const found = PAGES[name]();
  if (!(found instanceof Promise)) page.value = { name, Page: found.default };
  else found.then((module) => { if (route.value === name) page.value = { name, Page: module.default }; },
    () => { if (route.value === name) page.value = { name, Page: Missing }; });
});
effect(() => { if (session.value?.isOut) forget(); });

let isFirst = true;
/** After going to another page the title has the focus: a screen reader reads it, and the next tab is the page's first. */
function App() {
  const { Page, name } = page.value;
  useEffect(() => {
    if (!Page) return;
    if (isFirst) isFirst = false;
    else document.getElementById("title")?.focus({ preventScroll: true });
  }, [Page]);
  if (session.value?.isOut && !OPEN.has(name)) return null;
  if (name === "sign-in") return Page && html`<main id="main" class="alone"><${Page} /></main>`;
  return html`<${Frame}>${Page && html`<div class="page" key=${name}><${Page} /></div>`}<//>`;
}

async function boot() {
  start();
  await begin();
  if (session.value?.isOut && !OPEN.has(route.value)) go(to("sign-in"), { replace: true });
  if (OF_A_DAY.has(route.value) && !session.value?.isOut) await beginDay();
  render(html`<${App} />`, document.getElementById("app"));
  listenToServer();
  whenCalm(() => void register());
}

const LONGEST_WAIT_MS = 3_000;
/** After the first day is on the screen, or a while: what is fetched for later must not hold up what is waited for now. */
function whenCalm(act) {
  let isDone = false;
  const once = () => {
    if (isDone) return;
    isDone = true;
    (globalThis.requestIdleCallback ?? setTimeout)(act);
  };
  setTimeout(once, LONGEST_WAIT_MS);
  effect(() => { if (shown.value?.answer && !shown.value.isLoading) once(); });
}
void boot();
