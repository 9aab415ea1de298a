// Days kept on this phone, in IndexedDB. A phone without room or without IndexedDB keeps nothing and says so once.
import { signal } from "../html.js";

const NAME = "wearbase";
const [DAYS, TRENDS] = ["days", "trends"];
const [MOST, MOST_TRENDS] = [120, 24];
/** Whether the phone refused to keep a day. */
export const isFull = signal(false);

let opened;
let isWiped = false;
/** Somebody is signed in: from now on days may be kept. */
export function allow() { isWiped = false; }

function open() {
  if (isWiped) return Promise.reject(new Error("nobody is signed in")); // what was on its way must not be kept after the wipe
  return base();
}

function base() {
  opened ??= new Promise((resolve, reject) => {
    if (!globalThis.indexedDB) return reject(new Error("nothing can be kept here"));
    const asked = indexedDB.open(NAME, 2);
    asked.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion < 1) asked.result.createObjectStore(DAYS, { keyPath: "date" });
      asked.result.createObjectStore(TRENDS, { keyPath: "key" });
    };
    asked.onsuccess = () => {
      asked.result.onversionchange = () => { asked.result.close(); opened = undefined; }; // a newer version of the app, in another tab
      resolve(asked.result);
    };
    asked.onerror = () => reject(asked.error);
    asked.onblocked = () => reject(new Error("blocked"));
  });
  opened.catch(() => { opened = undefined; });
  return opened;
}

async function ask(mode, act, name = DAYS) {
  const db = await open();
  return new Promise((resolve, reject) => {
    const tx = db.transaction(name, mode);
    const asked = act(tx.objectStore(name));
    tx.oncomplete = () => resolve(asked?.result);
    tx.onerror = tx.onabort = () => reject(tx.error ?? new Error("aborted"));
  });
}

/** Keeps a day's answer as it was `at`. False where the phone has no room. */
export async function keep(user, answer, at) {
  try {
    await ask("readwrite", (store) => store.put({ date: answer.date, user, at, answer }));
    await prune();
    return true;
  } catch (error) {
    if (error?.name === "QuotaExceededError") isFull.value = true;
    return false;
  }
}

/** `{answer, at}` of a day of this member, or null. */
export async function kept(user, date) {
  const early = globalThis.$kept; // asked for before we were here (early.js): taken once
  globalThis.$kept = null;
  const found = early?.date === date && !isWiped ? await early.entry : await ask("readonly", (store) => store.get(date)).catch(() => null);
  return found?.user === user ? found : null;
}

/** Keeps a trend as it was `at`, the newest of so many. */
export async function keepTrend(user, key, answer, at) {
  try {
    await ask("readwrite", (store) => store.put({ key, user, at, answer }), TRENDS);
    const all = await ask("readonly", (store) => store.getAll(), TRENDS);
    const old = all.sort((a, b) => b.at - a.at).slice(MOST_TRENDS);
    if (old.length) await ask("readwrite", (store) => { old.forEach((one) => store.delete(one.key)); }, TRENDS);
  } catch (error) {
    if (error?.name === "QuotaExceededError") isFull.value = true;
  }
}

/** `{answer, at}` of a trend of this member, or null. */
export async function keptTrend(user, key) {
  const found = await ask("readonly", (store) => store.get(key), TRENDS).catch(() => null);
  return found?.user === user ? found : null;
}

export async function keptDates(user) {
  const all = await ask("readonly", (store) => store.getAll()).catch(() => []);
  return all.filter((entry) => entry.user === user).map((entry) => entry.date).sort();
}

/** The newest day that has something in it, else the newest. */
export async function newest(user) {
  const all = (await ask("readonly", (store) => store.getAll()).catch(() => [])).filter((entry) => entry.user === user);
  all.sort((a, b) => (a.date < b.date ? 1 : -1));
  return all.find(({ answer: { day } }) => day?.recovery || day?.sleep || day?.cycle) ?? all[0] ?? null;
}

async function prune() {
  const dates = await ask("readonly", (store) => store.getAllKeys());
  const old = dates.sort().slice(0, Math.max(0, dates.length - MOST));
  if (old.length) await ask("readwrite", (store) => { old.forEach((date) => store.delete(date)); });
}

/** Nobody is signed in any more: nothing is kept from now on. */
export function forbid() {
  isWiped = true;
  sessionStorage.clear();
}

/** Forgets what is a member's on this phone. The app's own files stay: it opens without a network for whoever signs in next. */
export async function wipe() {
  forbid();
  localStorage.removeItem("user");
  await empty().catch(() => {}); // where nothing can be kept, nothing was
  if (!("caches" in globalThis)) return; // without https there are none
  for (const name of await caches.keys()) if (!name.startsWith("app-")) await caches.delete(name);
}

/** Forgets every kept day and trend of who stays signed in: some of them are gone on the server. */
export const forgetDays = () => empty().catch(() => {});

/** Emptied and not deleted: deleting waits for every other tab, and what opens the base next would wait behind it. */
async function empty() {
  const db = await base();
  await new Promise((resolve, reject) => {
    const tx = db.transaction([DAYS, TRENDS], "readwrite");
    for (const name of [DAYS, TRENDS]) tx.objectStore(name).clear();
    tx.oncomplete = resolve;
    tx.onerror = tx.onabort = () => reject(tx.error);
  });
}
