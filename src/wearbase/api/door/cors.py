"""Pages of other origins that may call us: none, unless they are named."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from wearbase.api import errors
from wearbase.domain.errors import PreflightRefused

METHODS = ("GET", "POST", "PUT", "DELETE")
SENT = ("Authorization", "Content-Type", "If-None-Match", "Last-Event-ID")  # no service key: it is a secret, and pages keep none
TOLD = ("ETag", "Retry-After", "X-Request-ID")
KEPT_S = 600
PRIVATE = "access-control-request-private-network"


class Cors(CORSMiddleware):
    """Exact origins, members' tokens, no cookies. Another page is answered as any caller is, and its browser tells it nothing."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(app, allow_origins=origins, allow_methods=METHODS, allow_headers=SENT, expose_headers=TOLD, max_age=KEPT_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self.is_allowed_origin(Headers(scope=scope).get("origin", "")):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            response = self.preflight_response(headers)
            if response.status_code >= 400:
                return await errors.refuse(_why(headers), scope, receive, send)
            return await response(scope, receive, send)
        await super().__call__(scope, receive, send)


def _why(headers: Headers) -> PreflightRefused:
    if headers["access-control-request-method"] not in METHODS:
        return PreflightRefused(f"Pages of other origins may use {', '.join(METHODS)}.", field="Access-Control-Request-Method")
    if PRIVATE in headers:
        return PreflightRefused(
            "This server is not to be reached by way of a private network.", field="Access-Control-Request-Private-Network"
        )
    return PreflightRefused(f"Pages of other origins may send {', '.join(SENT)}.", field="Access-Control-Request-Headers")
