// A page whose file could not be had: the server has a newer version of the app, or there is no connection.
import { html } from "../html.js";
import { route } from "../state/router.js";
import { words } from "../words.js";
import { PageHead } from "./frame.js";
import { Button } from "./pieces.js";

export function Missing() {
  const text = navigator.onLine ? words.error.stale : words.error.offline;
  return html`<${PageHead} title=${words.nav[route.value] ?? words.app} sub="" hasSync=${false} />
    <div class="card error-card" role="alert"><h2><span class="shape failing" aria-hidden="true"></span>${words.error.title}</h2><p>${text}</p>
      <${Button} icon="sync" onClick=${() => location.reload()}>${navigator.onLine ? words.notices.update : words.error.again}<//></div>`;
}
