"""The pages a member sees. Plain HTML, nothing loaded from elsewhere, everything escaped."""

from collections.abc import Iterable
from html import escape
from typing import Protocol

from starlette.responses import HTMLResponse, JSONResponse, Response

from wearbase_sim.members.person import Person
from wearbase_sim.oauth.grants import SCOPES

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 26rem; margin: 0 auto; overflow-wrap: anywhere; }
h1 { font-size: 1.35rem; line-height: 1.25; }
.note { border: 2px solid; border-radius: .5rem; padding: .5rem .75rem; }
ul { padding-left: 1.25rem; }
code { font-size: .85em; }
label { display: block; font-weight: 600; margin-bottom: .25rem; }
select, button { font: inherit; width: 100%; min-height: 2.75rem; padding: .5rem; box-sizing: border-box; }
button { margin-top: .75rem; border-radius: .5rem; border: 2px solid; cursor: pointer; }
button[value=approve] { background: #14532d; border-color: #14532d; color: #fff; font-weight: 600; }
:focus-visible { outline: 3px solid #2563eb; outline-offset: 2px; }
"""


class Asked(Protocol):
    """What the consent page needs to know of a request."""

    @property
    def response_type(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def redirect_uri(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...


def consent(ask: Asked, people: Iterable[Person]) -> Response:
    """The page that asks a member."""
    options = "".join(f'<option value="{person.number}">{escape(person.name)} ({person.user_id})</option>' for person in people)
    hidden = "".join(_hidden(name, getattr(ask, name)) for name in ("response_type", "client_id", "redirect_uri", "scope", "state"))
    scopes = "".join(f"<li>{escape(SCOPES[scope])} <code>{escape(scope)}</code></li>" for scope in ask.scopes)
    return _page(
        "Connect your account",
        f"""<p class="note">This is a simulator. The members are invented.</p>
<p><strong>{escape(ask.client_id)}</strong> asks for access to:</p>
<ul>{scopes}</ul>
<form method="post" action="/oauth/oauth2/auth">{hidden}
<label for="member">Sign in as</label>
<select id="member" name="member">{options}</select>
<button type="submit" name="decision" value="approve">Allow</button>
<button type="submit" name="decision" value="deny">Do not allow</button>
</form>
<p>You will be sent back to <code>{escape(ask.redirect_uri)}</code></p>""",
    )


def cap_reached(client_id: str) -> Response:
    """The page shown when the app may not have more members."""
    text = f"<p><strong>{escape(client_id)}</strong> has reached its user limit and needs approval before more members can connect.</p>"
    return _page("This app is full", text, status=403)


def refused(error: str, description: str, *, as_html: bool, status: int = 400) -> Response:
    """A request that cannot be answered by a redirect."""
    if as_html:
        return _page("This request cannot be answered", f"<p>{escape(description)}</p><p><code>{escape(error)}</code></p>", status=status)
    body = {"error": error, "error_description": description}
    return JSONResponse(body, status_code=status, headers={"cache-control": "no-store"})


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def _page(title: str, body: str, *, status: int = 200) -> Response:
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"""
    return HTMLResponse(html, status_code=status, headers=HEADERS)
