// Numbers and instants of the operator's page. Pure.
const locale = typeof navigator === "undefined" ? "en-GB" : navigator.language || "en-GB";
const whole = new Intl.NumberFormat(locale);
const one = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clockOf = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", hourCycle: "h23", hour: "2-digit", minute: "2-digit", ...options });
const toMinute = clockOf({});
const toSecond = clockOf({ second: "2-digit" });
const withDay = clockOf({ day: "numeric", month: "short" });
const weekdays = new Intl.DateTimeFormat(locale, { weekday: "long", timeZone: "UTC" });

export const number = (n) => (n === null || n === undefined ? "–" : whole.format(n));
/** 99.2; a whole hundred without decimals. */
export const percent = (n) => (n === null || n === undefined ? "–" : n === 100 ? "100" : one.format(n));
export const minute = (instant) => toMinute.format(new Date(instant));
export const second = (instant) => toSecond.format(new Date(instant));
/** "20 Nov 22:00" */
export const day = (instant) => withDay.format(new Date(instant)).replace(",", "");
/** 1 is Monday. */
export const weekday = (nth) => weekdays.format(new Date(Date.UTC(2026, 10, 15 + nth)));
export const hour = (minutes) => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;

/** "38 s", "3 min 10 s", "5 min", "2 h 05", "3 days": two parts at most. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 600 && s % 60) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 3_600) return `${Math.round(s / 60)} min`;
  const minutes = Math.round(s / 60);
  if (minutes < 2_880) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
  return `${Math.round(minutes / 1_440)} days`;
}

/** A round number that is not below `n`, for the top of an axis. */
export function roof(n) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, n)));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((times) => times * power).find((top) => top >= n);
}

/** The points of a line, in hundredths of the box: `[[minutes, value]]`. */
export const line = (points, top) => points.map(([at, value], nth) => `${nth ? "L" : "M"}${x(at)} ${y(value, top)}`).join("");
/** The outline of a band: `[[minutes, low, high]]`. */
export const band = (points, top) => `${line(points.map(([at, , high]) => [at, high]), top)}${points.toReversed().map(([at, low]) => `L${x(at)} ${y(low, top)}`).join("")}Z`;
export const x = (minutes) => round((minutes / 1_440) * 100);
export const y = (value, top) => round(100 - (Math.min(value, top) / top) * 100);
const round = (n) => Math.round(n * 100) / 100;
