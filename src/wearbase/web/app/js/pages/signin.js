// Sign-in by a link whose secret stands behind the #: looked at, and used up only by a tap. Also where one is after signing out or erasing.
import { api } from "../api.js";
import { clock, dayMonth, localDay, number, phoneOffset } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Icon, Mark } from "../parts/icons.js";
import { Button } from "../parts/pieces.js";
import { save } from "../parts/save.js";
import { style } from "../parts/style.js";
import { receipt } from "../state/erased.js";
import { go, to } from "../state/router.js";
import { learn, session, userId } from "../state/session.js";
import { words } from "../words.js";

await style("sources.css");
const w = words.signIn;
const OF_LINKS = ["link_expired", "link_used", "link_replaced", "link_revoked", "link_unknown"];

export default function SignIn() {
  useEffect(() => {
    const another = () => { receipt.value = null; }; // another link was opened in this tab
    addEventListener("hashchange", another);
    return () => removeEventListener("hashchange", another);
  }, []);
  return receipt.value ? html`<${Receipt} receipt=${receipt.value} />` : html`<${Linked} />`;
}

function Single({ title, children, act, foot }) {
  useEffect(() => { document.title = words.title(title); document.getElementById("title")?.focus(); }, [title]);
  return html`<div class="single">
    <header class="single-head"><p class="brand"><${Mark} />${words.app}</p><a class="round" href=${to("about")} aria-label=${words.about}><${Icon} name="info" /></a></header>
    <h1 tabindex="-1" id="title">${title}</h1>
    ${children}
    <div class="single-act">${act}</div>
    ${foot && html`<p class="single-foot">${words.notAdvice} <a href=${to("about")}>${words.about}</a></p>`}
  </div>`;
}

/** `{is: "looking" | "good" | "none" | <a code>, user}` for what stands behind the #. */
async function look(link) {
  if (!link) return { is: "none" };
  try {
    const { user_id: user, expires_at: until } = await api.peek(link);
    return { is: "good", user, until };
  } catch (problem) {
    return failed(problem);
  }
}
function failed(problem) {
  if (problem.isOffline || problem.code === "timeout") return { is: "offline", problem };
  if (problem.status === 422) return { is: "link_unknown", problem };
  return { is: OF_LINKS.includes(problem.code) ? problem.code : "other", problem };
}

function Linked() {
  const [link, setLink] = useState(() => location.hash.slice(1));
  const [found, setFound] = useState({ is: link ? "looking" : "none" });
  useEffect(() => {
    const changed = () => setLink(location.hash.slice(1));
    addEventListener("hashchange", changed);
    changed(); // it may have changed before we listened
    return () => removeEventListener("hashchange", changed);
  }, []);
  useEffect(() => { void look(link).then(setFound); }, [link]);
  const open = async () => {
    setFound({ ...found, isBusy: true });
    try {
      await api.open(link);
      history.replaceState(null, "", to("sign-in"));
      await learn();
      go(to("today"), { replace: true });
    } catch (problem) {
      setFound(failed(problem));
    }
  };
  if (found.is === "looking") return html`<${Single} title=${w.title}><p class="single-about" role="status">${w.looking}</p><//>`;
  if (found.is === "good") return html`<${Good} found=${found} onOpen=${() => { if (!found.isBusy) void open(); }} />`;
  return html`<${NotGood} found=${found} onAgain=${() => { setFound({ is: "looking" }); void look(link).then(setFound); }} />`;
}

function Good({ found, onOpen }) {
  const other = userId.value && userId.value !== found.user ? userId.value : null;
  const act = html`<${Button} kind="primary" class="wide" isBusy=${found.isBusy} onClick=${onOpen}>${found.isBusy ? w.busy : w.button(found.user)}<//>
    <p class="small">${w.notYou}</p>`;
  return html`<${Single} title=${w.welcome(found.user)} act=${act} foot=${true}>
    <p class="single-about">${w.about(found.until && clock(found.until, phoneOffset(found.until)))} ${other && w.replaces(other)}</p><//>`;
}

function NotGood({ found, onAgain }) {
  const user = userId.value;
  const why = found.is === "none" ? session.value?.why?.code : found.is;
  const [title, text] = w.states[why] ?? w.states[found.is] ?? w.states.none;
  const canRetry = found.is === "offline" || found.is === "other";
  const isIn = found.is === "none" && user && !session.value.isOut;
  const act = canRetry ? html`<${Button} kind="primary" class="wide" icon="sync" onClick=${onAgain}>${w.again}<//>`
    : user && html`<a class="button primary wide" href=${to("today")}>${w.openDays}</a>`;
  return html`<${Single} title=${isIn ? w.already(user) : title} act=${act} foot=${true}>
    ${!isIn && html`<p class="single-about" role=${canRetry ? "alert" : null}>${text}</p>`}
    ${!canRetry && !isIn && html`<p class="single-about">${user ? w.already(user) : w.how}</p>`}
    ${found.problem?.requestId && found.is === "other" && html`<p class="small single-about">${w.id(found.problem.requestId)}</p>`}<//>`;
}

/** What was erased, how much, when. */
function Receipt({ receipt: given }) {
  const { at, days, records, revoked, revocations_pending: waiting, remains = [] } = given;
  const offset = phoneOffset(at);
  const e = words.erased;
  const [day, time] = [dayMonth(localDay(at, offset)), clock(at, offset)];
  const access = revoked === true ? e.revoked : revoked === false ? (waiting ? e.pending : e.notRevoked) : e.none;
  const rows = [[e.days, number(days)], [e.records, number(records)], [e.access, access], [e.phone, e.nothing]];
  const keep = () => save(e.file, [e.receipt(number(days), number(records), `${day} ${time}`), ...rows.map(([name, value]) => `${name}: ${value}`),
    ...remains.map((one) => one.text), e.copy, ""].join("\n"));
  const again = () => { receipt.value = null; };
  const act = html`<${Button} icon="download" class="wide" onClick=${keep}>${e.save}<//><${Button} kind="primary" class="wide" onClick=${again}>${e.again}<//>`;
  return html`<${Single} title=${e.title} act=${act}>
    <p class="single-about">${e.done(day, time)}</p>
    <dl class="receipt">${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${remains.map((one) => html`<p key=${one.provider}>${one.text}</p>`)}<p>${e.copy}</p><//>`;
}
