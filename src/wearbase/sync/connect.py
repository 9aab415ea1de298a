"""Connecting a member: consent started, completed once, tokens kept, everything marked due."""

import asyncio
import hashlib
import json
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from wearbase.domain.errors import (
    AccessTokenRejected,
    BadRequest,
    ConsentDenied,
    Forbidden,
    OtherAccount,
    RateLimited,
    ReauthorizationRequired,
    RetryLater,
    UnexpectedPayload,
    WearbaseError,
)
from wearbase.domain.provider import Grant, Identity
from wearbase.store import connections, records
from wearbase.store.audit import trail
from wearbase.store.connections import Connection, Consent
from wearbase.store.member import consents, marks
from wearbase.store.member.consents import Agreed
from wearbase.store.postgres.database import Tx
from wearbase.store.sealing import SealBroken
from wearbase.store.work import budget, chores, due, persons, progress
from wearbase.store.work.chores import NewChore
from wearbase.store.work.due import Priority
from wearbase.sync.disconnect import forget_revocations, plan_revocation, plan_revocation_of
from wearbase.sync.engine import Engine
from wearbase.sync.patience import patient
from wearbase.sync.visits.first import CONNECTING, First, keep_first, read_first
from wearbase.transport.apps import App

STATE_LIFETIME = timedelta(minutes=5)
WAIT_S = 45.0  # for the budget, before the code is used up
FINISH = "finish"  # the chore that completes a consent whose code is used up
FINISH_WITHIN = timedelta(hours=1)  # the access token lives no longer
FINISH_FROM = timedelta(seconds=90)  # when whoever exchanged the code has given up, or is dead
FULL_MINUTE = timedelta(seconds=15)  # how long to wait at the most for one call of a full minute: they come free one by one
LOOK_STEP_S = 0.5
CROWD, BEHIND_TODAY = 0.05, timedelta(seconds=5)


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
class Starter:
    """Who starts a consent: a service (`key`) or a `member`, then in one browser; and which version of the terms the member is shown."""

    kind: str = "key"
    browser_nonce: str | None = None
    consent_version: str | None = None

    @property
    def browser_hash(self) -> bytes | None:
        return hash_of(self.browser_nonce) if self.browser_nonce else None


BY_KEY = Starter()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a consent has led to."""

    grant: Grant
    identity: Identity
    first: First | None


async def begin(engine: Engine, user_id: str, provider: str, *, redirects: Redirects | None = None, by: Starter = BY_KEY) -> Started:
    """Starts a consent: the address to send the member's browser to.

    Raises: BadRequest for a redirect that is not ours, Conflict where members are not joined by consent.
    """
    app = engine.app(provider)
    rules, redirects = app.provider.oauth, redirects or Redirects()
    chosen = redirects.uri or app.redirect_uris[0]
    if chosen not in app.redirect_uris:
        raise BadRequest("This redirect_uri is not registered with the provider.", field="redirect_uri")
    state = secrets.token_urlsafe(32)
    consent = Consent(
        user_id=user_id, provider=provider, redirect_uri=chosen, redirect_url=redirects.url,
        browser_hash=by.browser_hash, started_by=by.kind, consent_version=by.consent_version or engine.consent_version,
        asked_scopes=list(app.provider.scopes), expires_at=engine.clock.now() + STATE_LIFETIME,
    )  # fmt: skip
    await remember(engine, state, consent)
    url = rules.authorization_url(app.credentials, redirect_uri=chosen, state=state, scopes=app.provider.scopes)
    return Started(user_id=user_id, authorization_url=url, state=state, expires_in_s=int(STATE_LIFETIME.total_seconds()))


async def remember(engine: Engine, state: str, consent: Consent) -> None:
    """Notes a consent under way by the hash of its state."""
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await marks.hold(tx, engine.keys, consent.user_id)
        await connections.put_consent(tx, hash_of(state), consent, now=now)
        await trail.write(tx, "consent_asked", user_id=consent.user_id, provider=consent.provider, now=now)


async def peek(engine: Engine, state: str) -> Consent | None:
    """The consent that a state belongs to, left in place; None if unknown or expired."""
    async with engine.db.connection() as tx:
        return await connections.peek_consent(tx, hash_of(state), now=engine.clock.now())


async def deny(engine: Engine, state: str) -> Consent | None:
    """Consumes the state of a consent that was refused."""
    now, hashed = engine.clock.now(), hash_of(state)
    async with engine.db.transaction() as tx:
        consent = await connections.take_consent(tx, hashed, now=now)
        if consent is not None:
            await trail.write(tx, "consent_refused", user_id=consent.user_id, provider=consent.provider, now=now)
        await connections.end_consent(tx, hashed)
    return consent


async def use_up(engine: Engine, state: str) -> None:
    """Consumes the state of a consent that was completed elsewhere."""
    await drop(engine, hash_of(state))


async def complete(engine: Engine, state: str, code: str, *, by: Completer) -> Connected:
    """Exchanges the code, learns who the member is, links the account and marks everything due.

    Where no call can be had now it waits, holding nothing. The state is consumed whatever happens, but for a want of calls that is
    seen before the code is exchanged: then it is RateLimited after 45 s, and the same code and state may be brought again. They may
    too where calls run out, or the provider's answers, once it is exchanged: what it was exchanged for is kept for an hour, and
    a worker completes it if nobody comes back.

    Raises: BadRequest (state unknown, used or expired), Forbidden (another browser or member), ConsentDenied, Conflict
    (the account belongs to another user), ProviderUnavailable, RateLimited.
    """
    await _until_affordable(engine, state)
    consent, hashed = await _take(engine, state), hash_of(state)
    if consent is None:
        raise _unknown()
    app = engine.app(consent.provider)
    try:
        check_completer(consent, by)
        grant = await _exchange(engine, app, consent, code) if consent.sealed_grant is None else None
    except WearbaseError:
        if consent.sealed_grant is None:
            await drop(engine, hashed)
        raise
    if grant is not None:
        consent = await _kept(engine, app, hashed, consent, grant)
    return await _finish(engine, app, hashed, consent)


async def finish(engine: Engine, state_hash: bytes) -> None:
    """Completes a consent whose code was exchanged, if that is still to do. Raises what must be tried again."""
    async with engine.db.connection() as tx:
        consent = await connections.peek_consent(tx, state_hash, now=engine.clock.now())
    if consent is not None and consent.sealed_grant is not None:
        await _finish(engine, engine.app(consent.provider), state_hash, consent)


async def _kept(engine: Engine, app: App, hashed: bytes, consent: Consent, grant: Grant) -> Consent:
    """The consent with its grant, sealed, and somebody to complete it: the code is good only once. Who was erased meanwhile is not
    connected, and the grant is revoked."""
    now = engine.clock.now()
    text = json.dumps({"grant": asdict(grant), "at": now.isoformat()})
    sealed = engine.keys.seal(text, user_id=consent.user_id, provider=app.name, kind=FINISH)
    kept = replace(consent, sealed_grant=sealed, expires_at=now + FINISH_WITHIN)
    chore = NewChore(
        id=UUID(bytes=hashed[:16]), kind=FINISH, payload={"state": hashed.hex()}, due_at=now + FINISH_FROM, priority=Priority.PERSON
    )
    async with engine.db.transaction() as tx:
        is_kept = await connections.keep_grant(tx, hashed, sealed, expires_at=kept.expires_at)
        if is_kept:
            await chores.add(tx, chore, now=now)
        else:
            await plan_revocation_of(tx, engine, app, grant)
    if not is_kept:
        raise _unknown()
    return kept


def _opened(engine: Engine, consent: Consent) -> Grant:
    assert consent.sealed_grant is not None
    found = json.loads(engine.keys.open(consent.sealed_grant, user_id=consent.user_id, provider=consent.provider, kind=FINISH))
    grant = Grant(**{**found["grant"], "scopes": tuple(found["grant"]["scopes"])})
    age_s = int((engine.clock.now() - datetime.fromisoformat(found["at"])).total_seconds())
    return replace(grant, expires_in_s=max(1, grant.expires_in_s - age_s))


async def _finish(engine: Engine, app: App, hashed: bytes, consent: Consent) -> Connected:
    """Whose account it is, and the link. What may be better later leaves the consent as it is; anything else ends it."""
    try:
        return await _connected(engine, app, hashed, consent, _opened(engine, consent))
    except (RetryLater, SealBroken):  # a key may be back before the hour is over
        raise
    except WearbaseError:
        await drop(engine, hashed)
        raise


async def _connected(engine: Engine, app: App, hashed: bytes, consent: Consent, grant: Grant) -> Connected:
    missing = sorted(set(consent.asked_scopes) - set(grant.scopes)) if grant.scopes else []
    if app.provider.identity_scope in missing:
        raise ConsentDenied(f"The member did not grant {app.provider.identity_scope}, without which the account cannot be told.")
    send = patient(engine, engine.gateway.sender_with(app, grant.access_token, reason=CONNECTING.reason))
    try:
        first = await read_first(engine, app, send, missing=missing)
        identity = first.identity if first else app.provider.oauth.identity(await send(app.provider.oauth.identity_request()))
    except (AccessTokenRejected, UnexpectedPayload) as error:
        raise ConsentDenied("The provider did not say whose account this is. Start again.") from error
    await _link(engine, app, hashed, consent, _Found(grant=grant, identity=identity, first=first))
    return Connected(user_id=consent.user_id, provider=app.name, redirect_url=consent.redirect_url, missing_scopes=missing)


def _unknown() -> BadRequest:
    return BadRequest("This consent is unknown, used or expired. Start again.", field="state")


async def drop(engine: Engine, hashed: bytes) -> None:
    """Ends a consent under way, if it is there."""
    async with engine.db.transaction() as tx:
        await connections.end_consent(tx, hashed)


async def _until_affordable(engine: Engine, state: str) -> None:
    """Waits until a call seems to be had for this consent; returns at once for an unknown one. Raises RateLimited."""
    consent = await peek(engine, state)
    if consent is None:
        return
    app, loop = engine.app(consent.provider), asyncio.get_running_loop()
    give_up = loop.time() + WAIT_S
    while (until := await _closed_until(engine, app)) is not None:
        if (until - engine.clock.now()).total_seconds() > give_up - loop.time():
            raise RateLimited(retry_at=until, provider=app.name)
        await asyncio.sleep(LOOK_STEP_S)


async def _closed_until(engine: Engine, app: App) -> datetime | None:
    """Until when a person's call is not to be had, as far as can be told; None if one is."""
    now = engine.clock.now()
    async with engine.db.connection() as tx:
        found = await budget.standing(tx, app.name, app.key, ceilings=app.ceilings, now=now)
    if found.day_left < 1:
        return found.day_resets_at
    if found.minute_used >= found.minute_limit:
        return now + FULL_MINUTE
    return max((until for until in (found.closed_until, found.paused_until) if until), default=None)


async def _take(engine: Engine, state: str) -> Consent | None:
    async with engine.db.transaction() as tx:
        return await connections.take_consent(tx, hash_of(state), now=engine.clock.now())


def check_completer(consent: Consent, by: Completer) -> None:
    """Nobody may finish a consent that somebody else started in their name. Raises Forbidden."""
    if (by.is_service and consent.browser_hash is None) or (by.user_id is not None and by.user_id == consent.user_id):
        return
    if consent.browser_hash is not None:
        if by.browser_nonce is not None and secrets.compare_digest(hash_of(by.browser_nonce), consent.browser_hash):
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


async def _link(engine: Engine, app: App, hashed: bytes, consent: Consent, found: _Found) -> None:
    """One transaction: identity, tokens, what is due, the first window of history, and the page that was read already."""
    now, identity, grant, first = engine.clock.now(), found.identity, found.grant, found.first
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, consent.user_id)
        old = await connections.get(tx, consent.user_id, app.name)
        if not await connections.end_consent(tx, hashed):
            if old is not None and old.is_live and old.external_user_id == identity.external_user_id:
                return  # another was faster, and the grant may have been renewed since
            raise _unknown()
        is_other = old is not None and old.external_user_id != identity.external_user_id
        await check_account(tx, old, identity.external_user_id)
        if old is not None and is_other and old.state != "disconnected":
            with suppress(SealBroken):
                await plan_revocation(tx, engine, app, old)  # never the same account's: it would end this one
        connection = await connections.put(
            tx, user_id=consent.user_id, provider=app.name, external_user_id=identity.external_user_id,
            asked_scopes=consent.asked_scopes, scopes=list(grant.scopes) or consent.asked_scopes, now=now,
        )  # fmt: skip
        agreed = Agreed(
            provider=app.name, version=consent.consent_version, given_at=now, given_by=consent.started_by,
            asked_scopes=consent.asked_scopes, scopes=connection.scopes,
        )  # fmt: skip
        await consents.record(tx, consent.user_id, agreed)
        await trail.write(tx, "connected", user_id=consent.user_id, provider=app.name, details={"scopes": connection.scopes}, now=now)
        await forget_revocations(tx, engine, identity.external_user_id)
        await engine.gateway.grants.store(tx, connection, grant)
        is_new = old is None or is_other
        await mark_all(tx, engine, app, connection, is_new_identity=is_new)
        if first is not None:
            await keep_first(tx, engine, app, connection, first, is_new_identity=is_new)


async def check_account(tx: Tx, old: Connection | None, external_user_id: str) -> None:
    """Returns if what is stored may be continued from this account. Raises OtherAccount."""
    if old is None or old.external_user_id == external_user_id:
        return
    if await records.has_any(tx, old.user_id, old.provider):
        raise OtherAccount(provider=old.provider)


async def mark_all(tx: Tx, engine: Engine, app: App, connection: Connection, *, is_new_identity: bool) -> None:
    """Has everything read now, and the history behind it, as far back as there is any."""
    now = engine.clock.now()
    names = [r.name for r in app.provider.resources]
    missing = [r.name for r in app.provider.resources if r.scope and r.scope not in connection.scopes]
    await due.start(tx, connection, names, missing=missing, is_new_identity=is_new_identity, now=now)
    if await _is_crowded(tx, app, now=now):  # then everybody's today comes first, and what it can do without a moment later
        first = [r.name for r in app.provider.resources if r.tells_morning or r.name == app.provider.identity_resource]
        later = [name for name in names if name not in first] if first else []
        await persons.let_wait(tx, connection, later, until=now + BEHIND_TODAY)
    history = app.provider.history_window(now, engine.backfill)
    for name in (n for n in names if n not in missing):
        await progress.start_backfill(tx, connection, name, window=history, now=now)


async def _is_crowded(tx: Tx, app: App, *, now: datetime) -> bool:
    """Whether others have called within the minute, so that its calls may not suffice for all at once."""
    found = await budget.standing(tx, app.name, app.key, ceilings=app.ceilings, now=now)
    return found.minute_used > CROWD * found.minute_limit


def hash_of(text: str) -> bytes:
    """How states and nonces are kept."""
    return hashlib.sha256(text.encode()).digest()
