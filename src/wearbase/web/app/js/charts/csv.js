// A trend as a file: what the server said, in the unit that the column names. Pure.
import { judge } from "./metrics.js";

const quoted = (value) => {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Oldest first, one line a day. A day without a value has an empty field, never zero. */
export function csv(metric, points) {
  const head = ["day", metric, "source", "usual_low", "usual_high", "against_usual"];
  const rows = points.map((point) => [point.day, point.value, point.source, point.usual_low, point.usual_high, judge(metric, point)]);
  return [head, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

/** Gives the person a file. */
export function save(name, text, type = "text/csv") {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
