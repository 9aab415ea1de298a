"""The token endpoint: exchanges codes, rotates refresh tokens."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wearbase_sim.api.calls import ANSWER
from wearbase_sim.faults import spoil
from wearbase_sim.faults.switched import Fault
from wearbase_sim.oauth.form import read_form
from wearbase_sim.oauth.grants import Grant
from wearbase_sim.world import World, world_of

INVALID_GRANT = (
    "The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is invalid, "
    "expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client"
)
INVALID_CLIENT = (
    "Client authentication failed (e.g., unknown client, no client authentication included, or unsupported authentication method)"
)
INVALID_REQUEST = "The request is missing a required parameter, includes an invalid parameter value, or is otherwise malformed"
INVALID_SCOPE = "The requested scope is invalid, unknown, or malformed"
UNSUPPORTED_GRANT = "The authorization grant type is not supported by the authorization server"
ROUTE = "/oauth/oauth2/token"
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


class Refused(Exception):
    """The request gets an OAuth error."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(error)
        self.body = {"error": error, "error_description": description}
        self.status = status


async def token(request: Request) -> Response:
    """POST: an answer as the OAuth server gives it, or as a fault spoils it."""
    world = world_of(request)
    if world.options.token_calls == "counted" and not world.spend().is_allowed:  # noqa: S105 a word, not a secret
        return _noted(world, request, Response(status_code=429))
    form = await read_form(request)
    fault = world.faults.take("token", user_id=_user_id(world, form))

    async def work() -> Response:
        made = _refused(world, form, fault) or _answer(world, form, request.headers.get("authorization", ""))
        request.scope[ANSWER] = _in_words(form.get("grant_type", ""), made)
        return made

    response = await spoil.spoil(fault, work, latency_ms=world.options.latency_ms)
    return _noted(world, request, response)


def _noted(world: World, request: Request, response: Response) -> Response:
    status, now_ms = spoil.status_of(response), world.clock.now_ms()
    world.calls.note("token", request, route=ROUTE, status=status, remaining=None, now_ms=now_ms)
    return response


def _in_words(grant_type: str, made: Response) -> str:
    if made.status_code != 200:
        return json.loads(bytes(made.body))["error"]
    return {"authorization_code": "code exchanged", "refresh_token": "refresh, rotated"}.get(grant_type, "")


def _refused(world: World, form: Mapping[str, str], fault: Fault | None) -> Response | None:
    """The answer to a call that a fault refuses in the server's own words."""
    kind = fault.kind if fault else ""
    if kind == "invalid_client":
        return _error(Refused("invalid_client", INVALID_CLIENT, status=401))
    grant = world.grants.by_refresh.get(form.get("refresh_token", ""))
    if kind == "dead_grant" and grant:
        # Its access token lives until it expires, as those did whose refresh tokens died all at once.
        grant.refresh_token = ""
    return _error(Refused("invalid_grant", INVALID_GRANT)) if kind in ("invalid_grant", "dead_grant") else None


def _error(refused: Refused) -> Response:
    return JSONResponse(refused.body, status_code=refused.status, headers=NO_STORE)


def _user_id(world: World, form: Mapping[str, str]) -> int | None:
    grant = world.grants.by_refresh.get(form.get("refresh_token", ""))
    code = world.grants.codes.get(form.get("code", ""))
    number = grant.number if grant else code.number if code else 0
    return world.user_id(number) if number else None


def _answer(world: World, form: Mapping[str, str], authorization: str) -> Response:
    try:
        _check_client(world, form, authorization)
        grant = _granted(world, form)
    except Refused as refused:
        return _error(refused)
    body: dict[str, str | int] = {"access_token": grant.access_token, "expires_in": world.options.access_token_s}
    if grant.refresh_token:
        body["refresh_token"] = grant.refresh_token
    return JSONResponse(body | {"scope": " ".join(grant.scope), "token_type": "bearer"}, headers=NO_STORE)


def _granted(world: World, form: Mapping[str, str]) -> Grant:
    match form.get("grant_type", ""):
        case "authorization_code":
            return _exchange(world, form)
        case "refresh_token":
            return _refresh(world, form)
        case "":
            raise Refused("invalid_request", INVALID_REQUEST)
        case _:
            raise Refused("unsupported_grant_type", UNSUPPORTED_GRANT)


def _check_client(world: World, form: Mapping[str, str], authorization: str) -> None:
    given = form.get("client_id", ""), form.get("client_secret", "")
    if world.options.client_auth == "any" and not given[1]:
        given = _basic(authorization)
    elif authorization.lower().startswith("basic "):
        given = "", ""
    expected = world.options.client_id, world.options.client_secret
    if not all(hmac.compare_digest(one.encode(), other.encode()) for one, other in zip(given, expected, strict=True)):
        raise Refused("invalid_client", INVALID_CLIENT, status=401)


def _basic(authorization: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote(name), unquote(secret)


def _exchange(world: World, form: Mapping[str, str]) -> Grant:
    if not form.get("code"):
        raise Refused("invalid_request", INVALID_REQUEST)
    code, now_ms = world.grants.codes.get(form["code"]), world.clock.now_ms()
    if code and code.grant:
        _punish(world, code.grant)
    if not code or code.grant or now_ms >= code.expires_ms or form.get("redirect_uri") != code.redirect_uri:
        raise Refused("invalid_grant", INVALID_GRANT)
    was_granted = world.grants.is_granted(code.number)
    grant = world.grants.redeem(code, expires_ms=now_ms + world.options.access_token_s * 1000)
    if not was_granted:
        world.watch(grant.number)
    return grant


def _refresh(world: World, form: Mapping[str, str]) -> Grant:
    given = form.get("refresh_token", "")
    if not given:
        raise Refused("invalid_request", INVALID_REQUEST)
    grant = world.grants.by_refresh.get(given)
    if grant and grant.refresh_token != given:
        _punish(world, grant)
    if not grant or not grant.is_live or grant.refresh_token != given:
        raise Refused("invalid_grant", INVALID_GRANT)
    if not set(form.get("scope", "").split()) <= set(grant.scope):
        raise Refused("invalid_scope", INVALID_SCOPE)
    world.grants.rotate(grant, expires_ms=world.clock.now_ms() + world.options.access_token_s * 1000)
    return grant


def _punish(world: World, grant: Grant) -> None:
    if world.options.reuse_policy == "revoke_family":
        world.grants.revoke(grant)
