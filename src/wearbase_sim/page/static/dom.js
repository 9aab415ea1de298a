// Small tools for making and keeping elements. Text only ever becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);
export const at = (id) => document.getElementById(id);

export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Children of `parent` become one per item; a child whose item did not change stays, focus included.
export function keep(parent, items, keyOf, make) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item, index) => {
    const key = String(keyOf(item, index));
    const seen = known.get(key);
    const content = JSON.stringify(item);
    if (seen && seen.keptContent === content) return seen;
    const made = make(item, seen === undefined && known.size > 0);
    made.dataset.key = key;
    made.keptContent = content;
    if (seen && seen.contains(document.activeElement)) made.takesFocus = true;
    return made;
  });
  const active = document.activeElement;
  const isSame = wanted.length === parent.children.length && wanted.every((child, index) => parent.children[index] === child);
  if (isSame) return;
  parent.replaceChildren(...wanted);
  if (active && parent.contains(active)) active.focus({ preventScroll: true });
  for (const child of wanted) {
    if (!child.takesFocus) continue;
    child.takesFocus = false;
    (child.matches("button, a, input") ? child : child.querySelector("button, a, input"))?.focus({ preventScroll: true });
  }
}

const GLYPHS = { high: "M5 1 9.5 9h-9z", mid: "M0 3.4h10v3.4H0z", low: "M5 9 .5 1h9z" };
const WORDS = { high: "High", mid: "Moderate", low: "Low" };

export function band(score) {
  return score >= 67 ? "high" : score >= 34 ? "mid" : "low";
}

export function glyph(score, props) {
  return s("svg", { class: `glyph ${band(score)}`, viewBox: "0 0 10 10", "aria-hidden": "true", ...props }, s("path", { d: GLYPHS[band(score)] }));
}

export const bandWord = (score) => WORDS[band(score)];
