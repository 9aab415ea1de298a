// The service worker of version __VERSION__: the app's own files from this phone. What is anybody's data never goes through here.
const VERSION = "__VERSION__";
const CACHE = `app-${VERSION}`;
const ROOT = `/app/v/${VERSION}/`;
const SHELL = "/app/";
const FILES = "__FILES__".split(" ").filter((name) => /^(js|css|fonts|vendor)\/.*\.(js|css|woff2)$/.test(name) && !name.includes("ops"));

self.addEventListener("install", (event) => {
  // Where the browser can be told so, it takes the app's files by itself and asks the network for everything else: a worker that sleeps need not wake.
  event.addRoutes?.([
    { condition: { urlPattern: new URLPattern({ pathname: `${ROOT}*` }) }, source: { cacheName: CACHE } },
    { condition: { requestMode: "navigate", urlPattern: new URLPattern({ pathname: SHELL, search: "" }) }, source: { cacheName: CACHE } },
    { condition: { not: { urlPattern: new URLPattern({ pathname: "/app*" }) } }, source: "network" },
    { condition: { urlPattern: new URLPattern({ pathname: "/app/opening" }) }, source: "network" },
  ]).catch(() => {}); // a browser with other words for this: the worker answers, as below
  // A version is either whole on the phone or not used: one file that is missing fails the installation, and the old version goes on.
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([new Request(SHELL, { cache: "reload" }), ...FILES.map((name) => ROOT + name)])));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("app-") && name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") void self.skipWaiting(); // only the member says when: a page never changes under the finger
  if (event.data === "claim") event.waitUntil(self.clients.claim()); // a page that was on its way while the first one became active
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  const isPage = request.mode === "navigate" && (url.pathname === "/app" || url.pathname.startsWith(SHELL));
  if (isPage && !url.pathname.startsWith("/app/v/")) event.respondWith(kept(SHELL, SHELL));
  else if (url.pathname.startsWith(ROOT)) event.respondWith(kept(request, request));
});

/** From the phone, else from the server, and then kept (a browser short of room may have thrown it away). */
async function kept(key, request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(key);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok && (key !== SHELL || (await answer.clone().text()).includes(VERSION))) await cache.put(key, answer.clone());
  return answer;
}
