// What a row of days says: where it breaks, what a week is on average, what a weekday is like. Pure; null is no value and never zero.

export const isNone = (value) => value === null || value === undefined;

/** Runs of days for which `is` holds, as `[first, last]`. */
function runs(values, is) {
  const found = [];
  values.forEach((value, index) => {
    if (!is(value)) return;
    const last = found.at(-1);
    if (last && last[1] === index - 1) last[1] = index;
    else found.push([index, index]);
  });
  return found;
}

/** Runs of days with a value: each is a line of its own, a single day a dot. */
export const stretches = (values) => runs(values, (value) => !isNone(value));
/** Runs of days without one. */
export const gaps = (values) => runs(values, isNone);

export const AVERAGE_DAYS = 7;
export const FEWEST_OF_AVERAGE = 4;

/** The average of a day and the six before it; null without 4 values among them, and on a day that has none itself. */
export function averages(values) {
  return values.map((value, index) => {
    const week = values.slice(Math.max(0, index - AVERAGE_DAYS + 1), index + 1).filter((one) => !isNone(one));
    if (isNone(value) || week.length < FEWEST_OF_AVERAGE) return null;
    return week.reduce((sum, one) => sum + one, 0) / week.length;
  });
}

/** Between the two nearest ranks, as the server has it. `ordered` is not empty. */
export function percentile(ordered, part) {
  const place = part * (ordered.length - 1);
  const below = Math.floor(place);
  const next = ordered[Math.min(below + 1, ordered.length - 1)];
  return ordered[below] + (place - below) * (next - ordered[below]);
}

export function median(values) {
  const ordered = values.filter((value) => !isNone(value)).sort((a, b) => a - b);
  return ordered.length ? percentile(ordered, 0.5) : null;
}

export const FEWEST_OF_WEEKDAY = 4;

/** Seven of `{count, median, low, high}`, Monday first: the middle 80 % of the weekday's values; null each with fewer than 4 values. */
export function byWeekday(days) {
  const values = Array.from({ length: 7 }, () => []);
  for (const { day, value } of days) {
    if (!isNone(value)) values[(new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7].push(value);
  }
  return values.map((found) => {
    const ordered = found.sort((a, b) => a - b);
    if (ordered.length < FEWEST_OF_WEEKDAY) return { count: ordered.length, median: null, low: null, high: null };
    const [low, middle, high] = [0.1, 0.5, 0.9].map((part) => percentile(ordered, part));
    return { count: ordered.length, median: middle, low, high };
  });
}

/** The index of the newest day with a value, -1 without one. */
export function newest(values) {
  for (let index = values.length - 1; index >= 0; index -= 1) if (!isNone(values[index])) return index;
  return -1;
}
