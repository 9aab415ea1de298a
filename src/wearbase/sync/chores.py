"""Chores: work that waits with a due time and is not a visit."""

from datetime import timedelta
from uuid import UUID

from wearbase.domain.errors import RateLimited, RetryLater
from wearbase.store import deliveries
from wearbase.store.work import chores
from wearbase.store.work.chores import Chore, NewChore
from wearbase.store.work.due import Priority
from wearbase.sync.disconnect import REVOKE, revoke
from wearbase.sync.engine import Engine

PRUNE = "prune"
PRUNE_ID = UUID(int=1)  # one for the whole installation
PRUNE_EVERY = timedelta(hours=1)
LONGEST_RETRY = timedelta(minutes=30)


async def do_chore(engine: Engine, chore: Chore) -> None:
    """Does one chore; it leaves the queue when done, or comes back later."""
    now = engine.clock.now()
    try:
        if chore.kind == REVOKE:
            await revoke(engine, chore)
        elif chore.kind == PRUNE:
            return await _prune(engine, chore)
    except RetryLater as error:
        wait = min(LONGEST_RETRY, timedelta(seconds=5) * 3 ** min(chore.attempts, 8))
        at = error.retry_at if isinstance(error, RateLimited) and error.retry_at else now + wait
        async with engine.db.transaction() as tx:
            return await chores.again(tx, chore, at=at, error=error.code)
    async with engine.db.transaction() as tx:
        await chores.done(tx, chore)


async def plan_pruning(engine: Engine) -> None:
    """Makes sure that the inbox is pruned every hour."""
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await chores.add(tx, NewChore(id=PRUNE_ID, kind=PRUNE, due_at=now, priority=Priority.TIMETABLE), now=now)


async def _prune(engine: Engine, chore: Chore) -> None:
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await deliveries.prune(tx, now=now)
        await chores.again(tx, chore, at=now + PRUNE_EVERY)
