// A page without anything to show, since no source was ever connected: what would be here, and where to begin.
import { html } from "../html.js";
import { to } from "../state/router.js";
import { words } from "../words.js";

export const Unconnected = () => html`<div class="card hero unconnected"><h2 class="nodata-title">${words.connect.title}</h2>
  <p>${words.connect.nothing}</p><a class="button primary wide" href=${to("sources")}>${words.connect.choose}</a></div>`;
