// Swiping moves a day, pulling down syncs, arrow keys move a day. Each has a button as its alternative.
import { addDays } from "../format.js";
import { html, signal, useEffect, useRef } from "../html.js";
import { isChoosing, isOffline, newestAnswer, shownDay, today } from "../state/days.js";
import { isSyncing, say, syncNow } from "../state/live.js";
import { go, route, to } from "../state/router.js";
import { words } from "../words.js";
import { sourceList } from "./source.js";

const FAR = 64;
const PULL = 84;
const pulled = signal(0);

/** Opens the day so many days from the shown one, unless it is still to come. */
export function moveDay(by) {
  const day = shownDay.value && addDays(shownDay.value, by);
  if (!day || (today.value && day > today.value)) return;
  go(to(route.value === "sleep" ? "sleep" : "today", { date: day === today.value ? null : day }));
}

/** Wraps the body of a day. Elements with `data-still` (charts) do not move it. */
export function Movable({ children }) {
  const box = useRef(null);
  useEffect(() => {
    const onKey = (event) => {
      const isTyping = event.target.closest?.("input, select, textarea, dialog, [role=slider], [role=grid], [role=radiogroup]");
      if (isTyping || isChoosing.value || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (event.key === "ArrowLeft") moveDay(-1);
      else if (event.key === "ArrowRight") moveDay(1);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => follow(box.current), []);
  return html`<div class="movable" ref=${box}><${Pulled} />${children}</div>`;
}

function Pulled() {
  const far = pulled.value;
  if (!far) return null;
  return html`<p class="pulled" aria-hidden="true" style=${{ "--far": Math.min(1, far / PULL) }}>${far >= PULL ? words.pull.release : words.pull.pull}</p>`;
}

function follow(box) {
  let from = null;
  const start = (event) => {
    const one = event.touches.length === 1 && !event.target.closest("[data-still]") ? event.touches[0] : null;
    from = one && { x: one.clientX, y: one.clientY, isTop: scrollY <= 0 };
  };
  const move = (event) => {
    if (!from?.isTop || event.touches.length > 1) return;
    const down = event.touches[0].clientY - from.y;
    const aside = Math.abs(event.touches[0].clientX - from.x);
    pulled.value = down > 12 && down > aside * 1.5 ? down : 0;
  };
  const end = (event) => {
    const begun = from;
    const isPull = pulled.value >= PULL;
    from = null;
    pulled.value = 0;
    if (!begun) return;
    const touch = event.changedTouches[0];
    const x = touch.clientX - begun.x;
    if (isPull) pullToSync();
    else if (Math.abs(x) > FAR && Math.abs(x) > 2 * Math.abs(touch.clientY - begun.y)) moveDay(x < 0 ? 1 : -1);
  };
  const stop = () => { from = null; pulled.value = 0; };
  const all = [["touchstart", start], ["touchmove", move], ["touchend", end], ["touchcancel", stop]];
  all.forEach(([name, act]) => box.addEventListener(name, act, { passive: true }));
  return () => all.forEach(([name, act]) => box.removeEventListener(name, act));
}

function pullToSync() {
  const source = sourceList(newestAnswer.value).find((one) => one.connected && one.state !== "needs_reauthorization");
  if (!source || isOffline.value || isSyncing.value) return;
  say(words.fresh.started(source.title));
  void syncNow(source.name);
}
