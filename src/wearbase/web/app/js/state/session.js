// Who is signed in, what they prefer, and how this phone's clock stands to the server's.
import { api, listen, Problem } from "../api.js";
import { settings } from "../format.js";
import { computed, signal } from "../html.js";
import { allow, forbid, wipe } from "./kept.js";
import { go, to } from "./router.js";

const AGAIN_AFTER_MS = 10 * 60_000; // the cookie changes from time to time, when the session is asked for
let learntAt = 0;
const UNSAVED = "theme-unsaved"; // chosen here and not yet told to the server
const SKEW_WORTH_TELLING = 5 * 60_000;

/** null until known; `{user_id, is_demo, version, sources, …}`; `{isOut: true, why}` when nobody is signed in. */
export const session = signal(null);
export const userId = computed(() => session.value?.user_id ?? null);
export const theme = signal(localStorage.getItem("theme") ?? "system");
const USUAL_UNITS = { ...settings.units };
const units = signal(USUAL_UNITS);
// What shows a number in a unit reads it through here, and so is drawn again when the unit changes.
Object.defineProperty(settings, "units", { get: () => units.value, set: (chosen) => { units.value = chosen; } });
/** Device clock less server clock, ms. */
export const skew = signal(0);
export const isClockWrong = computed(() => Math.abs(skew.value) > SKEW_WORTH_TELLING);
/** Ticks a few times a minute, for ages. By the server's clock. */
export const now = signal(Date.now());
export const isOnline = signal(navigator.onLine);

export async function begin() {
  listen({ signedOut: ended, refused: askAgain });
  tabs?.addEventListener("message", ({ data }) => void heard(data));
  addEventListener("online", () => { isOnline.value = true; });
  addEventListener("offline", () => { isOnline.value = false; });
  setInterval(tick, 20_000);
  document.addEventListener("visibilitychange", () => {
    tick();
    if (!document.hidden && userId.value && Date.now() - learntAt > AGAIN_AFTER_MS) void learn();
  });
  const user = localStorage.getItem("user");
  if (!user) return learn();
  session.value = { user_id: user, isUnsure: true }; // what is kept shows at once; the server's word follows
  void learn();
}

const tick = () => { now.value = Date.now() - skew.value; };

/** The server's clock, as an answer gave it. */
export function told(serverTime) {
  const at = Date.parse(serverTime);
  if (Number.isFinite(at)) skew.value = Date.now() - at;
  tick();
}

// Tabs tell each other who signed in or out: each holds days in its own memory.
const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel("wearbase-session") : null;
export function tellTabs(user) { tabs?.postMessage({ user }); }
async function heard({ user }) {
  if (!user) return ended(null, { isTold: true });
  if (user !== userId.value) await learn();
}

const SOON_MS = 5_000;
/** Somebody else may have signed in with this browser. Not at once again: some things are refused to whoever asks. */
function askAgain() {
  if (Date.now() - learntAt > SOON_MS) void learn();
}

const SOON_ENOUGH_MS = 10_000;
/** The answer that the app begins with: who is signed in, what they prefer, their today. */
let opening = null;
async function opened() {
  opening = api.opening();
  const { session: found, why, preferences: wishes } = await opening;
  if (found) return { found, wishes };
  throw new Problem(why, "", { status: 401 });
}

/** Today, as the opening brought it; once, for the member whose it is. Null where there is none, or not any more. */
export async function openingDay(user) {
  const asked = performance.now() < SOON_ENOUGH_MS ? opening : null;
  opening = null;
  const found = await asked?.catch(() => null);
  return found?.session?.user_id === user ? found.day : null;
}

let isFirst = true;
/** Asks who is signed in. Offline: whoever was on this phone. */
export async function learn() {
  const isOpening = isFirst;
  isFirst = false;
  try {
    const { found, wishes } = isOpening ? await opened() : { found: await api.session() };
    learntAt = Date.now();
    const before = [localStorage.getItem("user"), userId.value].filter(Boolean);
    if (before.some((user) => user !== found.user_id)) {
      session.value = { isOut: true };
      await wipe();
    }
    allow();
    if (!before.length) settings.units = USUAL_UNITS;
    localStorage.setItem("user", found.user_id);
    told(found.server_time);
    const isNew = userId.value !== found.user_id;
    session.value = found;
    if (isNew) tellTabs(found.user_id);
    void preferences(wishes);
  } catch (problem) {
    if (problem.status === 401) return ended(problem);
    const user = localStorage.getItem("user");
    if (user && user === userId.value) return;
    session.value = user ? { user_id: user, isUnsure: true } : { isOut: true, why: problem };
  }
}

async function preferences(given) {
  try {
    const stored = given ?? await api.preferences(userId.value);
    settings.units = { ...USUAL_UNITS, ...stored.units, clock: stored.display?.clock };
    if (localStorage.getItem(UNSAVED)) await saveTheme(stored);
    else showTheme(stored.display?.theme ?? "system");
  } catch {
    // The units stay as they were; what is shown is right either way.
  }
}

/** The server ended the session. What is on the screen goes at once, what is on the phone before the sign-in page shows. */
async function ended(why, { isTold = false } = {}) {
  if (session.value?.isOut) return;
  const wasSomebody = Boolean(userId.value ?? localStorage.getItem("user"));
  session.value = { isOut: true, why };
  settings.units = USUAL_UNITS;
  if (isTold) forbid(); // the tab that told it wipes the phone; somebody else may be signed in by the time this one hears of it
  else if (wasSomebody) {
    tellTabs(null);
    await wipe();
  }
  if (!location.pathname.startsWith(to("sign-in"))) go(to("sign-in"), { replace: true });
}

/** Signs out here or everywhere; wipes this phone first. Throws Problem if the server was not reached: then still signed in. */
export async function signOut({ everywhere = false } = {}) {
  await api.signOut(everywhere);
  await ended(null);
}

/** On this phone at once; and with the member's settings, so that it holds on their other devices. Throws Problem if it was not saved. */
export async function chooseTheme(chosen) {
  showTheme(chosen);
  localStorage.setItem(UNSAVED, "yes");
  if (userId.value) await saveTheme(await api.preferences(userId.value));
}

async function saveTheme({ precedence, units: stored, display }) {
  await api.setPreferences(userId.value, { precedence, units: stored, display: { ...display, theme: theme.value === "system" ? null : theme.value } });
  localStorage.removeItem(UNSAVED);
}

/** A unit, or the clock (null: as the phone): here at once, and with the member's settings. Throws Problem if it was not saved. */
export async function chooseUnit(what, value) {
  settings.units = { ...settings.units, [what]: value };
  const { precedence, units: stored, display } = await api.preferences(userId.value);
  const change = { [what]: value };
  await api.setPreferences(userId.value, what === "clock"
    ? { precedence, units: stored, display: { ...display, ...change } } : { precedence, units: { ...stored, ...change }, display: display ?? {} });
}

function showTheme(chosen) {
  theme.value = chosen;
  if (chosen === "system") {
    localStorage.removeItem("theme");
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem("theme", chosen);
    document.documentElement.dataset.theme = chosen;
  }
}
