// A component that arrives when it is needed; until then nothing, after a failure what a page shows that did not load.
import { html, signal, useEffect, useState } from "../html.js";

export function later(load, name) {
  const found = signal(null);
  const fetch = () => load().then((module) => { found.value = module[name]; }, () => { found.value = null; });
  return function Later(props) {
    useEffect(() => { if (!found.value) void fetch(); }, []);
    const Found = found.value;
    return Found ? html`<${Found} ...${props} />` : null;
  };
}

let isBegun = false;
/** False until the first frame of the app was drawn, then true for good. */
export function useSecondFrame() {
  const [is, set] = useState(isBegun);
  useEffect(() => {
    if (is) return;
    const go = () => { isBegun = true; set(true); };
    if (document.hidden) go(); // no frame is drawn
    else requestAnimationFrame(() => setTimeout(go));
  }, []);
  return is;
}
