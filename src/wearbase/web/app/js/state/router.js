// Which page, which day: the address says it, and nothing else keeps it.
import { computed, signal } from "../html.js";

const ROOT = "/app/";
export const address = signal(new URL(location.href));
export const route = computed(() => address.value.pathname.replace(/\/$/, "").slice(ROOT.length) || "today");
/** Whether the calendar has such a day: 30 February is none. */
function isDay(text) {
  const at = /^[12]\d{3}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return Number.isFinite(at) && new Date(at).toISOString().startsWith(text);
}

/** The chosen day, or null for today. */
export const chosenDay = computed(() => {
  const date = address.value.searchParams.get("date");
  return isDay(date ?? "") ? date : null;
});

/** An address of the app: `to("sleep", {date})`. */
export function to(name, query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  const text = search.toString();
  return ROOT + (name === "today" ? "" : name) + (text ? `?${text}` : "");
}

export function go(path, { replace = false } = {}) {
  const next = new URL(path, location.href);
  if (next.href === address.value.href) return;
  const isOtherPage = next.pathname !== address.value.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", next);
  address.value = next;
  if (isOtherPage) scrollTo(0, 0);
}

/** Follows the back button and clicks on the app's own links. */
export function start() {
  addEventListener("popstate", () => { address.value = new URL(location.href); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const isPlain = !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!link.pathname.startsWith(ROOT) || link.hash || link.dataset.plain !== undefined) return;
    event.preventDefault();
    go(link.href);
  });
}
