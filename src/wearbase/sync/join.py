"""Joining a member of a provider where the app's own account serves everybody: no consent, no tokens of theirs."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

from wearbase.domain.errors import ConnectionEnded
from wearbase.domain.provider import Identity
from wearbase.store import connections
from wearbase.store.audit import trail
from wearbase.store.audit.acting import actor
from wearbase.store.connections import Connection, Consent
from wearbase.store.member import consents, marks
from wearbase.store.member.consents import Agreed
from wearbase.sync.connect import check_account, drop, mark_all
from wearbase.sync.engine import Engine
from wearbase.sync.patience import patient
from wearbase.sync.visits.first import CONNECTING
from wearbase.transport.apps import App

JOIN_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A member who is connected now, and under which id the provider knows them."""

    user_id: str
    provider: str
    external_user_id: str


async def join(
    engine: Engine, user_id: str, provider: str, *, external_id: str | None = None, consent_version: str | None = None
) -> Joined:
    """Registers the member, or finds who is registered under that id, links them and marks everything due. Who is erased meanwhile is
    not linked.

    Without an id it is the one that the member had before, else a random one. It waits a while for the budget.
    Raises: NotFound, Conflict (joined by consent, or the account belongs to another user), OtherAccount, BadRequest for an id that the
    provider does not take, RateLimited, ProviderUnavailable, ClientMisconfigured.
    """
    app = engine.app(provider)
    rules = app.provider.account
    async with engine.db.connection() as tx:
        known = await connections.get(tx, user_id, provider)
    wanted = external_id or (known and known.external_user_id) or str(uuid.uuid4())
    turn = await _begin(engine, user_id, provider, consent_version or engine.consent_version)
    send = patient(engine, engine.gateway.account_sender(app, CONNECTING, external_user_id=wanted))
    try:
        identity = await rules.join(send, wanted)
        connection = await _link(engine, app, turn, identity, is_asked_for=external_id is not None)
    finally:
        await drop(engine, turn.state_hash)
    await engine.hint()
    return Joined(user_id=user_id, provider=app.name, external_user_id=connection.external_user_id or wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """Somebody is being joined. It is a row, so that erasing takes it away."""

    user_id: str
    state_hash: bytes
    consent_version: str | None


async def _begin(engine: Engine, user_id: str, provider: str, consent_version: str | None) -> _Turn:
    now, turn = engine.clock.now(), _Turn(user_id=user_id, state_hash=secrets.token_bytes(32), consent_version=consent_version)
    consent = Consent(
        user_id=user_id, provider=provider, redirect_uri="", redirect_url=None, browser_hash=None, started_by=actor().kind,
        asked_scopes=[], expires_at=now + JOIN_WITHIN,
    )  # fmt: skip
    async with engine.db.transaction() as tx:
        await marks.hold(tx, engine.keys, user_id)
        await connections.put_consent(tx, turn.state_hash, consent, now=now)
    return turn


async def _link(engine: Engine, app: App, turn: _Turn, identity: Identity, *, is_asked_for: bool) -> Connection:
    """One transaction: identity, what is due, the first window of history. Raises Conflict, OtherAccount, ConnectionEnded."""
    now, user_id, external_id = engine.clock.now(), turn.user_id, identity.external_user_id
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, user_id)
        if not await connections.end_consent(tx, turn.state_hash):
            raise ConnectionEnded("This user was erased meanwhile. Connect again if that is wanted.", provider=app.name)
        old = await connections.get(tx, user_id, app.name)
        if old is not None and old.is_live and old.external_user_id != external_id and not is_asked_for:
            return old  # two asked at once, and each made up an id: the first one's is kept
        await check_account(tx, old, external_id)
        connection = await connections.put(
            tx, user_id=user_id, provider=app.name, external_user_id=external_id, asked_scopes=[], scopes=[], now=now
        )
        agreed = Agreed(provider=app.name, version=turn.consent_version, given_at=now, given_by=actor().kind)
        await consents.record(tx, user_id, agreed)
        await trail.write(tx, "connected", user_id=user_id, provider=app.name, now=now)
        await mark_all(tx, engine, app, connection, is_new_identity=old is None or old.external_user_id != external_id)
    return connection
