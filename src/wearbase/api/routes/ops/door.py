"""Routes of the operator: for a service key with the scope ops, or the session that was given for one."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wearbase.access.gate import SAFE_METHODS, Headers
from wearbase.api.door.entry import before_looking, welcome
from wearbase.api.given import Services
from wearbase.api.routing import GuardedRoute
from wearbase.domain.errors import Unauthorized

PLAIN, ON_HTTPS = "wearbase_ops", "__Host-wearbase-ops"
PATHS = ("/ops/session", "/api/v1/ops")


class OperatorRoute(GuardedRoute):
    """Takes the operator's cookie where no other credential comes along."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        services: Services = scope["app"].state.services
        token = cookie_of(services, scope["headers"])
        if self.rule.by != "service" or token is None or has_credential(scope["headers"]) or scope["method"] not in (self.methods or ()):
            return await super().handle(scope, receive, send)
        if scope["method"] not in SAFE_METHODS and not services.gate.is_from_app(scope["headers"]):
            raise Unauthorized("A session changes something only from our own pages (X-Wearbase: app, same origin).", reason="origin")
        before_looking(services, scope, (b"cookie", token.encode("latin-1")))
        caller, _ = await services.operators.find(token)
        welcome(services, scope, caller)
        return await self.act(scope, receive, send)


def cookie_name(services: Services) -> str:
    """How the cookie is called: with a name that browsers keep to HTTPS, where there is HTTPS."""
    return ON_HTTPS if _is_https(services) else PLAIN


def keep_cookie(services: Services, response: Response, token: str, *, max_age: int) -> None:
    """Has the browser keep the cookie, where it is needed and nowhere else; a `__Host-` name is bound to the host and takes no path."""
    is_https = _is_https(services)
    for path in ["/"] if is_https else PATHS:
        response.set_cookie(
            cookie_name(services), token, max_age=max_age, path=path, secure=is_https, httponly=True, samesite="strict"
        )  # fmt: skip


def _is_https(services: Services) -> bool:
    return services.public_url.startswith("https://")


def cookie_of(services: Services, headers: Headers) -> str | None:
    """The operator's cookie."""
    wanted = cookie_name(services).encode() + b"="
    for name, value in headers:
        if name == b"cookie":
            for pair in value.split(b";"):
                if (pair := pair.strip()).startswith(wanted):
                    return pair[len(wanted) :].decode("latin-1")
    return None


def has_credential(headers: Headers) -> bool:
    """Whether a key or a token came along: it goes before the cookie."""
    return any(name in (b"x-api-key", b"authorization") for name, _ in headers)
