"""Joining a member of a provider where the app's own account serves everybody: no consent, no tokens of theirs."""

import uuid
from dataclasses import dataclass

from wearbase.domain.provider import Identity
from wearbase.store import connections
from wearbase.store.audit import trail
from wearbase.store.connections import Connection
from wearbase.sync.connect import CONNECTING, check_account, mark_all
from wearbase.sync.engine import Engine
from wearbase.sync.patience import patient
from wearbase.transport.apps import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A member who is connected now, and under which id the provider knows them."""

    user_id: str
    provider: str
    external_user_id: str


async def join(engine: Engine, user_id: str, provider: str, *, external_id: str | None = None) -> Joined:
    """Registers the member, or finds who is registered under that id, links them and marks everything due.

    Without an id it is the one that the member had before, else a random one. It waits a while for the budget.
    Raises: NotFound, Conflict (joined by consent, or the account belongs to another user), OtherAccount, BadRequest for an id that the
    provider does not take, RateLimited, ProviderUnavailable, ClientMisconfigured.
    """
    app = engine.app(provider)
    rules = app.provider.account
    async with engine.db.connection() as tx:
        known = await connections.get(tx, user_id, provider)
    wanted = external_id or (known and known.external_user_id) or str(uuid.uuid4())
    send = patient(engine, engine.gateway.account_sender(app, CONNECTING, external_user_id=wanted))
    connection = await _link(engine, app, user_id, await rules.join(send, wanted), is_asked_for=external_id is not None)
    await engine.hint()
    return Joined(user_id=user_id, provider=app.name, external_user_id=connection.external_user_id or wanted)


async def _link(engine: Engine, app: App, user_id: str, identity: Identity, *, is_asked_for: bool) -> Connection:
    """One transaction: identity, what is due, the first window of history. Raises Conflict, OtherAccount."""
    now, external_id = engine.clock.now(), identity.external_user_id
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, user_id)
        old = await connections.get(tx, user_id, app.name)
        if old is not None and old.is_live and old.external_user_id != external_id and not is_asked_for:
            return old  # two asked at once, and each made up an id: the first one's is kept
        await check_account(tx, old, external_id)
        connection = await connections.put(
            tx, user_id=user_id, provider=app.name, external_user_id=external_id, asked_scopes=[], scopes=[], now=now
        )
        await trail.write(tx, "connected", user_id=user_id, provider=app.name, now=now)
        await mark_all(tx, engine, app, connection, is_new_identity=old is None or old.external_user_id != external_id)
    return connection
