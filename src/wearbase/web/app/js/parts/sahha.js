// Sahha's own scores: its name, its scale from 0 to 1, its word as sent; never WHOOP's colours or rail.
import { age, number, phoneOffset } from "../format.js";
import { html } from "../html.js";
import { now } from "../state/session.js";
import { words } from "../words.js";
import { Section } from "./pieces.js";

const w = words.sahha;
const said = (name) => w.names[name] ?? name.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

export function Sahha({ sahha }) {
  if (!sahha?.scores?.length) return null;
  const when = sahha.at ? ` · ${age(sahha.at, now.value, phoneOffset(sahha.at)).text}` : "";
  return html`<${Section} title=${w.title} id="s-sahha" note=${`${words.sources.sahha}${when}`}>
    <p class="small about-sahha">${w.about}</p>
    <dl class="sahha">${sahha.scores.map((score) => html`<div key=${score.name}><dt>${said(score.name)}</dt>
      <dd><span class="num num-xs">${number(score.score_as_sent ?? score.score, 2)}</span><span class="caption">${score.state ?? ""}</span></dd></div>`)}</dl>
  <//>`;
}
