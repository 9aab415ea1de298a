// Numbers, units, dates and ages as text. Pure: the locale and the units are read from `settings`, which tests set.
import { words } from "./words.js";

const w = words.time;
export const settings = {
  locale: typeof navigator === "undefined" ? "en-GB" : navigator.language || "en-GB",
  units: { distance: "km", energy: "kcal", temperature: "c" },
};

export const NONE = "–";
const MINUS = "−";
const FIRM = "\u00a0"; // between a number and its unit: no line breaks there
const made = new Map();
const LATIN = { numberingSystem: "latn" }; // one kind of digits, in every locale: some numbers here are not Intl's

function intl(kind, options) {
  const key = `${kind.name}${settings.locale}${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new kind(settings.locale, { ...options, ...LATIN }));
  return made.get(key);
}

/** A number with so many decimals; `–` for null. Halves go away from zero, as people round. */
export function number(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  const shown = rounded(value, digits);
  return intl(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(shown).replace("-", MINUS);
}

/** As it is shown, as a number: round first, then judge. */
export function rounded(value, digits = 0) {
  if (value === null || value === undefined) return null;
  const shown = Number(Math.round(Number(`${Math.abs(value)}e${digits}`)) + `e-${digits}`);
  return value < 0 && shown !== 0 ? -shown : shown;
}

/** A duration as parts for setting in type: `[["7", "h"], ["08", ""]]`; under an hour `[["38", "min"]]`. */
export function durationParts(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return [[String(minutes), "min"]];
  return [[String(Math.floor(minutes / 60)), "h"], [String(minutes % 60).padStart(2, "0"), ""]];
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  return durationParts(seconds).flat().filter(Boolean).join(FIRM);
}

/** For a screen reader: "7 hours 8 minutes". */
export function durationSaid(seconds) {
  const minutes = Math.round(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return [hours > 0 && w.hours(hours), (minutes % 60 > 0 || hours === 0) && w.minutes(minutes % 60)].filter(Boolean).join(" ");
}

export const energyUnit = () => (settings.units.energy === "kj" ? "kJ" : "kcal");
export const energy = (kj) => (kj === null || kj === undefined ? null : settings.units.energy === "kj" ? kj : kj / 4.184);
export const temperatureUnit = () => (settings.units.temperature === "f" ? "°F" : "°C");
export const temperature = (c) => (c === null || c === undefined ? null : settings.units.temperature === "f" ? c * 1.8 + 32 : c);

export function distance(m) {
  const isMiles = settings.units.distance === "mi";
  return `${number(m / (isMiles ? 1609.344 : 1000), 1)}${FIRM}${isMiles ? "mi" : "km"}`;
}

export function climb(m) {
  const isFeet = settings.units.distance === "mi";
  return `${number(isFeet ? m / 0.3048 : m)}${FIRM}${isFeet ? "ft" : "m"}`;
}

// ---- dates: a day is "2026-11-21", never a Date at some midnight of this phone ----

const asDate = (day) => new Date(`${day}T12:00:00Z`);
const text = (date, options) => intl(Intl.DateTimeFormat, { timeZone: "UTC", ...options }).format(date).replaceAll(",", "");

export const addDays = (day, count) => new Date(asDate(day).getTime() + count * 86_400_000).toISOString().slice(0, 10);
export const daysBetween = (from, until) => Math.round((asDate(until) - asDate(from)) / 86_400_000);
/** "Saturday 21 November", with the year where it is not `today`'s. */
export function longDay(day, today = day) {
  const year = day.slice(0, 4) === today.slice(0, 4) ? {} : { year: "numeric" };
  return text(asDate(day), { weekday: "long", day: "numeric", month: "long", ...year });
}
/** "Fri 20 Nov" */
export const shortDay = (day) => text(asDate(day), { weekday: "short", day: "numeric", month: "short" });
/** "20 Nov" */
export const dayMonth = (day) => text(asDate(day), { day: "numeric", month: "short" });
export const dayMonthYear = (day) => text(asDate(day), { day: "numeric", month: "short", year: "numeric" });
export const weekday = (day) => text(asDate(day), { weekday: "short" });
export const weekdayNarrow = (day) => text(asDate(day), { weekday: "narrow" });
export const weekdayLong = (day) => text(asDate(day), { weekday: "long" });
export const dayOfMonth = (day) => String(Number(day.slice(8)));
export const monthTitle = (month) => text(asDate(`${month}-01`), { month: "long", year: "numeric" });
export const monthName = (month) => text(asDate(`${month}-01`), { month: "long" });

/** "16–21 November", across months "28 October – 3 November". */
export function dayRange(from, until) {
  if (from === until) return text(asDate(from), { day: "numeric", month: "long" });
  return intl(Intl.DateTimeFormat, { timeZone: "UTC", day: "numeric", month: "long" }).formatRange(asDate(from), asDate(until))
    .replace(/\s*–\s*/, from.slice(0, 7) === until.slice(0, 7) ? "–" : " – ");
}

/** 1 (Monday) to 7 (Sunday): on which the member's week begins. */
export function firstWeekday() {
  const locale = new Intl.Locale(settings.locale);
  return (locale.getWeekInfo?.() ?? locale.weekInfo)?.firstDay ?? 1;
}
/** 0 for the first day of the member's week. */
export const placeInWeek = (day) => (((asDate(day).getUTCDay() + 6) % 7) - (firstWeekday() - 1) + 7) % 7;

const CLOCKS = { "24h": { hourCycle: "h23" }, "12h": { hourCycle: "h12", hour: "numeric" } };
const shifted = (instant, offsetMin) => new Date(new Date(instant).getTime() + offsetMin * 60_000);
/** The local time of an instant, "22:08", by the offset of where it was. */
export const clock = (instant, offsetMin) => text(shifted(instant, offsetMin), { hour: "2-digit", minute: "2-digit", ...CLOCKS[settings.units.clock] });
export const clockRange = (from, until, offsetMin) => `${clock(from, offsetMin)}–${clock(until, offsetMin)}`;
export const localDay = (instant, offsetMin) => shifted(instant, offsetMin).toISOString().slice(0, 10);
/** Minutes east of Greenwich of this phone at an instant. */
export const phoneOffset = (instant) => -new Date(instant).getTimezoneOffset();

/**
 * How old something is: "just now", "4 min ago", "2 h ago", then "yesterday 21:40", then a date.
 * `isRelative` says whether "synced" may stand before it.
 */
export function age(instant, now, offsetMin = phoneOffset(instant)) {
  const minutes = Math.floor((now - new Date(instant).getTime()) / 60_000);
  const said = localDay(instant, offsetMin);
  const days = daysBetween(said, localDay(now, offsetMin));
  if (minutes < 1) return { text: w.now, isRelative: true };
  if (minutes < 60) return { text: w.minutesAgo(minutes), isRelative: true };
  if (days < 1) return { text: w.hoursAgo(Math.floor(minutes / 60)), isRelative: true };
  if (days === 1) return { text: w.yesterday(clock(instant, offsetMin)), isRelative: false };
  return { text: `${dayMonth(said)} ${clock(instant, offsetMin)}`, isRelative: false };
}

/** A moment in a sentence: "today at 07:12", "yesterday at 21:40", "on 19 Nov at 23:02". */
export function moment(instant, now, offsetMin = phoneOffset(instant)) {
  const said = localDay(instant, offsetMin);
  const days = daysBetween(said, localDay(now, offsetMin));
  const at = clock(instant, offsetMin);
  if (days === 0) return w.todayAt(at);
  return days === 1 ? w.yesterdayAt(at) : w.onAt(dayMonth(said), at);
}

/** "functional-fitness" or "FUNCTIONAL_FITNESS" as "Functional fitness"; a few have names of their own. */
export function sport(name) {
  const plain = String(name ?? "").replace(/[-_\s]+/g, " ").trim().toLowerCase();
  if (!plain) return words.sports.activity;
  return words.sports[plain] ?? plain[0].toUpperCase() + plain.slice(1);
}
