// About: whose numbers these are, what usual means, settings, what is stored, keys, versions, and signing out.
import { dayMonthYear, localDay, phoneOffset, settings } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Choice } from "../parts/choice.js";
import { Button, Section } from "../parts/pieces.js";
import { style } from "../parts/style.js";
import { load } from "../state/days.js";
import { to } from "../state/router.js";
import { chooseTheme, chooseUnit, session, signOut, theme, userId } from "../state/session.js";
import { words } from "../words.js";

await style("sources.css");
const w = words.aboutPage;
const LICENCES = new URL("../../vendor/LICENSES.md", import.meta.url).href;

export default function About() {
  const isIn = Boolean(userId.value) && !session.value?.isOut;
  useEffect(() => {
    document.title = words.title(w.title);
    if (isIn) void load(null);
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }, []);
  return html`<header class="head"><div class="head-words"><h1 tabindex="-1" id="title">${w.title}</h1><p class="head-sub">${w.sub}</p></div></header>
    <div class="prose">
      <${Paragraphs} title=${w.numbers} texts=${w.numbersText} /><${Paragraphs} title=${w.usual} texts=${w.usualText} />
      <${Paragraphs} title=${w.medical} texts=${[w.medicalText]} />
      <${Section} title=${w.settings} id="settings"><${Settings} isIn=${isIn} /><//>
      <${Paragraphs} title=${w.stored} id="stored" texts=${w.storedText} />
      <${Section} title=${w.keyboard} id="keyboard"><dl class="keys">${w.keys.map(([key, does]) => [html`<dt>${key}</dt>`, html`<dd>${does}</dd>`])}</dl><//>
      <${Section} title=${w.session} id="session"><${Leaving} isIn=${isIn} /><//>
      <${Section} title=${w.versions} id="versions"><p>${session.value?.version && `${w.version(session.value.version)}. `}${w.licence}</p>
        <ul class="plain-list">${w.parts.map(([name, licence]) => html`<li key=${name}>${name}: ${licence}</li>`)}</ul>
        <p><a href=${LICENCES} target="_blank" rel="noopener">${w.licences}</a></p><//>
    </div>`;
}

const Paragraphs = ({ title, texts, id }) => html`<${Section} title=${title} id=${id}>${texts.map((text) => html`<p key=${text}>${text}</p>`)}<//>`;

function Setting({ name, value, options, onChoose }) {
  return html`<div class="setting"><span aria-hidden="true">${name}</span>
    <${Choice} look="segments" label=${name} value=${value} onChoose=${onChoose} options=${options.map((one) => (Array.isArray(one) ? one : [one, w.units[one]]))} /></div>`;
}

function Settings({ isIn }) {
  const [problem, setProblem] = useState(null);
  const saved = (work) => work.then(() => setProblem(null), setProblem);
  const choose = (what, value) => saved(chooseUnit(what, value));
  const { distance, energy, temperature, clock } = settings.units;
  return html`<div class="settings">
    <${Setting} name=${w.theme} value=${theme.value} options=${Object.entries(w.themes)} onChoose=${(value) => void saved(chooseTheme(value))} />
    ${isIn && html`<${Setting} name=${w.distance} value=${distance ?? "km"} options=${["km", "mi"]} onChoose=${(value) => void choose("distance", value)} />
      <${Setting} name=${w.energy} value=${energy ?? "kcal"} options=${["kcal", "kj"]} onChoose=${(value) => void choose("energy", value)} />
      <${Setting} name=${w.temperature} value=${temperature ?? "c"} options=${["c", "f"]} onChoose=${(value) => void choose("temperature", value)} />
      <${Setting} name=${w.clock} value=${clock ?? "auto"} options=${Object.entries(w.clocks)} onChoose=${(value) => void choose("clock", value === "auto" ? null : value)} />`}
    ${problem && html`<p class="small" role="status">${problem.status >= 400 && problem.status < 500 ? w.refused : w.notSaved}</p>`}
  </div>`;
}

function Leaving({ isIn }) {
  const [state, setState] = useState(null);
  if (!isIn) return html`<p>${w.signedOut} <a href=${to("sign-in")}>${w.signIn}</a></p>`;
  const leave = async (everywhere) => {
    setState({ busy: everywhere ? "all" : "here" });
    try {
      await signOut({ everywhere });
    } catch (problem) {
      setState({ problem });
    }
  };
  const since = session.value.signed_in_at;
  return html`<p>${w.signedIn(userId.value, since && dayMonthYear(localDay(since, phoneOffset(since))))} ${w.signOutAbout}</p>
    <div class="equal"><${Button} isBusy=${state?.busy === "here"} onClick=${() => { if (!state?.busy) void leave(false); }}>${w.signOut}<//>
      <${Button} isBusy=${state?.busy === "all"} onClick=${() => { if (!state?.busy) void leave(true); }}>${w.signOutAll}<//></div>
    ${state?.problem && html`<p role="alert" class="failed">${w.signOutFailed}</p>`}`;
}
