// Sources: where the numbers come from, how each stands, and what may be done with what is stored.
import { dayMonthYear, localDay, phoneOffset } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Icon } from "../parts/icons.js";
import { Notices } from "../parts/notices.js";
import { Bone, ErrorCard, Notice, useLate } from "../parts/pieces.js";
import { sourceList } from "../parts/source.js";
import { SourceCard } from "../parts/sources/card.js";
import { YourData } from "../parts/sources/yours.js";
import { style } from "../parts/style.js";
import { isOffline, load, newestAnswer, refresh } from "../state/days.js";
import { lastConnection, lastSync } from "../state/live.js";
import { address, go, to } from "../state/router.js";
import { isOnline } from "../state/session.js";
import { loadSources, sources } from "../state/sources.js";
import { words } from "../words.js";

await style("sources.css");
const w = words.sourcesPage;
const SOON_MS = 400;

export default function Sources() {
  const [outcome, setOutcome] = useState(null);
  const given = address.value.searchParams.get("status");
  useEffect(() => { document.title = words.title(w.title); void load(null); }, []);
  useEffect(() => {
    if (!given) return;
    setOutcome(given);
    go(to("sources"), { replace: true });
    if (given === "connected") void refresh();
  }, [given]);
  useEffect(() => {
    const timer = setTimeout(() => void loadSources(), sources.value.answer ? SOON_MS : 0);
    return () => clearTimeout(timer);
  }, [lastConnection.value, lastSync.value, newestAnswer.value?.day?.last_sync, outcome, isOnline.value]);
  const { answer, problem } = sources.value;
  const list = sourceList(answer);
  const shown = list.filter((source) => source.name === "whoop" || source.is_available || source.connected || source.days_stored > 0);
  return html`<header class="head">
      <div class="head-words"><h1 tabindex="-1" id="title">${w.title}</h1><p class="head-sub">${w.sub}</p></div>
      <a class="round" href=${to("about")} aria-label=${words.about}><${Icon} name="info" /></a></header>
    ${outcome ? html`<${Outcome} status=${outcome} />` : isOffline.value && html`<${Notices} />`}
    ${!answer && problem ? html`<${ErrorCard} problem=${problem} what=${w.loading} onAgain=${() => void loadSources()} />`
      : !answer ? html`<${Waiting} />`
      : html`<div class="source-columns"><div class="source-cards">${shown.map((source) => html`<${SourceCard} key=${source.name} source=${source} days=${answer.days_by_resource?.[source.name]} isCapped=${outcome === "member_cap" && source.name === "whoop"} />`)}</div>
        <div>${problem && html`<p class="small" role="status">${words.notices.notRefreshed}</p>`}<${YourData} list=${list} /><${Kept} list=${list} /></div></div>`}`;
}

/** How the consent ended, as the source sent the browser back with it. */
function Outcome({ status }) {
  const text = w.outcomes[status];
  if (!text) return null;
  const isGood = status === "connected";
  return html`<${Notice} kind=${isGood ? "info" : "action"} action=${isGood && html`<a class="button primary wide" href=${to("today")}>${w.seeToday}</a>`}><p>${text}</p><//>`;
}

function Waiting() {
  const isLate = useLate(true);
  return html`<div class="source-cards" aria-busy="true"><div class="card source source-waiting"><h2>${words.sources.whoop}</h2>${isLate && html`<${Bone} size="card" />`}</div></div>`;
}

function Kept({ list }) {
  const agreed = list.filter((source) => source.connected && source.connected_at)
    .map((source) => w.agreed(source.title, dayMonthYear(localDay(source.connected_at, phoneOffset(source.connected_at)))));
  return html`<p class="section small kept">${[w.kept, ...agreed].join(" ")} <a href=${`${to("about")}#stored`} data-plain>${w.what}</a></p>`;
}
