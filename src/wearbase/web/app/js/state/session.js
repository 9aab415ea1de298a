// Who is signed in, what they prefer, and how this phone's clock stands to the server's.
import { api, listen } from "../api.js";
import { settings } from "../format.js";
import { computed, signal } from "../html.js";
import { allow, wipe } from "./kept.js";
import { go, to } from "./router.js";

const AGAIN_AFTER_MS = 10 * 60_000; // the cookie changes from time to time, when the session is asked for
let learntAt = 0;
const SKEW_WORTH_TELLING = 5 * 60_000;

/** null until known; `{user_id, is_demo, version, sources, …}`; `{isOut: true, why}` when nobody is signed in. */
export const session = signal(null);
export const userId = computed(() => session.value?.user_id ?? null);
export const theme = signal(localStorage.getItem("theme") ?? "system");
/** Counts up when units change, so that what shows numbers draws again. */
export const unitsSeen = signal(0);
/** Device clock less server clock, ms. */
export const skew = signal(0);
export const isClockWrong = computed(() => Math.abs(skew.value) > SKEW_WORTH_TELLING);
/** Ticks a few times a minute, for ages. By the server's clock. */
export const now = signal(Date.now());
export const isOnline = signal(navigator.onLine);

export async function begin() {
  listen({ signedOut: ended });
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

/** Asks who is signed in. Offline: whoever was on this phone. */
export async function learn() {
  try {
    const found = await api.session();
    learntAt = Date.now();
    const user = localStorage.getItem("user");
    if (user && user !== found.user_id) {
      session.value = { isOut: true };
      await wipe();
    }
    allow();
    localStorage.setItem("user", found.user_id);
    told(found.server_time);
    session.value = found;
    void preferences();
  } catch (problem) {
    if (problem.status === 401) return ended(problem);
    const user = localStorage.getItem("user");
    session.value = user ? { user_id: user, isUnsure: true } : { isOut: true, why: problem };
  }
}

async function preferences() {
  try {
    Object.assign(settings.units, (await api.preferences(userId.value)).units);
    unitsSeen.value += 1;
  } catch {
    // The units stay as they were; what is shown is right either way.
  }
}

/** The server ended the session. What is on the phone goes before the sign-in page shows. */
async function ended(why) {
  if (session.value?.isOut) return;
  await wipe();
  session.value = { isOut: true, why };
  if (!location.pathname.startsWith(to("sign-in"))) go(to("sign-in"), { replace: true });
}

/** Signs out here or everywhere; wipes this phone first. Throws Problem if the server was not reached: then still signed in. */
export async function signOut({ everywhere = false } = {}) {
  await api.signOut(everywhere);
  await ended(null);
}

export function chooseTheme(chosen) {
  theme.value = chosen;
  if (chosen === "system") {
    localStorage.removeItem("theme");
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem("theme", chosen);
    document.documentElement.dataset.theme = chosen;
  }
}
