// From values to places, and round numbers for an axis. Pure.

/** A line from [a, b] to [p, q]; a range without length goes to its middle. */
export function linear([a, b], [p, q]) {
  if (a === b) return () => (p + q) / 2;
  return (value) => p + ((value - a) * (q - p)) / (b - a);
}

const ROUND = [1, 2, 2.5, 5];
/** Steps for minutes, so that hours come out whole. */
export const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];

function* steps(ladder, digits) {
  if (ladder) yield* ladder;
  const smallest = 10 ** -digits;
  for (let power = -digits; power < 9; power += 1) {
    for (const step of ROUND) {
      const size = step * 10 ** power;
      const isWhole = Math.abs(size / smallest - Math.round(size / smallest)) < 1e-9;
      if (isWhole) yield size;
    }
  }
}

/** Round values that hold `low` to `high`, at least 3 and at most `most`. `digits`: how fine a step may be. */
export function ticks(low, high, { most = 5, digits = 0, ladder = null } = {}) {
  const pad = low === high ? 10 ** -digits : 0;
  for (const step of steps(ladder, digits)) {
    const from = Math.floor((low - pad) / step + 1e-9);
    const until = Math.max(Math.ceil((high + pad) / step - 1e-9), from + 2);
    if (until - from + 1 <= most) return Array.from({ length: until - from + 1 }, (_, n) => trimmed((from + n) * step));
  }
  return [low, (low + high) / 2, high];
}

const trimmed = (value) => Number(value.toFixed(6));

/** The ticks of an axis, of which the first and the last are its ends. `kind` says where such a scale begins. */
export function axis(kind, values, { most = 5, digits = 0 } = {}) {
  const present = values.filter((value) => value !== null && value !== undefined);
  const low = Math.min(...present);
  const high = Math.max(...present);
  if (kind === "recovery") return most < 5 ? [0, 50, 100] : [0, 25, 50, 75, 100];
  if (kind === "of1") return [0, 0.5, 1];
  if (kind === "strain") return most < 4 ? [0, 10.5, 21] : [0, 7, 14, 21];
  if (kind === "percent") return present.length && low >= 50 ? [50, 75, 100] : most < 5 ? [0, 50, 100] : [0, 25, 50, 75, 100];
  if (!present.length) return [0, 1, 2];
  if (kind === "minutes") return ticks(0, Math.max(high, 2), { most, ladder: MINUTES });
  if (kind === "zero") return ticks(0, Math.max(high, 2), { most, digits });
  return ticks(low, high, { most, digits });
}

/** Where the middle of each of `count` days lies between `left` and `right`, and how wide a day is. */
export function dayScale(count, left, right) {
  const step = (right - left) / Math.max(1, count);
  return { step, x: (index) => left + (index + 0.5) * step, at: (x) => Math.min(count - 1, Math.max(0, Math.floor((x - left) / step))) };
}

/** The indexes of so many days, evenly apart, the first and the last among them. */
export function dateTicks(count, wanted = 4) {
  const many = Math.min(wanted, count);
  if (many < 2) return count ? [0] : [];
  return Array.from({ length: many }, (_, n) => Math.round((n * (count - 1)) / (many - 1)));
}
