"""What happens to every request: an id, a line in the log, security headers, a limit on bodies. Plain ASGI."""

import itertools
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wearbase.access.gate import SAFE_METHODS
from wearbase.access.users import name_for_logs
from wearbase.api.door.entry import note_outcome
from wearbase.api.door.pace import Pace
from wearbase.api.errors import WEBHOOKS
from wearbase.api.metrics import Metrics
from wearbase.store.sealing import KeyRing
from wearbase.store.work.cause import CAUSE

log = structlog.get_logger()

OPERATORS = "/api/v1/ops/"
CLIENT_GONE = 499  # nobody was there any more to be answered; a name for the log, never sent
FLOOD_LINE_EVERY_S = 1.0
FLOODS = ("too_many_deliveries", "wrong_host")  # refusals of which a flood writes one line a second
LARGEST_BODY = 1024 * 1024
ENDED = "ended"  # in a request's state: the connection itself answered, with this status, for this reason
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_PROCESS, _NUMBERS = secrets.token_hex(5).encode(), itertools.count(1)  # a random id for each request would cost a twentieth of it
# Of others only forms that machines make and that hold no words: hexadecimal digits (W3C's trace ids, too), a UUID, a ULID.
_SANE_ID = re.compile(rb"(?![0-9]+\Z)[0-9a-fA-F]{16,64}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-7][0-9A-HJKMNP-TV-Z]{25}")
_CREDENTIALS = (b"x-api-key", b"authorization", b"cookie")

SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


class Observed:
    """Gives the request an id, notes the answer, and adds the security headers that a route has not set itself."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, keys: KeyRing, is_https: bool, pace: Pace, bare: Sequence[Route] = ()) -> None:
        self._app, self._metrics, self._keys, self._pace, self._floods = app, metrics, keys, pace, Floods()
        self._bare = {id(route.endpoint): route.path for route in bare}  # the framework names only its own routes
        hsts = [(b"strict-transport-security", b"max-age=31536000")] if is_https else []
        self._headers = [*SECURITY_HEADERS, *hsts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status, is_broken = time.perf_counter(), 0, True
        state = scope.setdefault("state", {})
        request_id = state["request_id"].encode() if ENDED in state else _request_id(scope)
        named = state["request_id"] = request_id.decode()
        cause = CAUSE.set(named)

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._note_read(scope, status)
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                given += [pair for pair in self._headers if pair[0] not in names]
                given.append((b"x-request-id", request_id))
                message["headers"] = given
            await send(message)

        try:
            await self._app(scope, receive, told)
            is_broken = False
        finally:
            CAUSE.reset(cause)
            self._note(scope, status or (500 if is_broken else CLIENT_GONE), time.perf_counter() - began)

    def _note_read(self, scope: Scope, status: int) -> None:
        """Who is answered with a member's data, or an operator's, is counted for the audit trail."""
        caller = scope["state"].get("caller")
        if caller is not None and status < 400 and scope["method"] in SAFE_METHODS:
            user_id, route = scope["path_params"].get("user_id") or scope["state"].get("about"), self._route_of(scope)
            if user_id is not None or route.startswith(OPERATORS):
                scope["app"].state.services.readers.note(caller, user_id, route)

    def _route_of(self, scope: Scope) -> str:
        return getattr(scope.get("route"), "path", None) or self._bare.get(id(scope.get("endpoint")), "unmatched")

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = self._route_of(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        state = scope["state"]
        status = state[ENDED][0] if ENDED in state else status
        self._metrics.note(method, route, status, seconds)
        caller, refused = state.get("caller"), state[ENDED][1] if ENDED in state else state.get("refused", {})
        user_id = scope.get("path_params", {}).get("user_id") or state.get("named") or (caller.user_id if caller else None)
        note_outcome(self._pace, scope, status)
        if refused and (kind := state[ENDED][1]["reason"] if ENDED in state else _flood(refused)):
            if ENDED not in state:  # what a connection refuses is counted there
                self._metrics.note_refused(kind)
            if not (refused := self._floods.told(kind, refused)):
                return
        told = {"user": name_for_logs(self._keys, user_id) if user_id else None, "caller": caller.for_logs if caller else None, **refused}
        log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 2), request_id=state["request_id"], **told)


class Floods:
    """Of refusals that anybody can cause without end, one line a second of each kind, which says how many were not told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_at: dict[str, float] = {}
        self._untold = Counter[str]()

    def told(self, kind: str, refused: Mapping[str, Any]) -> dict[str, Any]:
        """What goes into the log; nothing if a line of this kind was written within the second."""
        now = self._clock()
        if now - self._told_at.get(kind, float("-inf")) < FLOOD_LINE_EVERY_S:
            self._untold[kind] += 1
            return {}
        self._told_at[kind] = now
        untold = self._untold.pop(kind, 0)
        return {**refused, "untold": untold} if untold else dict(refused)


def _flood(refused: Mapping[str, Any]) -> str | None:
    """Which flood a refusal may be part of."""
    return f"limit_{refused['limit']}" if "limit" in refused else refused["error"] if refused["error"] in FLOODS else None


class BodyLimit:
    """Stops reading a body that is too large, whatever it said about its length. Each provider says what its deliveries may have."""

    def __init__(self, app: ASGIApp, *, webhooks: Mapping[str, int] | None = None) -> None:
        self._app, self._webhooks = app, {WEBHOOKS + name: limit for name, limit in (webhooks or {}).items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "GET":
            return await self._app(scope, receive, send)
        limit = self._webhooks.get(scope["path"], LARGEST_BODY)
        announced, read = _announced(scope), 0

        async def counted() -> Message:
            nonlocal read
            if announced > limit:
                raise HTTPException(413)
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)


def _announced(scope: Scope) -> int:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(length) if length.isdigit() else 0


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value if _SANE_ID.fullmatch(value) and not _is_said(scope, value) else new_request_id()
    return new_request_id()


def _is_said(scope: Scope, value: bytes) -> bool:
    """Whether the id is part of a credential or of the address, which no log may hold."""
    credentials = [given for name, given in scope["headers"] if name in _CREDENTIALS]
    return any(value in given for given in (*credentials, scope.get("raw_path") or b"", scope["path"].encode(), scope["query_string"]))


def new_request_id() -> bytes:
    """An id that no other request of any process has."""
    return b"%s-%x" % (_PROCESS, next(_NUMBERS))
