"""The consent endpoint: checks the request, asks the member, sends the browser back."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wearbase_sim.members import ids
from wearbase_sim.oauth import pages
from wearbase_sim.oauth.form import read_form
from wearbase_sim.oauth.grants import SCOPES
from wearbase_sim.world import World, world_of

MIN_STATE = 8
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WEAK_STATE = "The state is missing or does not have enough characters and is therefore considered too weak"
UNKNOWN_CLIENT = (
    "Client authentication failed (e.g., unknown client, no client authentication included, or unsupported authentication method)"
)
BAD_REDIRECT = "The 'redirect_uri' parameter does not match any of the OAuth 2.0 Client's pre-registered redirect urls"


@dataclass(frozen=True, slots=True)
class Ask:
    """An authorization request."""

    response_type: str
    client_id: str
    redirect_uri: str
    scope: str
    state: str

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.scope.split()))

    def back(self, **values: str) -> Response:
        """The browser on its way back to the app."""
        parts = urlsplit(self.redirect_uri)
        query = "&".join(filter(None, (parts.query, urlencode({**values, "state": self.state}, quote_via=quote))))
        headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
        return RedirectResponse(urlunsplit(parts._replace(query=query)), status_code=302, headers=headers)


async def show(request: Request) -> Response:
    """GET: the consent page."""
    world = world_of(request)
    ask = _ask(request.query_params)
    if refusal := _refusal(world, ask, request):
        return refusal
    if _is_full(world, 0):
        return pages.cap_reached(ask.client_id)
    return pages.consent(ask, world.people(limit=500))


async def decide(request: Request) -> Response:
    """POST: the member's decision."""
    world = world_of(request)
    form = await read_form(request)
    ask = _ask(form if form.get("client_id") else request.query_params)
    if refusal := _refusal(world, ask, request):
        return refusal
    if form.get("decision") != "approve":
        return ask.back(error="access_denied", error_description="The resource owner denied the request")
    if world.options.consent == "forbidden":
        return ask.back(error="request_forbidden", error_description="The request is not allowed")
    number = ids.member_number(form.get("member", "1"))
    if not 1 <= number <= world.options.members:
        return pages.refused("invalid_request", "There is no such member", as_html=_wants_html(request))
    return _approve(world, ask, number)


def _approve(world: World, ask: Ask, number: int) -> Response:
    if _is_full(world, number):
        return pages.cap_reached(ask.client_id)
    world.consented.add(number)
    expires_ms = world.clock.now_ms() + world.options.code_s * 1000
    code = world.grants.new_code(number, redirect_uri=ask.redirect_uri, scope=ask.scopes, expires_ms=expires_ms)
    return ask.back(code=code, scope=" ".join(ask.scopes))


def _is_full(world: World, number: int) -> bool:
    # A slot is not freed by disconnecting.
    cap = world.options.member_cap
    return bool(cap) and number not in world.consented and len(world.consented) >= cap


def _ask(values: Mapping[str, str]) -> Ask:
    return Ask(**{name: values.get(name, "") for name in Ask.__dataclass_fields__})


def _refusal(world: World, ask: Ask, request: Request) -> Response | None:
    as_html = _wants_html(request)
    if ask.client_id != world.options.client_id:
        return pages.refused("invalid_client", UNKNOWN_CLIENT, as_html=as_html, status=401)
    if not _is_registered(ask.redirect_uri, world.options.redirect_uri):
        return pages.refused("invalid_request", BAD_REDIRECT, as_html=as_html)
    if len(ask.state) < MIN_STATE:
        return pages.refused("invalid_state", WEAK_STATE, as_html=as_html)
    return _protocol_error(ask)


def _protocol_error(ask: Ask) -> Response | None:
    if ask.response_type != "code":
        text = "The authorization server does not support obtaining a token using this method"
        return ask.back(error="unsupported_response_type", error_description=text)
    unknown = [scope for scope in ask.scopes if scope not in SCOPES]
    if unknown or not ask.scopes:
        return ask.back(error="invalid_scope", error_description="The requested scope is invalid, unknown, or malformed")
    return None


def _is_registered(uri: str, registered: tuple[str, ...]) -> bool:
    if registered:
        return uri in registered
    try:
        parts = urlsplit(uri)
        return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK and not parts.fragment
    except ValueError:
        return False


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
