"""What happens to every request: an id, a line in the log, security headers, a limit on bodies. Plain ASGI."""

import itertools
import re
import secrets
import time
from collections.abc import Mapping, Sequence

import structlog
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wearbase.access.users import name_for_logs
from wearbase.api.metrics import Metrics
from wearbase.store.sealing import KeyRing

log = structlog.get_logger()

WEBHOOKS = "/v1/webhooks/"
OPERATORS = "/api/v1/ops/"
LARGEST_BODY = 1024 * 1024
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_PROCESS, _NUMBERS = secrets.token_hex(5).encode(), itertools.count(1)  # a random id for each request would cost a twentieth of it
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


class Observed:
    """Gives the request an id, notes the answer, and adds the security headers that a route has not set itself."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, keys: KeyRing, is_https: bool, bare: Sequence[Route] = ()) -> None:
        self._app, self._metrics, self._keys = app, metrics, keys
        self._bare = {id(route.endpoint): route.path for route in bare}  # the framework names only its own routes
        hsts = [(b"strict-transport-security", b"max-age=31536000")] if is_https else []
        self._headers = [*SECURITY_HEADERS, *hsts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status = time.perf_counter(), 500
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id.decode()

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
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note_read(self, scope: Scope, status: int) -> None:
        """Who is answered with a member's data, or an operator's, is counted for the audit trail."""
        caller = scope["state"].get("caller")
        if caller is not None and status < 400 and scope["method"] == "GET":
            user_id, route = scope["path_params"].get("user_id"), self._route_of(scope)
            if user_id is not None or route.startswith(OPERATORS):
                scope["app"].state.services.readers.note(caller, user_id, route)

    def _route_of(self, scope: Scope) -> str:
        return getattr(scope.get("route"), "path", None) or self._bare.get(id(scope.get("endpoint")), "unmatched")

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = self._route_of(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.note(method, route, status, seconds)
        user_id = scope.get("path_params", {}).get("user_id")
        state = scope["state"]
        caller = state.get("caller")
        log.info(
            "request", method=method, route=route, status=status, ms=round(seconds * 1000, 2), request_id=state["request_id"],
            user=name_for_logs(self._keys, user_id) if user_id else None, caller=caller.key_id if caller else None,
        )  # fmt: skip


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
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value
    return b"%s-%x" % (_PROCESS, next(_NUMBERS))
