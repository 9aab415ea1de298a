// Icons: 24 × 24, drawn with one stroke. Decorative: the word beside them says it.
import { html } from "../html.js";

const PATHS = {
  today: "M3 18.5h18M6.5 15a5.5 5.5 0 0 1 11 0M12 4v2.5M4.6 7.6l1.8 1.8M19.4 7.6l-1.8 1.8",
  sleep: "M19.8 14.6A8 8 0 0 1 9.4 4.2a8 8 0 1 0 10.4 10.4Z",
  workouts: "M5 19v-4M9.7 19v-7M14.3 19V9M19 19V5",
  trends: "M4 15l5-5 3.5 3L20 5",
  sources: "M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7L12 17.7",
  sync: "M19.5 9.5A8 8 0 0 0 5 8.6M4.5 14.5A8 8 0 0 0 19 15.4M4.5 4.8v4h4M19.5 19.2v-4h-4",
  down: "M7 10l5 5 5-5", left: "M14.5 6.5 9 12l5.5 5.5", right: "M9.5 6.5 15 12l-5.5 5.5",
  calendar: "M5 6.5h14a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-11a1 1 0 0 1 1-1ZM4 11h16M8 4v4M16 4v4",
  clock: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16ZM12 8v4l3 2",
  offline: "M4 4l16 16M8.5 15.5a5 5 0 0 1 5-1.2M5 12a10 10 0 0 1 4-2.4M13.5 9a10 10 0 0 1 5.5 3M2.5 8.5A14 14 0 0 1 6 6.3M10.5 5a14 14 0 0 1 11 3.5M12 19h.01",
  strap: "M8.5 9.5a2 2 0 0 1 2-2h3a2 2 0 0 1 2 2v5a2 2 0 0 1-2 2h-3a2 2 0 0 1-2-2ZM10 7.5V3M14 7.5V3M10 21v-4.5M14 21v-4.5",
  lock: "M6.5 11h11a1 1 0 0 1 1 1v6.5a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1V12a1 1 0 0 1 1-1ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14",
  trash: "M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7",
  info: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16ZM12 11v5M12 8h.01",
};
const EXTRA = { trends: "M4 19h16" };

export function Icon({ name, size = 24, isSpinning = false }) {
  return html`<svg class=${`icon${isSpinning ? " spins" : ""}`} width=${`${size / 16}rem`} height=${`${size / 16}rem`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />${EXTRA[name] && html`<path class="faint" d=${EXTRA[name]} />`}
  </svg>`;
}

/** The mark of the app: a rail with its bracket and marker. */
export function Mark({ size = 30 }) {
  return html`<svg class="mark" width=${`${size / 16}rem`} height=${`${size * 0.7 / 16}rem`} viewBox="0 0 30 21" aria-hidden="true" focusable="false">
    <rect class="track" x="1" y="8.5" width="28" height="4" rx="2" /><rect class="bracket" x="7" y="4.5" width="14" height="12" rx="4.5" />
    <rect class="marker" x="21.5" y="2" width="4" height="17" rx="2" />
  </svg>`;
}
