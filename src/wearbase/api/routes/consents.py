"""Starting, completing and ending a connection, the same for every audience."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Response

from wearbase.access.caller import Caller
from wearbase.access.users import InvalidField
from wearbase.api.errors import SignInAgain
from wearbase.api.fields import RedirectUrl
from wearbase.api.given import Services
from wearbase.api.routes import copying
from wearbase.api.shapes import Connected, ConnectStart, Disconnected, JoinBody, Joined, Remains
from wearbase.domain.errors import BadRequest, Forbidden
from wearbase.sync import connect, disconnect, join
from wearbase.sync.connect import STATE_LIFETIME, Completer, Redirects, Started, Starter
from wearbase.sync.disconnect import Ended
from wearbase.sync.remote import consent, ending
from wearbase.transport.remote import Remote

NONCE_COOKIE = "wearbase_consent"
WAIT_S = 3.0
FRESH_SIGN_IN, CLOCKS_DIFFER = timedelta(minutes=10), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """Where the browser goes after a consent, or which account a member has where no consent is needed; and to what they agree."""

    redirect_url: str | None
    external_id: str | None
    consent_version: str | None


async def _wish(redirect_url: RedirectUrl = None, body: JoinBody | None = None) -> Wish:
    body = body or JoinBody()
    return Wish(redirect_url, body.external_id, body.consent_version)


Wished = Annotated[Wish, Depends(_wish)]


async def start(
    services: Services, caller: Caller, user_id: str, provider: str, response: Response, wish: Wish
) -> ConnectStart | Joined:  # fmt: skip
    """A consent to send the member to; where a provider is joined by account, the member is connected."""
    if services.engine.provider(provider).joined_by == "account":
        return await _join(services, caller, user_id, provider, wish)
    if wish.external_id is not None:
        raise InvalidField("This source is joined by the member's consent, and tells whose account it is.", field="external_id")
    asked = Asked(Redirects(url=wish.redirect_url), wish.consent_version)
    started = await begin(services, caller, user_id, provider, response, asked)
    return ConnectStart(user_id=user_id, authorization_url=started.authorization_url, state=started.state, expires_in=started.expires_in_s)


async def _join(services: Services, caller: Caller, user_id: str, provider: str, wish: Wish) -> Joined:
    """The member, joined. Whose an existing account is only a backend knows: with the id of another's they would read its data."""
    if wish.external_id is not None and not caller.is_service:
        raise Forbidden("An existing external_id needs a service key.")
    try:
        await join.join(services.engine, user_id, provider, external_id=wish.external_id, consent_version=wish.consent_version)
    except BadRequest as refused:
        raise InvalidField(refused.message, field=refused.field) from refused
    return Joined(user_id=user_id)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a consent is to be asked for."""

    redirects: Redirects
    consent_version: str | None


async def begin(services: Services, caller: Caller, user_id: str, provider: str, response: Response, asked: Asked) -> Started:
    """A consent; one that a member starts belongs to this browser, by a cookie."""
    redirects, consent_version = asked.redirects, asked.consent_version
    if redirects.url is not None:
        services.redirects.check(redirects.url)
    nonce = None if caller.is_service else secrets.token_urlsafe(32)
    by = Starter(kind="key" if caller.is_service else "member", browser_nonce=nonce, consent_version=consent_version)
    remote = copying.remote_of(services, provider)
    if remote is None:
        started = await connect.begin(services.engine, user_id, provider, redirects=redirects, by=by)
    else:
        started = await consent.begin(services.engine, remote, user_id, redirects=redirects, by=by)
    if nonce is not None:
        is_https = services.public_url.startswith("https://")
        lifetime_s = int(STATE_LIFETIME.total_seconds())
        response.set_cookie(NONCE_COOKIE, nonce, max_age=lifetime_s, path="/", secure=is_https, httponly=True, samesite="lax")
    return started


async def complete(services: Services, caller: Caller, *, code: str, state: str) -> Connected:
    """The connection that a code completes, brought by a backend or by the member's own app."""
    by = Completer(user_id=caller.user_id, is_service=caller.is_service)
    done = await consent.complete(services.engine, state, code, by=by)
    if remote := copying.remote_of(services, done.provider):
        await copying.changed(services, remote, done.user_id)
    return Connected(user_id=done.user_id, provider=done.provider, missing_scopes=done.missing_scopes)


def check_sign_in(services: Services, caller: Caller) -> None:
    """Erasing needs somebody who signed in just now. Raises SignInAgain."""
    if caller.issued_at is None or not -CLOCKS_DIFFER <= services.clock.now() - caller.issued_at <= FRESH_SIGN_IN:
        raise SignInAgain


async def end(services: Services, caller: Caller, user_id: str, provider: str, data: str) -> Disconnected:
    """Ends the connection; erasing its records needs the scope for it."""
    if data not in ("keep", "erase"):
        raise InvalidField("data must be keep or erase.", field="data")
    if data == "erase" and "erase" not in caller.scopes:
        raise Forbidden("Erasing needs the scope erase.", scope="erase")
    if data == "erase" and not caller.is_service:
        check_sign_in(services, caller)
    if remote := copying.remote_of(services, provider):
        return await _end_there(services, remote, user_id, data)
    ended = await disconnect.disconnect(services.engine, user_id, provider, erase=data == "erase")
    told = await disconnect.until_revoked(services.engine, ended, at_most_s=WAIT_S)
    revoked = told if ended.had_grant else None
    was_connected, remains = ended.had_connection, next(iter(remaining([ended])), None)
    return Disconnected(user_id=user_id, provider=provider, was_connected=was_connected, revoked=revoked, data=data, remains=remains)


async def _end_there(services: Services, remote: Remote, user_id: str, data: str) -> Disconnected:
    """The service's own answer; where it could not be told to erase, ours, which says so."""
    try:
        ended = await ending.end(services.engine, remote, user_id, erase=data == "erase")
    finally:
        services.copies.forget(user_id)
    if ended.answer is not None:
        return Disconnected.model_validate(ended.answer)
    return Disconnected(
        user_id=user_id, provider=remote.name, was_connected=ended.had_copy, revoked=False, data="erase", unfinished=[remote.name]
    )


def remaining(ended: Sequence[Ended]) -> list[Remains]:
    """What stays at the providers."""
    return [Remains(provider=r.provider, external_user_id=r.external_user_id, text=r.text) for e in ended if (r := e.remains)]
