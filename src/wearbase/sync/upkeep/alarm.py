"""Mass `invalid_grant`: when the provider calls many members' grants dead within minutes, it is not believed."""

from datetime import datetime, timedelta

import structlog

from wearbase.store import connections
from wearbase.store.audit import trail
from wearbase.store.postgres.database import Tx
from wearbase.store.work import grants_care
from wearbase.sync.engine import Engine
from wearbase.transport.apps import App
from wearbase.transport.grants import REFUSED_PAUSE

log = structlog.get_logger()

WITHIN = timedelta(minutes=10)
FEWEST, MOST = 5, 100  # fewer are never a mass, more always are; between them it is one of a hundred live connections
# Longer than any wait between two tries, so that the alarm does not end because nobody tries.
STANDS = timedelta(minutes=90)
RESTORE = timedelta(hours=1)  # at a quiet hour it takes a while until enough have been refused
RESTORE_SPREAD = timedelta(minutes=30)


async def is_mass(tx: Tx, app: App, *, now: datetime) -> bool:
    """Whether so many grants are refused at once that no refusal is believed."""
    if await grants_care.alarm_since(tx, app.name, app.key) is not None:
        return True
    return await _is_many(tx, app, await grants_care.refused(tx, app.name, since=now - WITHIN))


async def begin(engine: Engine, app: App) -> None:
    """Sets the alarm, for every process, and connects again whoever was given up before it was noticed."""
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        if await grants_care.alarm_since(tx, app.name, app.key) is not None:
            return
        refused = await grants_care.refused(tx, app.name, since=now - WITHIN)
        restored = await _restore(tx, app, given_up_since=now - RESTORE, now=now)
        is_new = await grants_care.begin_alarm(tx, app.name, app.key, now=now)
    if is_new:
        log.error("mass invalid_grant: nobody is disconnected until it is over", provider=app.name, refused=refused, restored=restored)


async def lasts(engine: Engine, app: App) -> bool:
    """Whether the alarm is on. It ends here, once few refusals stand."""
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        since = await grants_care.alarm_since(tx, app.name, app.key)
        if since is None:
            return False
        await _restore(tx, app, given_up_since=since - RESTORE, now=now)  # one that was being given up as the alarm began
        standing = await grants_care.still_refused(tx, app.name, since=now - STANDS)
        if await _is_many(tx, app, standing):
            return True
        is_ended = await grants_care.end_alarm(tx, app.name, app.key)
    if is_ended:
        log.warning("mass invalid_grant is over", provider=app.name, still_refused=standing, seconds=round((now - since).total_seconds()))
    return False


async def believe(engine: Engine, app: App) -> int:
    """An operator knows that the refusals are real: those members must connect again, and the alarm ends. How many they are."""
    async with engine.db.connection() as tx:
        users = await grants_care.refused_users(tx, app.name)
    given_up = 0
    for user_id in users:
        async with engine.db.transaction() as tx:
            await connections.lock_member(tx, user_id)
            stored = await connections.grant(tx, user_id, app.name, for_update=True)
            found = await connections.get(tx, user_id, app.name)
            if found is None or stored is None or stored.state != "connected" or stored.refused_at is None:
                continue  # meanwhile
            await connections.give_up(tx, found, now=engine.clock.now())
            await grants_care.rest(tx, found)
            await trail.write(tx, "connection_lost", user_id=user_id, provider=app.name, now=engine.clock.now())
            given_up += 1
    async with engine.db.transaction() as tx:
        await grants_care.forget_refusals(tx, app.name)
        await grants_care.end_alarm(tx, app.name, app.key)
        await trail.write(tx, "grants_given_up", provider=app.name, details={"members": given_up}, now=engine.clock.now())
    log.warning("refusals believed", provider=app.name, given_up=given_up)
    return given_up


async def _is_many(tx: Tx, app: App, refused: int) -> bool:
    if not FEWEST <= refused < MOST:
        return refused >= MOST
    return not await grants_care.has_more_live(tx, app.name, than=refused * 100)


async def _restore(tx: Tx, app: App, *, given_up_since: datetime, now: datetime) -> int:
    return await grants_care.restore(tx, app.name, since=given_up_since, due_from=now + REFUSED_PAUSE, spread=RESTORE_SPREAD, now=now)
