// What the server told: one value per section, kept current by server-sent events.

export const state = {};
const listeners = [];
let source = null;
let skewMs = 0;
let onLive = () => {};
let onLost = () => {};

// Calls `show` whenever one of these sections was told.
export function on(names, show) {
  listeners.push([names, show]);
}

export function watch(member, { live, lost }) {
  onLive = live;
  onLost = lost;
  listen(member);
}

export function listen(member) {
  source?.close();
  source = new EventSource(`/page/live?member=${member}`);
  source.onopen = () => onLive(true);
  source.onerror = () => {
    onLive(false);
    if (source.readyState === EventSource.CLOSED) onLost();
  };
  source.onmessage = (event) => take(JSON.parse(event.data));
}

function take(told) {
  skewMs = told.wall_ms - Date.now();
  Object.assign(state, told);
  for (const [names, show] of listeners) {
    if (names.some((name) => name in told)) show();
  }
}

// The simulated instant now.
export function nowMs() {
  const clock = state.clock;
  return clock ? clock.at_ms + Math.round((Date.now() + skewMs - clock.wall_ms) * clock.speed) : 0;
}

export class Refused extends Error {}

export async function control(method, path, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await fetch(`/page/control${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(value.error ?? `The simulator answered ${answer.status}.`);
  return value;
}
