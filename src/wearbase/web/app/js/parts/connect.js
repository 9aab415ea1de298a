// The first visit: what will be read, that it is read only, and one button in reach of the thumb.
import { html, useEffect, useState } from "../html.js";
import { api } from "../api.js";
import { newestAnswer } from "../state/days.js";
import { address, route, to } from "../state/router.js";
import { userId } from "../state/session.js";
import { words } from "../words.js";
import { Icon, Mark } from "./icons.js";
import { Button, Notice } from "./pieces.js";
import { sourceList } from "./source.js";

const w = words.connect;
const ICONS = ["today", "sleep", "workouts", "trends"];

export function Connect() {
  const [state, setState] = useState(null);
  useEffect(() => { document.title = words.title(words.nav[route.value] ?? words.app); }, []);
  const whoop = sourceList(newestAnswer.value).find((source) => source.name === "whoop");
  const outcome = address.value.searchParams.get("status");
  const isFull = state?.problem?.code === "member_cap";
  const connect = async () => {
    setState({ isBusy: true });
    try {
      location.assign((await api.connect("whoop", userId.value)).authorization_url);
    } catch (problem) {
      setState({ problem });
    }
  };
  const text = isFull ? w.full : state?.problem ? w.failed : outcome === "denied" ? w.denied : "";
  return html`<div class="connect">
    <header class="connect-head"><p class="brand"><${Mark} />${words.app}</p><a class="round" href=${to("about")} aria-label=${words.about}><${Icon} name="info" /></a></header>
    <h1 tabindex="-1" id="title">${w.title}</h1>
    <p class="connect-about">${w.about}</p>
    <ul class="connect-reads">${w.reads.map((text, n) => html`<li key=${text}><${Icon} name=${ICONS[n]} size=${20} />${text}</li>`)}
      <li><${Icon} name="lock" size=${20} />${w.readOnly}</li></ul>
    <div class="connect-act">
      ${text && html`<${Notice} kind="action" isAlert=${Boolean(state?.problem)}>${text}<//>`}
      ${!isFull && (whoop?.is_available !== false
        ? html`<${Button} kind="primary" class="wide" isBusy=${state?.isBusy} onClick=${() => { if (!state?.isBusy) void connect(); }}>${state?.isBusy ? w.busy : w.button}<//>`
        : html`<p>${w.none}</p>`)}
      <p class="small center">${w.other} <a href=${to("sources")}>${w.all}</a></p>
    </div>
  </div>`;
}
