// The service worker of version __VERSION__.
const VERSION = "__VERSION__";
self.addEventListener("install", () => self.skipWaiting());
