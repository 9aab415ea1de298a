"""The door itself: before anything is read of a request, and once it is known who sends it."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from wearbase.access.caller import Caller, Rule
from wearbase.api import errors
from wearbase.api.door.hosts import Hosts
from wearbase.api.door.pace import Pace
from wearbase.api.given import Services
from wearbase.domain.errors import TooManyRequests, WrongHost

CREDENTIALS = (b"x-api-key", b"authorization", b"cookie")
REFUSED_CREDENTIAL = (401, 403, 410)  # unknown, of somebody else, used up


class Door:
    """Turns away names that are not ours, and addresses that sent too many bad credentials."""

    def __init__(self, app: ASGIApp, *, hosts: Hosts, pace: Pace) -> None:
        self._app, self._hosts, self._pace = app, hosts, pace

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:  # a coroutine less for each request
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        named, mark = [], None
        for name, value in scope["headers"]:
            if name == b"host":
                named.append(value)
            elif name in CREDENTIALS:
                mark = hash((name, value))  # keyed anew in each process: it tells nothing of the credential
        scope["state"]["mark"] = mark
        try:
            self._hosts.check(scope, named)
            if self._pace.counts_failures:
                self._pace.check(host_of(scope), mark)
        except (WrongHost, TooManyRequests) as error:
            return errors.refuse(error, scope, receive, send)
        return self._app(scope, receive, send)


async def admitted(services: Services, scope: Scope, rule: Rule, user_id: str | None) -> Caller | None:
    """The caller, if the rule lets them in and they do not come too often; None where nobody is asked.

    Raises: Unauthorized, Forbidden, TooManyRequests, DatabaseUnavailable.
    """
    caller = await services.gate.admit(scope["headers"], rule, user_id, method=scope["method"])
    welcome(services, scope, caller)
    return caller


def welcome(services: Services, scope: Scope, caller: Caller | None) -> None:
    """Takes note of who calls. Raises TooManyRequests."""
    scope["state"]["caller"] = caller
    if caller is not None:
        services.pace.take(caller)


def note_outcome(pace: Pace, scope: Scope, status: int) -> None:
    """Counts what a request says of its sender's credential. A provider's deliveries say nothing: theirs is a signature."""
    if not pace.counts_failures:
        return
    state = scope["state"]
    if state.get("caller") is not None:
        pace.succeeded(state.get("mark"))
    elif status in REFUSED_CREDENTIAL and not scope["path"].startswith(errors.WEBHOOKS):
        pace.failed(host_of(scope))


def host_of(scope: Scope) -> str:
    """Who is at the other end: behind a proxy of FORWARDED_ALLOW_IPS, whom that names."""
    client = scope.get("client")
    return client[0] if client else ""
