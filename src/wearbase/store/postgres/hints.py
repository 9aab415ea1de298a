"""Hints between processes: something may be due. Never relied on; a poll covers a lost one."""

import asyncio
from collections.abc import Callable

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.postgres.cancelling import end_if_cancelled
from wearbase.store.postgres.database import Database

FIRST_RECONNECT_S, LONGEST_RECONNECT_S = 0.1, 5.0
LISTENER = "wearbase listen"  # how the session is called in pg_stat_activity
# A listener only waits: without these a peer that vanished would not be missed for hours.
KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "connect_timeout": 10}


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
        """Calls `on_hint` for every hint, for ever, on a session of its own (not through a transaction pooler).

        A session that is lost is replaced; `on_hint` is called then too, for what may have been missed.
        """
        address = make_conninfo(url, application_name=LISTENER, **KEEPALIVES)
        wait_s = FIRST_RECONNECT_S
        while True:
            end_if_cancelled()
            try:
                session = await psycopg.AsyncConnection.connect(address, autocommit=True)
                async with session:
                    await session.execute(sql.SQL("listen {}").format(sql.Identifier(self._channel)))
                    wait_s = FIRST_RECONNECT_S
                    on_hint()
                    async for _ in session.notifies():
                        end_if_cancelled()
                        on_hint()
            except psycopg.Error as error:
                end_if_cancelled(error)
                await asyncio.sleep(wait_s)
                wait_s = min(LONGEST_RECONNECT_S, wait_s * 4)

    async def _send(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            try:
                async with self._db.connection() as connection:
                    await connection.execute("select pg_notify(%s, '')", (self._channel,))
            except DatabaseUnavailable:
                return
