import { html } from "../html.js";
import { PageHead } from "../parts/frame.js";
import { words } from "../words.js";

export default function Page() {
  return html`<${PageHead} title=${words.nav.sources ?? "sources"} sub="" />`;
}
