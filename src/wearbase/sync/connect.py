"""Connecting a member: consent started, completed once, tokens kept, everything marked due."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from wearbase.domain.errors import (
    AccessTokenRejected,
    BadRequest,
    ConsentDenied,
    Forbidden,
    ReauthorizationRequired,
    UnexpectedPayload,
)
from wearbase.domain.provider import Grant, Identity
from wearbase.domain.windows import Window
from wearbase.store import connections
from wearbase.store.connections import Connection, Consent
from wearbase.store.postgres.database import Tx
from wearbase.store.work import due, progress
from wearbase.sync.disconnect import forget_revocations, plan_revocation
from wearbase.sync.engine import Engine
from wearbase.transport.apps import App

STATE_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A consent under way."""

    user_id: str
    authorization_url: str
    state: str
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirects:
    """Two different things: `uri` is registered at the provider, `url` is where the browser goes after our callback."""

    uri: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A completed connection; `missing_scopes` were asked for and not given."""

    user_id: str
    provider: str
    redirect_url: str | None
    missing_scopes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completer:
    """Who brings the code back: a service key, a member, or just a browser (with the nonce of its cookie)."""

    user_id: str | None = None
    is_service: bool = False
    browser_nonce: str | None = None
    has_agreed: bool = False  # the person has seen the page that names the app, and said yes


async def begin(
    engine: Engine,
    user_id: str,
    provider: str,
    *,
    redirects: Redirects | None = None,
    browser_nonce: str | None = None,
    started_by: str = "key",
) -> Started:
    """Starts a consent: the address to send the member's browser to. Raises BadRequest for a redirect that is not ours."""
    app = engine.app(provider)
    redirects = redirects or Redirects()
    chosen = redirects.uri or app.redirect_uris[0]
    if chosen not in app.redirect_uris:
        raise BadRequest("This redirect_uri is not registered with the provider.", field="redirect_uri")
    state, now = secrets.token_urlsafe(32), engine.clock.now()
    consent = Consent(
        user_id=user_id, provider=provider, redirect_uri=chosen, redirect_url=redirects.url,
        browser_hash=_hash(browser_nonce) if browser_nonce else None, started_by=started_by,
        asked_scopes=list(app.provider.scopes), expires_at=now + STATE_LIFETIME,
    )  # fmt: skip
    async with engine.db.transaction() as tx:
        await connections.put_consent(tx, _hash(state), consent, now=now)
    url = app.provider.oauth.authorization_url(app.credentials, redirect_uri=chosen, state=state, scopes=app.provider.scopes)
    return Started(user_id=user_id, authorization_url=url, state=state, expires_in_s=int(STATE_LIFETIME.total_seconds()))


async def peek(engine: Engine, state: str) -> Consent | None:
    """The consent that a state belongs to, left in place; None if unknown or expired."""
    async with engine.db.connection() as tx:
        return await connections.peek_consent(tx, _hash(state), now=engine.clock.now())


async def deny(engine: Engine, state: str) -> Consent | None:
    """Consumes the state of a consent that was refused."""
    return await _take(engine, state)


async def complete(engine: Engine, state: str, code: str, *, by: Completer) -> Connected:
    """Exchanges the code, asks who the member is, links the account and marks everything due.

    Raises: BadRequest (state unknown, used or expired), Forbidden (another browser or member), ConsentDenied, Conflict
    (the account belongs to another user), ProviderUnavailable. The state is consumed whatever happens.
    """
    consent = await _take(engine, state)
    if consent is None:
        raise BadRequest("This consent is unknown, used or expired. Start again.", field="state")
    _check_completer(consent, by)
    app = engine.app(consent.provider)
    grant = await _exchange(engine, app, consent, code)
    missing = sorted(set(consent.asked_scopes) - set(grant.scopes)) if grant.scopes else []
    if app.provider.identity_scope in missing:
        raise ConsentDenied(f"The member did not grant {app.provider.identity_scope}, without which the account cannot be told.")
    identity = await _identity(engine, app, grant)
    await _link(engine, app, consent, grant, identity)
    return Connected(user_id=consent.user_id, provider=app.name, redirect_url=consent.redirect_url, missing_scopes=missing)


async def _take(engine: Engine, state: str) -> Consent | None:
    async with engine.db.transaction() as tx:
        return await connections.take_consent(tx, _hash(state), now=engine.clock.now())


def _check_completer(consent: Consent, by: Completer) -> None:
    """Nobody may finish a consent that somebody else started in their name."""
    if (by.is_service and consent.browser_hash is None) or (by.user_id is not None and by.user_id == consent.user_id):
        return
    if consent.browser_hash is not None:
        if by.browser_nonce is not None and secrets.compare_digest(_hash(by.browser_nonce), consent.browser_hash):
            return
        raise Forbidden("This consent was started in another browser.")
    if consent.started_by == "key" and by.has_agreed:
        return
    raise Forbidden("This consent belongs to another user.")


async def _exchange(engine: Engine, app: App, consent: Consent, code: str) -> Grant:
    request = app.provider.oauth.exchange_request(app.credentials, code=code, redirect_uri=consent.redirect_uri)
    try:
        return app.provider.oauth.grant(await engine.gateway.token_call(app, request))
    except ReauthorizationRequired as error:
        raise ConsentDenied("The provider did not accept this code. Start again.") from error


async def _identity(engine: Engine, app: App, grant: Grant) -> Identity:
    send = engine.gateway.sender_with(app, grant.access_token, reason="connect")
    try:
        return app.provider.oauth.identity(await send(app.provider.oauth.identity_request()))
    except (AccessTokenRejected, UnexpectedPayload) as error:
        raise ConsentDenied("The provider did not say whose account this is. Start again.") from error


async def _link(engine: Engine, app: App, consent: Consent, grant: Grant, identity: Identity) -> None:
    """One transaction: identity, tokens, what is due, and the first window of history."""
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, consent.user_id)
        old = await connections.get(tx, consent.user_id, app.name)
        is_other = old is not None and old.external_user_id != identity.external_user_id
        if old is not None and is_other and old.state != "disconnected":
            await plan_revocation(tx, engine, app, old)  # the replaced account's grant; never the same account's, it would end this one
        connection = await connections.put(
            tx, user_id=consent.user_id, provider=app.name, external_user_id=identity.external_user_id,
            asked_scopes=consent.asked_scopes, scopes=list(grant.scopes) or consent.asked_scopes, now=now,
        )  # fmt: skip
        await forget_revocations(tx, engine, identity.external_user_id)
        await engine.gateway.grants.store(tx, connection, grant)
        await _mark_all(tx, engine, app, connection, is_new_identity=old is None or is_other)


async def _mark_all(tx: Tx, engine: Engine, app: App, connection: Connection, *, is_new_identity: bool) -> None:
    now = engine.clock.now()
    names = [r.name for r in app.provider.resources]
    missing = [r.name for r in app.provider.resources if r.scope not in connection.scopes]
    await due.start(tx, connection, names, missing=missing, is_new_identity=is_new_identity, now=now)
    history = Window(now - engine.backfill, now - app.provider.overlap)
    for name in (n for n in names if n not in missing):
        await progress.start_backfill(tx, connection, name, window=history, now=now)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
