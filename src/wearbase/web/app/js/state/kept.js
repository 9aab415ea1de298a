// Days kept on this phone, in IndexedDB. A phone without room or without IndexedDB keeps nothing and says so once.
import { signal } from "../html.js";

const NAME = "wearbase";
const DAYS = "days";
const MOST = 120;
/** Whether the phone refused to keep a day. */
export const isFull = signal(false);

let opened;
let isWiped = false;
/** Somebody is signed in: from now on days may be kept. */
export function allow() { isWiped = false; }

function open() {
  if (isWiped) return Promise.reject(new Error("nobody is signed in")); // what was on its way must not begin a new base
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(DAYS, { keyPath: "date" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
    asked.onblocked = () => reject(new Error("blocked"));
  });
  opened.catch(() => { opened = undefined; });
  return opened;
}

async function ask(mode, act) {
  const db = await open();
  return new Promise((resolve, reject) => {
    const tx = db.transaction(DAYS, mode);
    const asked = act(tx.objectStore(DAYS));
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
  const found = await ask("readonly", (store) => store.get(date)).catch(() => null);
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

/** Forgets everything on this phone: days, caches, settings of the session. */
export async function wipe() {
  isWiped = true;
  const db = await opened?.catch(() => null);
  db?.close();
  opened = undefined;
  await new Promise((resolve) => {
    const asked = indexedDB.deleteDatabase(NAME);
    asked.onsuccess = asked.onerror = asked.onblocked = resolve;
  });
  localStorage.removeItem("user");
  sessionStorage.clear();
  for (const name of await caches?.keys() ?? []) await caches.delete(name);
}
