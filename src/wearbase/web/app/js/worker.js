// The service worker: registered here; a newer version waits until the member says so, and never reloads under the finger.
import { signal } from "./html.js";

/** Whether a newer version is ready. */
export const isNewer = signal(false);
let waiting = null;
let isAskedFor = false;
const EVERY_MS = 30 * 60_000;

export async function register() {
  const workers = navigator.serviceWorker;
  if (!workers) return;
  const registration = await workers.register("/app/sw.js", { scope: "/app/", updateViaCache: "none" }).catch(() => null);
  if (!registration) return;
  const ready = (worker) => {
    if (!worker || !workers.controller) return; // the first one takes over by itself
    waiting = worker;
    isNewer.value = true;
  };
  if (!workers.controller) registration.active?.postMessage("claim");
  ready(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const coming = registration.installing;
    coming?.addEventListener("statechange", () => { if (coming.state === "installed") ready(coming); });
  });
  workers.addEventListener("controllerchange", () => { if (isAskedFor) location.reload(); });
  const look = () => { if (!document.hidden) void registration.update().catch(() => {}); };
  document.addEventListener("visibilitychange", look);
  setInterval(look, EVERY_MS);
}

/** Takes the newer version, because the member asked for it. */
export function update() {
  isAskedFor = true;
  if (waiting) waiting.postMessage("take over");
  else location.reload();
}
