"""A worker: claims what is due, does it, and sleeps until something else is."""

import asyncio
import uuid
from contextlib import suppress
from datetime import timedelta

import structlog

from wearbase.domain.errors import DatabaseUnavailable, LeaseLost, WearbaseError, place_of
from wearbase.store.connections import Connection
from wearbase.store.postgres.cancelling import cancel, end_if_cancelled
from wearbase.store.work import chores, due, progress
from wearbase.store.work.chores import Chore
from wearbase.sync.chores import do_chore, plan_chores
from wearbase.sync.engine import Engine
from wearbase.sync.visits.keep import hold
from wearbase.sync.visits.visit import visit

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
HEARTBEAT_S = 5.0
SHORTEST_SLEEP_S = 0.05
LONGEST_SLEEP_S = 1.0
STOP_PATIENCE_S = 5.0
LAST_REFRESH_S = 22.0  # a token refresh under way has this long to come back and be stored
BROKEN_VISIT_RETRY = timedelta(minutes=5)
LONGEST_CHORE_RETRY = timedelta(hours=1)


class Worker:
    """Several visits side by side in one process, each to another connection."""

    def __init__(self, engine: Engine, *, slots: int = 4) -> None:
        self.id = f"worker-{uuid.uuid4().hex[:12]}"
        self._engine, self._slots = engine, slots
        self._wake = asyncio.Event()
        self._held: set[due.Lease] = set()

    def wake(self) -> None:
        """A hint that something may be due."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until told to stop. Visits under way then have a few seconds; what is left is broken off and given back."""
        heart, patience = asyncio.create_task(self._beat()), asyncio.create_task(_out_of_patience(stop))
        slots = [asyncio.create_task(self._loop(stop)) for _ in range(self._slots)]
        working = asyncio.create_task(asyncio.wait(slots, return_when=asyncio.FIRST_EXCEPTION))
        try:
            await asyncio.wait({working, patience, heart}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in slots:
                task.cancel()
            _, left = await asyncio.wait(slots, timeout=LAST_REFRESH_S)
            if left:
                log.error("a visit does not end: it is left behind", slots=len(left))
            await cancel([heart, working, patience])
            await asyncio.wait({asyncio.create_task(self._retire())})  # by itself: this task may have been told to stop
        for task in (*slots, heart):
            if task.done() and not task.cancelled():
                task.result()  # a defect, if there was one

    async def drain(self) -> int:
        """Does everything that is due now, one after another; how many pieces that was."""
        count = 0
        while await self._one():
            count += 1
        return count

    async def _loop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            end_if_cancelled()
            try:
                if not await self._one():
                    await self._sleep(stop)
            except DatabaseUnavailable:
                log.warning("the database cannot be reached; trying again")
                await asyncio.sleep(LONGEST_SLEEP_S)

    async def _one(self) -> bool:
        """Does the most urgent piece of work; False if nothing is due."""
        now = self._engine.clock.now()
        async with self._engine.db.transaction() as tx:
            chore = await chores.claim(tx, holder=self.id, now=now, until=now + LEASE)
            connection = None if chore else await due.claim_visit(tx, holder=self.id, now=now, until=now + LEASE)
        held = chore or connection
        if held is None:
            return False
        lease = due.Lease.of(held)
        self._held.add(lease)
        try:
            await self._guarded(held)
        finally:
            self._held.discard(lease)  # what was left unfinished is not kept alive: the lease runs out
        return True

    async def _guarded(self, held: Connection | Chore) -> None:
        """Does a piece of work; a defect in it is written down, and put off so that nothing else is held up."""
        try:
            await (do_chore(self._engine, held) if isinstance(held, Chore) else visit(self._engine, held))
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 the worker's loop: one defect must not stop the others
            what = {"kind": held.kind} if isinstance(held, Chore) else {"connection": held.id, "provider": held.provider}
            name = error.code if isinstance(error, WearbaseError) else type(error).__name__
            log.error("chore failed" if isinstance(held, Chore) else "visit failed", **what, error=name, place=place_of(error))
            code = error.code if isinstance(error, WearbaseError) else "internal_error"
            if isinstance(held, Chore):
                return await self._put_chore_off(held, code)
            with suppress(LeaseLost):
                await self._put_off(held, code)

    async def _put_chore_off(self, chore: Chore, code: str) -> None:
        wait = min(LONGEST_CHORE_RETRY, BROKEN_VISIT_RETRY * 2 ** min(chore.attempts, 8))
        async with self._engine.db.transaction() as tx:
            await chores.again(tx, chore, at=self._engine.clock.now() + wait, error=code)

    async def _put_off(self, connection: Connection, code: str) -> None:
        """Notes a defect with every due resource, so that it is seen and does not spin."""
        now = self._engine.clock.now()
        async with self._engine.db.transaction() as tx:
            await hold(tx, connection)
            for state in await due.states(tx, connection.user_id, connection.provider):
                for in_backfill, due_at in ((False, state.due_at), (True, state.backfill_due_at)):
                    if due_at is not None and due_at <= now:
                        retry_at = now + BROKEN_VISIT_RETRY
                        await progress.fail(tx, connection, state.resource, error=code, retry_at=retry_at, in_backfill=in_backfill, now=now)
            await due.release(tx, connection)

    async def _sleep(self, stop: asyncio.Event) -> None:
        """Until a hint, the next due time or a second, whichever is first."""
        async with self._engine.db.connection() as tx:
            soonest = min((t for t in (await due.next_due(tx), await chores.next_due(tx)) if t is not None), default=None)
        wait_s = LONGEST_SLEEP_S
        if soonest is not None:
            wait_s = min(wait_s, max(SHORTEST_SLEEP_S, (soonest - self._engine.clock.now()).total_seconds()))
        waits = [asyncio.create_task(self._wake.wait()), asyncio.create_task(stop.wait())]
        await asyncio.wait(waits, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._wake.clear()

    async def _beat(self) -> None:
        """Shows that we live and keeps our leases; a worker that is stopped loses both."""
        while True:
            now = self._engine.clock.now()
            try:
                held = sorted(self._held)
                async with self._engine.db.transaction() as tx:
                    await chores.beat(tx, self.id, holds=[f"{lease.table}:{lease.id}" for lease in held], now=now)
                    await due.renew(tx, held, holder=self.id, until=now + LEASE)
                await plan_chores(self._engine)
            except DatabaseUnavailable:
                log.warning("no heartbeat: the database cannot be reached")
            await asyncio.sleep(HEARTBEAT_S)

    async def _retire(self) -> None:
        try:
            async with self._engine.db.transaction() as tx:
                await due.release_dead(tx, holder=self.id)
                await chores.retire(tx, self.id)
        except DatabaseUnavailable:
            log.warning("could not sign off: the database cannot be reached")


async def _out_of_patience(stop: asyncio.Event) -> None:
    await stop.wait()
    await asyncio.sleep(STOP_PATIENCE_S)
