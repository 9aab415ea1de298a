"""Who has read whose data: counted in memory, written some together, so that a read costs a look-up and no query."""

import asyncio
from datetime import timedelta

import structlog

from wearbase.access.caller import Caller
from wearbase.domain.clock import Clock
from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.audit import trail
from wearbase.store.audit.trail import Read
from wearbase.store.postgres.database import Database

log = structlog.get_logger()

GATHER_S = 1.0  # what a crash loses: this and the time of writing, two seconds at most
AGAIN_S = 1.0
MOST_KEPT = 100_000  # while the database is away; reads are refused then, so there is hardly anything
MINUTE = timedelta(minutes=1)

_Key = tuple[str, str | None, str]  # credential's id, user, route


class Readers:
    """Counts reads by credential, member, route and minute."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self.lost = 0  # lines that are not in the trail and never will be
        self._counts: dict[_Key, int] = {}
        self._callers: dict[str, str] = {}  # how the credentials of these counts are named
        self._minute, self._minute_ends = clock.now(), clock.now()
        self._over: list[Read] = []  # of minutes that are over, and what could not be written
        self._writing: asyncio.Task[None] | None = None
        self._putting = asyncio.Lock()

    def note(self, caller: Caller, user_id: str | None, route: str) -> None:
        """Takes note of a read, and returns at once."""
        if self._clock.now() >= self._minute_ends:
            self._turn()
        key = (caller.key_id, user_id, route)
        counts = self._counts
        if key in counts:
            counts[key] += 1
            return
        counts[key] = 1
        self._callers[caller.key_id] = caller.credential
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Writes what is left: nobody reads any more."""
        async with self._putting:  # what is being written is not broken off, and so not written twice
            if self._writing is not None:
                self._writing.cancel()
        self._set_aside()
        if self._over:
            await self._put()

    def _turn(self) -> None:
        """Another minute begins."""
        self._set_aside()
        self._minute = self._clock.now().replace(second=0, microsecond=0)
        self._minute_ends = self._minute + MINUTE

    def _set_aside(self) -> None:
        counts, callers, self._counts, self._callers = self._counts, self._callers, {}, {}
        self._over += [Read(self._minute, callers[by], user_id, route, count) for (by, user_id, route), count in counts.items()]

    async def _write(self) -> None:
        while self._counts or self._over:
            await asyncio.sleep(GATHER_S)
            self._set_aside()
            if not await self._put():
                await asyncio.sleep(AGAIN_S)

    async def _put(self) -> bool:
        """Whether they are written; what is not is kept for the next time."""
        async with self._putting:
            reads, self._over = self._over, []
            try:
                async with self._db.transaction() as tx:
                    await trail.write_reads(tx, reads)
            except DatabaseUnavailable:
                kept = [*reads, *self._over]
                self._over = kept[:MOST_KEPT]
                self.lost += len(kept[MOST_KEPT:])
                if kept[MOST_KEPT:]:
                    log.error("reads not written to the audit trail", lines=len(kept) - MOST_KEPT)
                return False
        return True
