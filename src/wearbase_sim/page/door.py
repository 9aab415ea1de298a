"""Who may use the page: a link that works once, or the control token, becomes a session of this browser.

Cookies know no ports: every program on this machine's loopback shares them, and a page of one is "same site" to another.
So the cookie alone is never enough. Whatever changes something must come from this very origin, and what the cookie holds
is a key of this run, not the control token.
"""

import hmac
from secrets import token_urlsafe

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from wearbase_sim.control import guard
from wearbase_sim.control.routes import reply
from wearbase_sim.options import Options
from wearbase_sim.world import world_of

KEPT = 32
TRIES = 200


class Door:
    """The keys of one run: links not yet used, and the sessions they became."""

    def __init__(self) -> None:
        self._links: set[str] = set()
        self._sessions: dict[str, None] = {}
        self._tries_left = TRIES

    def new_link(self) -> str:
        """The key of a link that works once."""
        key = token_urlsafe(24)
        self._links.add(key)
        return key

    def open(self, key: str, control_token: str) -> str | None:
        """A session for a link's key or the control token. Refuses everything after too many wrong ones."""
        if self._tries_left <= 0:
            return None
        if key in self._links:
            self._links.remove(key)
        elif not hmac.compare_digest(key.encode(), control_token.encode()):
            self._tries_left -= 1
            return None
        session = token_urlsafe(24)
        self._sessions[session] = None
        if len(self._sessions) > KEPT:
            del self._sessions[next(iter(self._sessions))]
        return session

    def close(self, session: str) -> None:
        """End a session."""
        self._sessions.pop(session, None)

    def knows(self, session: str) -> bool:
        """Whether a session is of this run."""
        return session in self._sessions


def door_of(request: Request) -> Door:
    """The door of the simulator that a request is made to."""
    return request.app.state.page_door


def cookie_name(request: Request) -> str:
    """One name per port, so that two simulators do not take each other's cookies."""
    return f"wear_sim_{request.url.port or 80}"


def is_inside(request: Request) -> bool:
    """Whether this browser has a session."""
    return door_of(request).knows(request.cookies.get(cookie_name(request), ""))


def stranger(request: Request, options: Options) -> str | None:
    """Why a request does not come from this page's own origin, if it does not."""
    if guard.refusal(request, options, is_open=True):
        return "unknown host or origin"
    headers = request.headers
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "not from this page"
    own, origin = f"{request.url.scheme}://{headers.get('host', '')}", headers.get("origin")
    if origin not in (None, own) or (origin is None and request.method not in ("GET", "HEAD")):
        return "not from this page"
    return None


async def enter(request: Request) -> Response:
    """A session for who shows a link's key or the control token."""
    options = world_of(request).options
    if reason := stranger(request, options):
        return reply({"error": reason}, status=403)
    session = door_of(request).open(await _key(request), options.control_token)
    if session is None:
        return reply({"error": "This is neither the control token nor a fresh link."}, status=401)
    answer = reply({"entered": True})
    answer.set_cookie(cookie_name(request), session, path="/page", httponly=True, samesite="strict")
    return answer


async def _key(request: Request) -> str:
    try:
        wish = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return ""
    return str(wish.get("key", "")) if isinstance(wish, dict) else ""


async def leave(request: Request) -> Response:
    """End this browser's session."""
    if reason := stranger(request, world_of(request).options):
        return reply({"error": reason}, status=403)
    door_of(request).close(request.cookies.get(cookie_name(request), ""))
    answer = reply({"entered": False})
    answer.delete_cookie(cookie_name(request), path="/page")
    return answer


class Inside:
    """The control API for this page: the session and the origin are checked here, then the token is put in its place."""

    def __init__(self, control: Router) -> None:
        self._control: ASGIApp = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        options = world_of(request).options
        refusal = stranger(request, options) or (None if is_inside(request) else "The page has no session. Open it again.")
        if refusal:
            await reply({"error": refusal}, status=403)(scope, receive, send)
            return
        others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        token = (b"authorization", f"Bearer {options.control_token}".encode())
        await self._control(dict(scope) | {"headers": [*others, token]}, receive, send)
