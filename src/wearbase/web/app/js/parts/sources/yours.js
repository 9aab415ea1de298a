// What a member may do with what is stored: take it away, end a source, erase everything.
import { api, download } from "../../api.js";
import { number } from "../../format.js";
import { html, useEffect, useId, useRef, useState } from "../../html.js";
import { gone, isOffline, refresh } from "../../state/days.js";
import { show } from "../../state/live.js";
import { userId } from "../../state/session.js";
import { eraseEverything } from "../../state/erased.js";
import { loadSources } from "../../state/sources.js";
import { words } from "../../words.js";
import { Icon } from "../icons.js";
import { Button } from "../pieces.js";
import { save } from "../save.js";

const w = words.sourcesPage;

export function YourData({ list }) {
  const [open, setOpen] = useState(null);
  const toggle = (name) => setOpen(open === name ? null : name);
  const connected = list.filter((source) => source.connected || source.state === "needs_reauthorization");
  const days = Math.max(0, ...list.map((source) => source.days_stored));
  return html`<section class="section" aria-labelledby="your-data"><div class="section-head"><h2 id="your-data">${w.yourData}</h2></div>
    <ul class="entries">
      <${Download} />
      <${Row} icon="sources" title=${w.disconnect} sub=${w.disconnectSub} isOpen=${open === "disconnect"} onToggle=${() => toggle("disconnect")}>
        ${connected.length ? connected.map((source) => html`<${Disconnect} key=${source.name} source=${source} onDone=${() => setOpen(null)} />`) : html`<p>${w.nothingConnected}</p>`}<//>
      <${Row} icon="trash" title=${w.erase} sub=${w.eraseSub} isDanger=${true} isOpen=${open === "erase"} onToggle=${() => toggle("erase")}><${Erase} days=${days} /><//>
    </ul></section>`;
}

function Row({ icon, title, sub, isOpen, onToggle, isDanger, children }) {
  const id = useId();
  return html`<li class="entry"><button type="button" class=${`entry-button${isDanger ? " dangerous" : ""}`} aria-expanded=${isOpen ? "true" : "false"} aria-controls=${id} onClick=${onToggle}>
    <${Icon} name=${icon} size=${22} /><span><b>${title}</b><small>${sub}</small></span><${Icon} name=${isOpen ? "down" : "right"} size=${20} /></button>
    <div id=${id} class="entry-body" hidden=${!isOpen}>${isOpen && children}</div></li>`;
}

function Download() {
  const [state, setState] = useState(null);
  const take = async () => {
    if (state === "busy" || isOffline.value) return;
    setState("busy");
    try {
      const { blob, name } = await download(api.exportPath(userId.value));
      save(name, blob);
      setState(null);
      show(w.downloaded);
    } catch {
      setState("failed");
    }
  };
  const said = isOffline.value ? w.offline : state === "busy" ? w.downloading : w.downloadSub;
  return html`<li class="entry"><button type="button" class="entry-button" aria-busy=${state === "busy" ? "true" : null} aria-disabled=${isOffline.value ? "true" : null} onClick=${take}>
    <${Icon} name="download" size=${22} /><span><b>${w.download}</b><small>${said}</small></span><${Icon} name="right" size=${20} /></button>
    ${state === "failed" && html`<p class="entry-body" role="alert">${w.downloadFailed}</p>`}</li>`;
}

function Disconnect({ source, onDone }) {
  const [state, setState] = useState({});
  const ask = useRef(null);
  useEffect(() => { if (state.isSure) ask.current?.querySelector("button")?.focus(); }, [state.isSure]);
  const end = async (data) => {
    setState({ busy: data });
    try {
      const { revoked, remains } = await api.disconnect(source.name, userId.value, data);
      const said = data === "erase" ? w.disconnectedErased(source.title) : w.disconnected(source.title);
      show(revoked === false ? `${said} ${remains?.text ?? w.notToldYet(source.title)}` : said);
      await Promise.all([loadSources(), data === "erase" ? gone() : refresh()]);
      onDone();
    } catch (problem) {
      setState({ problem });
    }
  };
  const eraseToo = () => (source.days_stored ? setState({ isSure: true }) : void end("erase"));
  return html`<div class="disconnect" role="group" aria-label=${w.disconnectTitle(source.title)}>
    <p>${w.disconnectAbout(source.title)}</p>
    ${state.isSure ? html`<div class="equal" ref=${ask}><p><b>${w.sure(source.title, source.days_stored)}</b></p>
        <${Button} kind="plain" onClick=${() => setState({})}>${w.sureNo}<//><${Button} kind="danger" onClick=${() => void end("erase")}>${w.sureYes}<//></div>`
      : html`<div class="equal"><${Button} kind="plain" isBusy=${state.busy === "keep"} aria-disabled=${state.busy ? "true" : null} onClick=${() => { if (!state.busy) void end("keep"); }}>${w.keep}<//>
        <${Button} kind="plain" isBusy=${state.busy === "erase"} aria-disabled=${state.busy ? "true" : null} onClick=${() => { if (!state.busy) eraseToo(); }}>${w.eraseToo}<//></div>`}
    ${state.problem && html`<p role="alert" class="failed">${state.problem.code === "sign_in_again" ? w.eraseAgain : state.problem.isOffline ? w.offline : w.disconnectFailed(source.title)}</p>`}
  </div>`;
}

function Erase({ days }) {
  const [typed, setTyped] = useState("");
  const [state, setState] = useState({});
  const id = useId();
  const isMatch = typed.trim().toLowerCase() === w.eraseWord;
  const erase = async (event) => {
    event.preventDefault();
    if (!isMatch || state.isBusy) return;
    setState({ isBusy: true });
    try {
      await eraseEverything();
    } catch (problem) {
      setState({ problem });
    }
  };
  const why = state.problem && (state.problem.code === "sign_in_again" ? w.eraseAgain : state.problem.isOffline ? w.offline : w.eraseFailed);
  return html`<form class="erase" onSubmit=${erase}>
    <p>${w.eraseAbout(days ? number(days) : "")}</p>
    <label for=${id}>${w.eraseLabel(w.eraseWord)}</label>
    <input id=${id} type="text" value=${typed} autocomplete="off" autocapitalize="none" spellcheck=${false} aria-describedby=${`${id}-why`} onInput=${(event) => setTyped(event.currentTarget.value)} />
    <p class="reason" id=${`${id}-why`}>${w.eraseReason(w.eraseWord)}</p>
    <button type="submit" class=${`button danger wide${state.isBusy ? " busy" : ""}`} disabled=${!isMatch} aria-busy=${state.isBusy ? "true" : null}><span>${state.isBusy ? w.erasing : w.eraseButton}</span></button>
    ${why && html`<p role="alert" class="failed">${why}</p>`}
  </form>`;
}
