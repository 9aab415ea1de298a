// Signing in with a service key.
import { html, useEffect, useRef, useState } from "../html.js";
import { Mark } from "../parts/icons.js";
import { enter, why } from "./state.js";
import { words } from "./words.js";

const said = { 401: "wrong", 403: "scope", 429: "often" };

export function Door() {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const field = useRef(null);
  useEffect(() => field.current?.focus(), []);

  async function send(event) {
    event.preventDefault();
    const key = field.current.value.trim();
    if (isBusy || !key) return field.current.focus();
    setBusy(true);
    setProblem(null);
    try {
      await enter(key);
    } catch (failed) {
      setProblem(words.door[said[failed.status] ?? "offline"]);
      setBusy(false);
      field.current?.select();
    }
  }
  return html`<main class="door">
    <h1><${Mark} size=${36} /> <span><b>${words.brand}</b> ${words.title}</span></h1>
    ${why.value && !problem && html`<p class="note" role="status">${words.door[why.value]}</p>`}
    <form onSubmit=${send}>
      <label for="key">${words.door.ask}</label>
      <input id="key" ref=${field} type="password" autocomplete="off" spellcheck="false" maxlength="200" required aria-describedby=${problem ? "problem" : null} aria-invalid=${problem ? "true" : null} />
      ${problem && html`<p class="problem" id="problem" role="alert"><${Diamond} /> ${problem}</p>`}
      <button class="button first" disabled=${isBusy}>${isBusy ? words.door.busy : words.door.open}</button>
    </form>
    <p class="about">${words.door.how}<code>${words.door.command}</code>${words.door.kept}</p>
  </main>`;
}

export const Diamond = () => html`<svg class="tag-mark" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true"><path d="M5 0l5 5-5 5-5-5z" /></svg>`;
export const Ring = () => html`<svg class="tag-mark ring" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true"><circle cx="5" cy="5" r="3.6" /></svg>`;
