// One of several: real radio buttons that look like pills or like segments of one control.
import { html, useEffect, useId, useRef } from "../html.js";
import { style } from "./style.js";

await style("choice.css");

/** `options` are `[value, text]`; `look` is "pills" or "segments". Arrow keys choose. */
export function Choice({ label, options, value, onChoose, look = "pills", children = null }) {
  const name = useId();
  const ref = useRef(null);
  useEffect(() => {
    const chosen = ref.current.querySelector("input:checked")?.parentElement;
    if (!chosen) return;
    const row = ref.current;
    const [left, right] = [chosen.offsetLeft - 16, chosen.offsetLeft + chosen.offsetWidth + 16];
    if (left < row.scrollLeft) row.scrollLeft = left;
    else if (right > row.scrollLeft + row.clientWidth) row.scrollLeft = right - row.clientWidth;
  }, [value]);
  return html`<div class=${look} role="radiogroup" aria-label=${label} ref=${ref}>
    ${options.map(([one, text]) => html`<label key=${one} class="choice"><input type="radio" class="choice-input" name=${name} value=${one} checked=${one === value}
      onChange=${() => onChoose(one)} /><span>${text}</span></label>`)}${children}
  </div>`;
}

/** A native list; `groups` are `[name, [[value, text], …]]`, a group without a name stands alone. */
export function Pick({ label, groups, value, onPick, class: extra = "" }) {
  const option = ([one, text]) => html`<option key=${one} value=${one} selected=${one === value}>${text}</option>`;
  return html`<span class=${`pick ${extra}`}><select aria-label=${label} value=${value} onChange=${(event) => onPick(event.currentTarget.value)}>
    ${groups.map(([name, options]) => (name ? html`<optgroup key=${name} label=${name}>${options.map(option)}</optgroup>` : options.map(option)))}
  </select></span>`;
}
