// A component that arrives when it is needed; until then nothing, after a failure what a page shows that did not load.
import { html, signal, useEffect } from "../html.js";

export function later(load, name) {
  const found = signal(null);
  const fetch = () => load().then((module) => { found.value = module[name]; }, () => { found.value = null; });
  return function Later(props) {
    useEffect(() => { if (!found.value) void fetch(); }, []);
    const Found = found.value;
    return Found ? html`<${Found} ...${props} />` : null;
  };
}
