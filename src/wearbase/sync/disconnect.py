"""Ending a connection: at the provider, in the store, or after the provider ended it; and erasing a member."""

import asyncio
import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from wearbase.domain.errors import (
    AccessTokenRejected,
    ProviderUnavailable,
    ReauthorizationRequired,
)
from wearbase.domain.provider import Grant
from wearbase.store import connections, deliveries, erasure
from wearbase.store.audit import trail
from wearbase.store.connections import Connection
from wearbase.store.member import archive, marks
from wearbase.store.postgres.database import Tx
from wearbase.store.sealing import SealBroken
from wearbase.store.work import chores, due, grants_care
from wearbase.store.work.chores import Chore, NewChore
from wearbase.store.work.due import Priority
from wearbase.sync import combine
from wearbase.sync.ask import WATCH_STEP_S, has_worker
from wearbase.sync.engine import Engine
from wearbase.sync.upkeep import alarm
from wearbase.transport.apps import App

log = structlog.get_logger()

REVOKE_FOR = timedelta(hours=24)
REVOKE, PRUNE = "revoke", "prune"
SWEEP_AFTER = timedelta(seconds=10)
NOT_REVOKED = "The access that was given to this service could not be revoked: end it in the settings of the account there."


@dataclass(frozen=True, slots=True)
class Ended:
    """What was ended. `revocation` names the chore that tells the provider, None if there was nothing to revoke, or no way to.

    `remains` tells what stays at the provider, and of which account: only this answer knows it once everything here is erased.
    """

    had_connection: bool
    revocation: uuid.UUID | None
    remains: "Remains | None" = None
    is_unrevoked: bool = False  # there is a grant, and nothing here can end it

    @property
    def had_grant(self) -> bool:
        """Whether there was anything to revoke."""
        return self.is_unrevoked or self.revocation is not None


@dataclass(frozen=True, slots=True)
class Remains:
    """What a provider keeps of a member, and under which id."""

    provider: str
    external_user_id: str
    text: str


async def disconnect(engine: Engine, user_id: str, provider: str, *, erase: bool) -> Ended:
    """Ends the connection and erases its tokens now; the provider is told by a chore. Keeps or erases the records."""
    app, now = engine.app(provider), engine.clock.now()
    async with engine.db.transaction() as tx:
        await marks.hold(tx, engine.keys, user_id)
        await connections.drop_consents(tx, user_id, provider)
        connection = await connections.get(tx, user_id, provider)
        ended = await _end(tx, engine, app, connection) if connection else Ended(had_connection=False, revocation=None)
        if erase:
            await erasure.erase_records(tx, user_id, provider)
            await combine.rebuild_all(tx, engine.combining, user_id, now=now)
        if erase or ended.had_connection:
            await trail.write(tx, "data_erased" if erase else "disconnected", user_id=user_id, provider=provider, now=now)
    await engine.hint()
    return ended


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased: every connection that there was, so many days and records, at that instant."""

    ended: list[Ended]
    days: int
    records: int
    at: datetime


async def erase_user(engine: Engine, user_id: str) -> Erasure:
    """Ends every connection and removes every row of the user; a late delivery finds nobody, a credential from before stores nothing.

    Doing it again is for such a credential, too: it takes away, and its answer may have been lost.
    """
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, user_id)
        days, records = await archive.counted(tx, user_id)
        ended = [one for c in await connections.all_of(tx, user_id) if (one := await _end_for_good(tx, engine, c))]
        await trail.write(tx, "user_erased", user_id=user_id, now=engine.clock.now())
        await erasure.erase_user(tx, user_id)
        await marks.put(tx, engine.keys, user_id, at=engine.clock.now())
        await chores.hasten(tx, PRUNE, at=engine.clock.now() + SWEEP_AFTER)  # what was being received at this moment
    await engine.hint()
    return Erasure(ended, days, records, engine.clock.now())


async def needs_reauthorization(engine: Engine, connection: Connection) -> bool:
    """After proof that the grant is dead: the member must connect again; what is stored stays.

    False if too many are refused at once for any of it to be believed: nobody is given up, and it is to be tried again.
    """
    app, now = engine.app(connection.provider), engine.clock.now()
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, connection.user_id)
        if not await connections.holds(tx, connection, lease_number=connection.lease_number):
            return True
        stored = await connections.grant(tx, connection.user_id, connection.provider)
        is_mass = stored is not None and stored.refused_at is not None and await alarm.is_mass(tx, app, now=now)
        if not is_mass:
            await connections.give_up(tx, connection, now=now)
            await grants_care.rest(tx, connection)
            await trail.write(tx, "connection_lost", user_id=connection.user_id, provider=app.name, now=now)
    if is_mass:
        await alarm.begin(engine, app)
    return not is_mass


async def is_revoked(engine: Engine, ended: Ended) -> bool:
    """Whether the provider has been told."""
    if ended.revocation is None:
        return not ended.is_unrevoked
    async with engine.db.connection() as tx:
        return not await chores.is_waiting(tx, ended.revocation)


async def until_revoked(engine: Engine, ended: Ended, *, at_most_s: float) -> bool:
    """Whether the provider has been told within that time; at once if no worker lives."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + (0 if ended.is_unrevoked else at_most_s)
    while not await is_revoked(engine, ended):
        if loop.time() >= give_up or not await has_worker(engine):
            return False
        await asyncio.sleep(WATCH_STEP_S)
    return True


async def _end(tx: Tx, engine: Engine, app: App, connection: Connection) -> Ended:
    now = engine.clock.now()
    try:
        revocation, is_unrevoked = await plan_revocation(tx, engine, app, connection), False
    except SealBroken:
        revocation, is_unrevoked = None, True
    await connections.end(tx, connection, now=now)
    await due.stop(tx, connection)
    await deliveries.park_all(tx, connection, reason="disconnected", now=now)
    was = connection.state != "disconnected"
    if is_unrevoked:
        return _unrevoked(connection, "no key at hand opens its token", had_connection=was)
    account, text = connection.external_user_id, app.provider.remains
    return Ended(had_connection=was, revocation=revocation, remains=Remains(app.name, account, text) if account and text else None)


async def _end_for_good(tx: Tx, engine: Engine, connection: Connection) -> Ended | None:
    """The same before all is erased, which nothing may hinder; None of a copy, whose own service ends what it is a copy of."""
    if connection.provider in engine.apps:
        return await _end(tx, engine, engine.app(connection.provider), connection)
    stored = await connections.grant(tx, connection.user_id, connection.provider)
    if stored is None or stored.access_token is None:
        return None
    return _unrevoked(connection, "this source is not set up here", had_connection=True)


def _unrevoked(connection: Connection, reason: str, *, had_connection: bool) -> Ended:
    """A wish of the member's that is done as far as it can be; what cannot be done is said to them, and to the operator."""
    log.error("grant not revoked at the provider", provider=connection.provider, connection=connection.id, reason=reason)
    remains = Remains(connection.provider, connection.external_user_id or "", NOT_REVOKED)
    return Ended(had_connection=had_connection, revocation=None, remains=remains, is_unrevoked=True)


async def plan_revocation(tx: Tx, engine: Engine, app: App, connection: Connection) -> uuid.UUID | None:
    """Moves the tokens into a chore that revokes them; it names the member only by a keyed hash. Raises SealBroken."""
    stored = await connections.grant(tx, connection.user_id, connection.provider, for_update=True)
    if stored is None or stored.access_token is None:
        return None
    who = {"user_id": connection.user_id, "provider": connection.provider}
    tokens = {"access": engine.keys.open(stored.access_token, **who, kind="access")}
    if stored.refresh_token is not None:
        tokens["refresh"] = engine.keys.open(stored.refresh_token, **who, kind="refresh")
    return await _plan(tx, engine, app, tokens, member=_member(engine, connection.external_user_id))


async def plan_revocation_of(tx: Tx, engine: Engine, app: App, grant: Grant) -> None:
    """The same of a grant that belongs to nobody any more."""
    tokens = {"access": grant.access_token, **({"refresh": grant.refresh_token} if grant.refresh_token else {})}
    await _plan(tx, engine, app, tokens, member="")


async def _plan(tx: Tx, engine: Engine, app: App, tokens: dict[str, str], *, member: str) -> uuid.UUID:
    chore_id, now = uuid.uuid4(), engine.clock.now()
    chore = NewChore(
        id=chore_id, kind=REVOKE, payload={"provider": app.name, "member": member},
        sealed=_seal(engine, chore_id, app, tokens), due_at=now, priority=Priority.PERSON,
    )  # fmt: skip
    await chores.add(tx, chore, now=now)
    return chore_id


async def forget_revocations(tx: Tx, engine: Engine, external_user_id: str) -> None:
    """A member who connects again must not lose the new grant to the revocation of the old one."""
    await chores.drop(tx, REVOKE, members=[found.hex() for found in engine.keys.keyed_hashes(external_user_id)])


async def revoke(engine: Engine, chore: Chore) -> None:
    """Tells the provider that a grant has ended. Raises what must be tried again; gives up after a day."""
    app = engine.app(chore.payload["provider"])
    if engine.clock.now() - chore.created_at > REVOKE_FOR or chore.sealed is None:
        return
    tokens = json.loads(engine.keys.open(chore.sealed, user_id=str(chore.id), provider=app.name, kind=REVOKE))
    try:
        await _revoke_with(engine, app, tokens["access"])
    except AccessTokenRejected:
        if "refresh" in tokens:
            await _refresh_and_revoke(engine, app, chore, tokens["refresh"])


async def _refresh_and_revoke(engine: Engine, app: App, chore: Chore, refresh_token: str) -> None:
    request = app.provider.oauth.refresh_request(app.credentials, refresh_token=refresh_token)
    try:
        grant = app.provider.oauth.grant(await engine.gateway.token_call(app, request))
    except ReauthorizationRequired:
        return  # it is dead already, which is what was wanted
    tokens = {"access": grant.access_token, "refresh": grant.refresh_token or refresh_token}
    async with engine.db.transaction() as tx:
        await chores.reseal(tx, chore, _seal(engine, chore.id, app, tokens))
    try:
        await _revoke_with(engine, app, grant.access_token)
    except AccessTokenRejected as error:
        raise ProviderUnavailable("The provider rejects a token that it has just given.") from error


async def _revoke_with(engine: Engine, app: App, access_token: str) -> None:
    await engine.gateway.sender_with(app, access_token, reason="disconnect")(app.provider.oauth.revoke_request())


def _seal(engine: Engine, chore_id: uuid.UUID, app: App, tokens: dict[str, str]) -> bytes:
    return engine.keys.seal(json.dumps(tokens), user_id=str(chore_id), provider=app.name, kind=REVOKE)


def _member(engine: Engine, external_user_id: str | None) -> str:
    return engine.keys.keyed_hash(external_user_id or "").hex()
