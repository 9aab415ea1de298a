"""Hints between processes: something may be due. Never relied on; a poll covers a lost one."""

import asyncio
from collections.abc import Callable

import psycopg
from psycopg import sql

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.postgres.database import Database

RECONNECT_S = 5.0


class Hints:
    """Sends NOTIFY after commits, at most one at a time: those that come meanwhile share the next."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._channel = f"{db.schema}_due"
        self._sending: asyncio.Task[None] | None = None
        self._again = False

    async def send(self) -> None:
        """Starts a hint and returns at once."""
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        else:
            self._again = True

    async def listen(self, url: str, on_hint: Callable[[], None]) -> None:
        """Calls `on_hint` for every hint, for ever, on a session of its own (not through a transaction pooler)."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                    await connection.execute(sql.SQL("listen {}").format(sql.Identifier(self._channel)))
                    async for _ in connection.notifies():
                        on_hint()
            except psycopg.OperationalError:
                await asyncio.sleep(RECONNECT_S)

    async def _send(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            try:
                async with self._db.connection() as connection:
                    await connection.execute("select pg_notify(%s, '')", (self._channel,))
            except DatabaseUnavailable:
                return
