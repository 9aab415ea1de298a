"""Hints between processes: something may be due, something may have changed. Never relied on; a poll covers a lost one."""

import asyncio
from collections.abc import Callable
from typing import Literal

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.postgres.cancelling import end_if_cancelled
from wearbase.store.postgres.database import Database

FIRST_RECONNECT_S, LONGEST_RECONNECT_S = 0.1, 5.0
LISTENER, LIVE_LISTENER = "wearbase listen", "wearbase live"  # how the sessions are called in pg_stat_activity
# A listener only waits: without these a peer that vanished would not be missed for hours.
KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "connect_timeout": 10}

Topic = Literal["due", "changed"]


class Hints:
    """Sends NOTIFY after commits, of each topic at most one at a time: those that come meanwhile share the next."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sending: dict[Topic, asyncio.Task[None]] = {}
        self._again: set[Topic] = set()

    async def send(self) -> None:
        """Starts a hint that something may be due, and returns at once."""
        self._start("due")

    async def tell(self) -> None:
        """Starts a hint that what a member sees may have changed, and returns at once."""
        self._start("changed")

    async def listen(self, url: str, on_hint: Callable[[], None], *, topic: Topic = "due") -> None:
        """Calls `on_hint` for every hint, for ever, on a session of its own (not through a transaction pooler).

        A session that is lost is replaced; `on_hint` is called then too, for what may have been missed.
        """
        address = make_conninfo(url, application_name=LISTENER if topic == "due" else LIVE_LISTENER, **KEEPALIVES)
        wait_s = FIRST_RECONNECT_S
        while True:
            end_if_cancelled()
            try:
                session = await psycopg.AsyncConnection.connect(address, autocommit=True)
                async with session:
                    await session.execute(sql.SQL("listen {}").format(sql.Identifier(self._channel(topic))))
                    wait_s = FIRST_RECONNECT_S
                    on_hint()
                    async for _ in session.notifies():
                        end_if_cancelled()
                        on_hint()
            except psycopg.Error as error:
                end_if_cancelled(error)
                await asyncio.sleep(wait_s)
                wait_s = min(LONGEST_RECONNECT_S, wait_s * 4)

    def _channel(self, topic: Topic) -> str:
        return f"{self._db.schema}_{topic}"

    def _start(self, topic: Topic) -> None:
        sending = self._sending.get(topic)
        if sending is None or sending.done():
            self._sending[topic] = asyncio.create_task(self._send(topic))
        else:
            self._again.add(topic)

    async def _send(self, topic: Topic) -> None:
        self._again.add(topic)
        while topic in self._again:
            self._again.discard(topic)
            try:
                async with self._db.connection() as connection:
                    await connection.execute("select pg_notify(%s, '')", (self._channel(topic),))
            except DatabaseUnavailable:
                return
