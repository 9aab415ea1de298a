"""Routes that say who may call them, and ask before anything else is read."""

import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs

from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from wearbase.access.caller import Rule
from wearbase.access.users import checked_user_id
from wearbase.api.door.entry import admitted, named_user
from wearbase.api.fields import SOURCE_PATTERN
from wearbase.api.given import known_source
from wearbase.store.audit.acting import BROWSER, acting

F = TypeVar("F", bound=Callable[..., Any])

KEY, TOKEN, COOKIE, SIGNATURE = "ServiceKey", "MemberToken", "MemberSession", "ProviderSignature"  # names of schemes, not secrets
SCHEMES = {
    KEY: {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A service key, for a backend."},
    TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A member's own token, ours or the identity provider's, good for that member only. Ours may what the service "
        "key that made it may: of `read`, `sync` and `connect` those in its claim `scope`. With all three it is the member in full, who "
        "may export and, within ten minutes, erase.",
    },
    COOKIE: {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-wearbase",
        "description": "A member's session in the phone app (`wearbase` without HTTPS). It changes something only with the header "
        "`X-Wearbase: app`, from the same origin.",
    },
    SIGNATURE: {"type": "apiKey", "in": "header", "name": "X-WHOOP-Signature", "description": "The provider signs its deliveries."},
}
SECURITY = {
    "open": [],
    "docs": [{KEY: []}],
    "signature": [{SIGNATURE: []}],
    "service": [{KEY: []}],
    "member": [{KEY: []}, {TOKEN: []}, {COOKIE: []}],
    "session": [{COOKIE: []}],
}


def who(rule: Rule) -> Callable[[F], F]:
    """Declares who may call a route. A route without this cannot be made."""

    def declare(endpoint: F) -> F:
        endpoint.rule = rule  # type: ignore[attr-defined]
        return endpoint

    return declare


class GuardedRoute(APIRoute):
    """Lets in whom the endpoint's rule names before it looks at anything but the user id."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        self.rule: Rule = getattr(endpoint, "rule")  # noqa: B009 a function has no such attribute for a type checker
        extra = dict(more.pop("openapi_extra", None) or {})
        extra.setdefault("security", SECURITY[self.rule.by])
        if self.rule.scope:
            extra.setdefault("x-scope", " ".join((self.rule.scope, *self.rule.also)))
        super().__init__(path, endpoint, openapi_extra=extra, **more)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in (self.methods or ()):
            user_id = named_user(scope)
            scope["state"]["named"] = user_id
            await admitted(scope["app"].state.services, scope, self.rule, user_id)
            if user_id is not None:
                checked_user_id(user_id)
            _check_source(scope)
        await self.act(scope, receive, send)

    async def act(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the route does, for whoever was let in: what it changes is written down as theirs."""
        caller = scope["state"].get("caller")
        by, made_at = (caller.credential, caller.made_at) if caller else (BROWSER, None)
        with acting(by, route=self.path, made_at=made_at):
            await super().handle(scope, receive, send)


def _check_source(scope: Scope) -> None:
    """Returns if the source that a request names, in its path or its query, is one. Raises NotFound, InvalidField."""
    readable = scope["app"].state.services.providers
    if "provider" in scope["path_params"]:
        name = scope["path_params"]["provider"]
        if re.fullmatch(SOURCE_PATTERN, name):  # another form is a wrong field, and told with the others
            known_source(name, readable, in_path=True)
    elif b"provider=" in scope["query_string"]:
        for name in parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("provider", []):
            known_source(name, readable)
