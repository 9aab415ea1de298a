"""The OpenAPI document, and the same as a page.

The page is made here, without a script: the usual ones load theirs from elsewhere, or bring megabytes with holes of their own, and are
asked for with a key.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from wearbase.access.caller import DOCS
from wearbase.api.routing import GuardedRoute, who

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}"
    "h2{margin-top:2.5rem}summary{cursor:pointer;padding:.35rem 0}code,pre{font:14px/1.4 ui-monospace,monospace}"
    "pre{overflow-x:auto;background:#f3f3f3;padding:.75rem}b{display:inline-block;min-width:4.5rem}table{border-collapse:collapse}"
    "td{padding:.2rem .8rem .2rem 0;vertical-align:top}details{border-top:1px solid #ccc}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#111}pre{background:#222}a{color:#9cf}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; frame-ancestors 'none'; style-src 'sha256-{_STYLE_HASH}'"
METHODS = ("get", "post", "put", "delete", "patch", "head")
CREDENTIALS = {"ServiceKey": "service key", "MemberToken": "member token", "MemberSession": "session", "ProviderSignature": "signature"}

router = APIRouter(route_class=GuardedRoute, tags=["Operations"])


@router.get("/openapi.json", include_in_schema=False)
@who(DOCS)
async def document(request: Request) -> dict[str, Any]:
    """The OpenAPI document."""
    return request.app.openapi()


@router.get("/docs", include_in_schema=False)
@who(DOCS)
async def docs(request: Request) -> Response:
    """The OpenAPI document as a page."""
    return HTMLResponse("".join(page(request.app.openapi())), headers={"Content-Security-Policy": POLICY})


def page(document: Mapping[str, Any]) -> Iterator[str]:
    """The page, piece by piece: every route by its first tag."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    yield f'<style>{STYLE}</style><h1>{title}</h1><p>The same for programs: <a href="/openapi.json">openapi.json</a></p>'
    by_tag = dict[str, list[str]]()
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                tag = (operations[method].get("tags") or ["Other"])[0]
                by_tag.setdefault(tag, []).append("".join(_operation(method, path, operations[method])))
    for tag, pieces in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(pieces)}"


def _operation(method: str, path: str, found: Mapping[str, Any]) -> Iterator[str]:
    credentials: list[str] = [CREDENTIALS.get(str(name), str(name)) for way in found.get("security", ()) for name in way]
    scope = f", scope {found['x-scope']}" if found.get("x-scope") else ""
    yield f"<details><summary><b>{method.upper()}</b><code>{escape(path)}</code></summary>"
    yield f"<p>{escape(found.get('description') or found.get('summary') or '')}</p>"
    yield f"<p>Credential: {escape((' or '.join(credentials) or 'none') + scope)}.</p><table>"
    for given in found.get("parameters", ()):
        need = "required" if given.get("required") else "optional"
        yield f"<tr><td><code>{escape(given['name'])}</code><td>{escape(given['in'])}, {need}<td>{escape(given.get('description') or '')}"
    for status, answer in found.get("responses", {}).items():
        yield f"<tr><td>{escape(status)}<td>answer<td>{escape(answer.get('description') or '')}"
    yield "</table></details>"
