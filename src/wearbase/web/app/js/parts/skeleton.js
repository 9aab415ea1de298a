// What stands while a day loads: the real labels, and boxes in the final sizes that show after 150 ms.
import { html } from "../html.js";
import { words } from "../words.js";
import { Bone } from "./pieces.js";

const w = words.today;

export function Skeleton({ name }) {
  if (name === "sleep") {
    return html`<div class="card hero sleep-hero"><h2>${words.sleep.performance}</h2><${Bone} size="xl" /><${Bone} size="track" /></div>
      <div class="section"><div class="section-head"><h2>${words.sleep.against}</h2></div><${Bone} size="bar" /><${Bone} size="bar" /></div>`;
  }
  return html`<div class="headlines">
      <div class="card hero bones"><div class="hero-top"><h2>${w.recovery}</h2></div><${Bone} size="xl" /><${Bone} size="track" /><${Bone} size="line" /><${Bone} size="line" /></div>
      ${[w.sleep, w.strain].map((label) => html`<div class="card headline" key=${label}><h2 class="headline-label">${label}</h2><${Bone} size="m" /><${Bone} size="word" /><${Bone} size="track" /><${Bone} size="word" /></div>`)}
    </div>
    <div class="section"><div class="section-head"><h2>${w.vitals}</h2></div>
      <ul class="vitals">${Object.values(words.vitals).filter((vital) => vital.name).map(({ name }) => html`<li key=${name}><div class="vital"><span class="vital-name">${name}</span>
        <${Bone} size="s" /><${Bone} size="word" /><${Bone} size="spark" /></div></li>`)}</ul></div>`;
}
