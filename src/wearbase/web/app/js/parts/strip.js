import { html } from "../html.js";

export function WeekStrip() {
  return html`<nav class="strip"></nav>`;
}
