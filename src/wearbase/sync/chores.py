"""Chores: work that waits with a due time and is not a visit."""

from datetime import timedelta
from uuid import UUID

import structlog

from wearbase.domain.errors import RateLimited, RetryLater, WearbaseError
from wearbase.store import connections, deliveries
from wearbase.store.audit import trail
from wearbase.store.deliveries import Pruning
from wearbase.store.member import sessions
from wearbase.store.watching import spending
from wearbase.store.work import chores, copies, grants_care, waiting
from wearbase.store.work.chores import Chore, NewChore
from wearbase.store.work.due import Priority
from wearbase.sync.connect import FINISH, finish
from wearbase.sync.disconnect import PRUNE, REVOKE, revoke
from wearbase.sync.engine import Engine
from wearbase.sync.remote import ending
from wearbase.sync.remote.ending import AT_SERVICE
from wearbase.sync.upkeep.census import CENSUS_EVERY, take_census
from wearbase.sync.upkeep.forecast import FORECAST_EVERY, forecast_all
from wearbase.sync.upkeep.keepalive import keep_grants_alive
from wearbase.sync.upkeep.retention import RETAIN_EVERY, retain
from wearbase.sync.upkeep.watch import WATCH_EVERY, watch_budgets

log = structlog.get_logger()

KEEPALIVE, FORECAST, WATCH, CENSUS, RETAIN = "keepalive", "forecast", "watch", "census", "retain"
# One of each for the whole installation.
STANDING = {
    PRUNE: UUID(int=1),
    KEEPALIVE: UUID(int=2),
    FORECAST: UUID(int=3),
    WATCH: UUID(int=4),
    CENSUS: UUID(int=10),
    RETAIN: UUID(int=11),
}
PRUNE_EVERY = timedelta(hours=1)
PRUNE_BREATH = timedelta(seconds=1)
MOST_PRUNED = 20_000  # at once, so that no transaction is long
UNKNOWN_FOR = timedelta(days=1)  # how long notices of unknown members are kept
KEEPALIVE_EVERY = timedelta(minutes=1)
KEEPALIVE_BREATH = timedelta(seconds=5)  # between two runs when many are due: visits have their turn
DEAD_FOR = timedelta(hours=1)
SIGNED_OUT_FOR = timedelta(days=7)  # how long sessions and links that are over are kept, to say so
SPENDING_FOR = timedelta(weeks=9)  # eight of the same weekday, for what is usual
REFUSED_FOR = timedelta(hours=24)  # how long tokens are kept that the provider refused
TURNS_FOR = timedelta(days=1)  # how long is known what another wearbase answered last about some days
LONGEST_RETRY = timedelta(minutes=30)


async def do_chore(engine: Engine, chore: Chore) -> None:
    """Does one chore; it leaves the queue when done, or comes back later."""
    now = engine.clock.now()
    try:
        if chore.kind == REVOKE:
            await revoke(engine, chore)
        elif chore.kind == AT_SERVICE:
            await ending.finish(engine, chore)
        elif chore.kind == FINISH:
            await _finish_consent(engine, chore)
        elif chore.kind == PRUNE:
            return await _prune(engine, chore)
        elif chore.kind == KEEPALIVE:
            return await _keep_alive(engine, chore)
        elif chore.kind == FORECAST:
            return await _forecast(engine, chore)
        elif chore.kind == WATCH:
            return await _watch(engine, chore)
        elif chore.kind == CENSUS:
            return await _census(engine, chore)
        elif chore.kind == RETAIN:
            return await _retain(engine, chore)
    except RetryLater as error:
        wait = min(LONGEST_RETRY, timedelta(seconds=5) * 3 ** min(chore.attempts, 8))
        at = waiting.again_at(error.retry_at, now=now) if isinstance(error, RateLimited) and error.retry_at else now + wait
        async with engine.db.transaction() as tx:
            return await chores.again(tx, chore, at=at, error=error.code)
    async with engine.db.transaction() as tx:
        await chores.done(tx, chore)


async def _finish_consent(engine: Engine, chore: Chore) -> None:
    """What cannot be completed has ended, and whoever gave the consent may start again."""
    try:
        await finish(engine, bytes.fromhex(chore.payload["state"]))
    except RetryLater:
        raise
    except WearbaseError as error:
        log.warning("consent not completed", error=error.code)


async def plan_chores(engine: Engine) -> None:
    """Makes sure that what is done at intervals is in the queue."""
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        for kind, chore_id in STANDING.items():
            await chores.add(tx, NewChore(id=chore_id, kind=kind, due_at=now, priority=Priority.TIMETABLE), now=now)


async def _prune(engine: Engine, chore: Chore) -> None:
    now = engine.clock.now()
    pruning = Pruning(
        unknown_before=now - min(UNKNOWN_FOR, engine.keep_deliveries), before=now - engine.keep_deliveries,
        payloads_before=now - min(engine.keep_payloads, engine.keep_deliveries),
        payload_providers=[app.name for app in engine.apps.values() if app.provider.delivers == "payload"],
    )  # fmt: skip
    async with engine.db.transaction() as tx:
        has_more = await deliveries.prune(tx, pruning, most=MOST_PRUNED) == MOST_PRUNED
        await deliveries.sweep(tx, since=now - 2 * PRUNE_EVERY)
        await spending.prune(tx, before=now - SPENDING_FOR)
        await sessions.prune(tx, before=now - SIGNED_OUT_FOR)
        await connections.forget_consents(tx, now=now)
        await chores.forget_dead_workers(tx, before=now - DEAD_FOR)
        await grants_care.erase_refused(tx, before=now - REFUSED_FOR)
        await copies.forget_turns(tx, before=now - TURNS_FOR)
        lines = await trail.prune(tx, before=now - engine.keep_audit if engine.keep_audit else None, most=MOST_PRUNED)
        has_more = has_more or lines == MOST_PRUNED
        await chores.again(tx, chore, at=now + (PRUNE_BREATH if has_more else PRUNE_EVERY))


async def _keep_alive(engine: Engine, chore: Chore) -> None:
    has_more = await keep_grants_alive(engine)
    async with engine.db.transaction() as tx:
        await chores.again(tx, chore, at=engine.clock.now() + (KEEPALIVE_BREATH if has_more else KEEPALIVE_EVERY))


async def _forecast(engine: Engine, chore: Chore) -> None:
    await forecast_all(engine)
    async with engine.db.transaction() as tx:
        await chores.again(tx, chore, at=engine.clock.now() + FORECAST_EVERY)


async def _watch(engine: Engine, chore: Chore) -> None:
    await watch_budgets(engine)
    async with engine.db.transaction() as tx:
        await chores.again(tx, chore, at=engine.clock.now() + WATCH_EVERY)


async def _retain(engine: Engine, chore: Chore) -> None:
    has_more = await retain(engine)
    async with engine.db.transaction() as tx:
        await chores.again(tx, chore, at=engine.clock.now() + (PRUNE_BREATH if has_more else RETAIN_EVERY))


async def _census(engine: Engine, chore: Chore) -> None:
    await take_census(engine)
    async with engine.db.transaction() as tx:
        await chores.again(tx, chore, at=engine.clock.now() + CENSUS_EVERY)
