// SVG paths. Pure.
import { stretches } from "./series.js";

const n = (value) => Number(value.toFixed(1));

/** One line for each stretch of values, never across a gap; a single day gives none. */
export function linePath(values, x, y) {
  return stretches(values).filter(([first, last]) => last > first).map(([first, last]) => {
    const points = [];
    for (let index = first; index <= last; index += 1) points.push(`${n(x(index))} ${n(y(values[index]))}`);
    return `M${points.join("L")}`;
  }).join("");
}

/** The usual range as areas and as their two edges; no band where there is none. It goes on across days without a value. */
export function bandPaths(lows, highs, x, y, step) {
  const both = lows.map((low, index) => (low === null || highs[index] === null ? null : index));
  const made = stretches(both).map(([first, last]) => {
    const edge = (values) => {
      const points = [`${n(x(first) - step / 2)} ${n(y(values[first]))}`];
      for (let index = first; index <= last; index += 1) points.push(`${n(x(index))} ${n(y(values[index]))}`);
      points.push(`${n(x(last) + step / 2)} ${n(y(values[last]))}`);
      return points;
    };
    const [upper, lower] = [edge(highs), edge(lows)];
    return { area: `M${upper.join("L")}L${[...lower].reverse().join("L")}Z`, edges: `M${upper.join("L")}M${lower.join("L")}` };
  });
  return { area: made.map(({ area }) => area).join(""), edges: made.map(({ edges }) => edges).join("") };
}

/** Single days that no line shows. */
export const lone = (values) => stretches(values).filter(([first, last]) => first === last).map(([first]) => first);
