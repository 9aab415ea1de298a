"""Starting, completing and ending a connection, the same for every audience."""

import secrets

from fastapi import Response

from wearbase.access.caller import Caller
from wearbase.access.users import InvalidField
from wearbase.api.given import Services
from wearbase.api.shapes import Connected, Disconnected
from wearbase.domain.errors import Forbidden
from wearbase.sync import connect, disconnect
from wearbase.sync.connect import STATE_LIFETIME, Completer, Redirects, Started

NONCE_COOKIE = "wearbase_consent"
WAIT_S = 3.0


async def begin(services: Services, caller: Caller, user_id: str, provider: str, response: Response, redirects: Redirects) -> Started:
    """A consent; one that a member starts belongs to this browser, by a cookie."""
    if redirects.url is not None:
        services.redirects.check(redirects.url)
    nonce = None if caller.is_service else secrets.token_urlsafe(32)
    started = await connect.begin(
        services.engine, user_id, provider, redirects=redirects, browser_nonce=nonce,
        started_by="key" if caller.is_service else "member",
    )  # fmt: skip
    if nonce is not None:
        is_https = services.public_url.startswith("https://")
        lifetime_s = int(STATE_LIFETIME.total_seconds())
        response.set_cookie(NONCE_COOKIE, nonce, max_age=lifetime_s, path="/", secure=is_https, httponly=True, samesite="lax")
    return started


async def complete(services: Services, caller: Caller, *, code: str, state: str) -> Connected:
    """The connection that a code completes, brought by a backend or by the member's own app."""
    by = Completer(user_id=caller.user_id, is_service=caller.is_service)
    done = await connect.complete(services.engine, state, code, by=by)
    return Connected(user_id=done.user_id, provider=done.provider, missing_scopes=done.missing_scopes)


async def end(services: Services, caller: Caller, user_id: str, provider: str, data: str) -> Disconnected:
    """Ends the connection; erasing its records needs the scope for it."""
    if data not in ("keep", "erase"):
        raise InvalidField("data must be keep or erase.", field="data")
    if data == "erase" and "erase" not in caller.scopes:
        raise Forbidden("Erasing needs the scope erase.", scope="erase")
    ended = await disconnect.disconnect(services.engine, user_id, provider, erase=data == "erase")
    told = await disconnect.until_revoked(services.engine, ended, at_most_s=WAIT_S)
    revoked = told if ended.revocation is not None else None
    return Disconnected(user_id=user_id, provider=provider, was_connected=ended.had_connection, revoked=revoked, data=data)
