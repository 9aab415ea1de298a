"""The door itself: before anything is read of a request, and once it is known who sends it."""

from collections.abc import Awaitable
from functools import partial
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from wearbase.access.caller import Caller, Rule
from wearbase.access.gate import Credential
from wearbase.api import errors
from wearbase.api.door.hosts import Hosts
from wearbase.api.door.pace import Pace
from wearbase.api.given import Services
from wearbase.domain.errors import TooManyRequests, Unauthorized, WrongHost

REFUSED_CREDENTIAL = (401, 403, 410)  # unknown, of somebody else, used up


class Door:
    """Turns away names that are not ours."""

    def __init__(self, app: ASGIApp, *, hosts: Hosts) -> None:
        self._app, self._hosts = app, hosts

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:  # a coroutine less for each request
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        try:
            self._hosts.check(scope, [value for name, value in scope["headers"] if name == b"host"])
        except WrongHost as error:
            return errors.refuse(error, scope, receive, send)
        return self._app(scope, receive, send)


def named_user(scope: Scope) -> str | None:
    """The user that a request is about: of its path, or of its query. Two are nobody: another would be checked than is used."""
    found = scope["path_params"].get("user_id")
    if b"user_id=" in scope["query_string"]:
        named = set(parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("user_id", []))
        named |= set() if found is None else {found}
        found = named.pop() if len(named) == 1 else "\n" if named else None
    return found


async def admitted(services: Services, scope: Scope, rule: Rule, user_id: str | None) -> Caller | None:
    """The caller, if the rule lets them in and they do not come too often; None where nobody is asked.

    Raises: Unauthorized, Forbidden, TooManyRequests, DatabaseUnavailable.
    """
    before = partial(before_looking, services, scope)
    caller = await services.gate.admit(scope["headers"], rule, user_id, method=scope["method"], before=before)
    welcome(services, scope, caller)
    return caller


async def service_of(services: Services, scope: Scope) -> Caller | None:
    """The service that calls a route which is open to all; None if no good key came, or its address is over its failures.

    Raises DatabaseUnavailable.
    """
    try:
        found = await services.gate.service(scope["headers"], before=partial(before_looking, services, scope))
    except TooManyRequests:
        return None
    except Unauthorized:
        if scope["state"].get("mark") is not None:
            services.pace.failed(host_of(scope))
        return None
    if found is not None:
        services.pace.succeeded(scope["state"].get("mark"))
    return found


def before_looking(services: Services, scope: Scope, judged: Credential | None) -> None:
    """To be asked before a credential is looked at. Raises TooManyRequests if its address sent too many bad ones."""
    pace = services.pace
    if pace.counts_failures:
        scope["state"]["mark"] = mark = None if judged is None else hash(judged)  # keyed anew in each process: it tells nothing
        pace.check(host_of(scope), mark)


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
