// Instants as the chosen member's wall clock shows them.

import { state } from "./feed.js";

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value) => String(value).padStart(2, "0");

const offsetMin = () => state.chosen?.lanes.offset_min ?? 0;
const local = (ms) => new Date(ms + offsetMin() * 60000);

export function dayText(ms) {
  const at = local(ms);
  return `${DAYS[at.getUTCDay()]} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
}

export function timeText(ms) {
  const at = local(ms);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}

export const secondText = (ms) => `${timeText(ms)}:${two(local(ms).getUTCSeconds())}`;
export const milliText = (ms) => `${secondText(ms)}.${String(local(ms).getUTCMilliseconds()).padStart(3, "0")}`;
export const longText = (ms) => `${dayText(ms)} ${local(ms).getUTCFullYear()}, ${secondText(ms)}`;

export function offsetText() {
  const minutes = offsetMin();
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

export function spanText(ms) {
  const seconds = Math.max(Math.round(ms / 1000), 0);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${two(Math.round((seconds % 3600) / 60) % 60)}`;
}
