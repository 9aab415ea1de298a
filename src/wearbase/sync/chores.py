"""Chores: work that waits with a due time and is not a visit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from wearbase.domain.errors import RateLimited, RetryLater, WearbaseError
from wearbase.store import connections, deliveries
from wearbase.store.audit import trail
from wearbase.store.deliveries import Pruning
from wearbase.store.member import consents, marks, sessions
from wearbase.store.sealing import SealBroken
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

PRUNE_EVERY = timedelta(hours=1)
MOST_PRUNED = 20_000  # at once, so that no transaction is long
UNKNOWN_FOR = timedelta(days=1)  # how long notices of unknown members are kept
KEEPALIVE_EVERY = timedelta(minutes=1)
KEEPALIVE_BREATH = timedelta(seconds=5)
DEAD_FOR = timedelta(hours=1)
SIGNED_OUT_FOR = timedelta(days=7)  # how long sessions and links that are over are kept, to say so
SPENDING_FOR = timedelta(weeks=9)  # eight of the same weekday, for what is usual
REFUSED_FOR = timedelta(hours=24)  # how long tokens are kept that the provider refused
TURNS_FOR = timedelta(days=1)  # how long is known what another wearbase answered last about some days
LONGEST_RETRY = timedelta(minutes=30)
LEFT_FOR = timedelta(seconds=30)


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
        elif standing := STANDING.get(chore.kind):
            return await _do_standing(engine, chore, standing)
        else:
            return await _leave(engine, chore)
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
    except (RetryLater, SealBroken):
        raise
    except WearbaseError as error:
        log.warning("consent not completed", error=error.code)


async def plan_chores(engine: Engine) -> None:
    """Makes sure that what is done at intervals is in the queue."""
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        for kind, standing in STANDING.items():
            await chores.add(tx, NewChore(id=standing.id, kind=kind, due_at=now, priority=Priority.TIMETABLE), now=now)


async def _leave(engine: Engine, chore: Chore) -> None:
    """A kind that a newer process beside this one has made is for it to do."""
    log.warning("chore left to a newer process", kind=chore.kind)
    async with engine.db.transaction() as tx:
        await chores.again(tx, chore, at=engine.clock.now() + LEFT_FOR)


async def _do_standing(engine: Engine, chore: Chore, standing: "Standing") -> None:
    has_more = await standing.do(engine)
    async with engine.db.transaction() as tx:
        await chores.again(tx, chore, at=engine.clock.now() + (standing.breath if has_more else standing.every))


async def _prune(engine: Engine) -> bool:
    now = engine.clock.now()
    pruning = Pruning(
        unknown_before=now - min(UNKNOWN_FOR, engine.keep_deliveries), before=now - engine.keep_deliveries,
        payloads_before=now - min(engine.keep_payloads, engine.keep_deliveries),
        payload_providers=[app.name for app in engine.apps.values() if app.provider.delivers == "payload"],
    )  # fmt: skip
    async with engine.db.transaction() as tx:
        has_more = await deliveries.prune(tx, pruning, most=MOST_PRUNED) == MOST_PRUNED
        await deliveries.sweep(tx, since=now - 2 * PRUNE_EVERY)
        await consents.sweep(tx, list(engine.apps))
        await spending.prune(tx, before=now - SPENDING_FOR)
        await sessions.prune(tx, before=now - SIGNED_OUT_FOR)
        await marks.prune(tx, before=now - marks.KEPT_FOR)
        await connections.forget_consents(tx, now=now)
        await chores.forget_dead_workers(tx, before=now - DEAD_FOR)
        await grants_care.erase_refused(tx, before=now - REFUSED_FOR)
        await copies.forget_turns(tx, before=now - TURNS_FOR)
        lines = await trail.prune(tx, before=now - engine.keep_audit if engine.keep_audit else None, most=MOST_PRUNED)
    return has_more or lines == MOST_PRUNED


@dataclass(frozen=True, slots=True)
class Standing:
    """Work done at intervals, one of each for the whole installation; what it does says whether there is more to do now."""

    id: UUID
    do: Callable[[Engine], Awaitable[bool | None]]
    every: timedelta
    breath: timedelta = timedelta(seconds=1)  # between two runs while there is more: visits have their turn


STANDING = {
    PRUNE: Standing(UUID(int=1), _prune, PRUNE_EVERY),
    "keepalive": Standing(UUID(int=2), keep_grants_alive, KEEPALIVE_EVERY, KEEPALIVE_BREATH),
    "forecast": Standing(UUID(int=3), forecast_all, FORECAST_EVERY),
    "watch": Standing(UUID(int=4), watch_budgets, WATCH_EVERY),
    "census": Standing(UUID(int=10), take_census, CENSUS_EVERY),
    "retain": Standing(UUID(int=11), retain, RETAIN_EVERY),
}
