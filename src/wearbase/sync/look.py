"""Somebody looked: remembered to the hour, written behind the answer, many members at once."""

import asyncio
from datetime import timedelta

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store import connections
from wearbase.sync.engine import Engine

EVERY = timedelta(hours=1)
GATHER_S = 1.0
MOST_REMEMBERED = 200_000


class Looks:
    """Which members' data was looked at. A read costs a look-up in memory; each hour's first costs a share of a statement."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: set[tuple[str, str]] = set()
        self._until = engine.clock.now()
        self._waiting: set[tuple[str, str]] = set()
        self._writing: asyncio.Task[None] | None = None

    def note(self, user_id: str, provider: str) -> None:
        """Takes note of a look, and returns at once."""
        key = (user_id, provider)
        now = self._engine.clock.now()
        if now >= self._until or len(self._known) > MOST_REMEMBERED:
            self._known, self._until = set(), now + EVERY
        if key in self._known:
            return
        self._known.add(key)
        self._waiting.add(key)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_S)
            looked, self._waiting = sorted(self._waiting), set()
            try:
                async with self._engine.db.transaction() as tx:
                    await connections.look_all(tx, looked, now=self._engine.clock.now())
            except DatabaseUnavailable:
                self._known -= set(looked)  # the next look tries again
