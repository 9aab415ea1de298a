"""Connections to PostgreSQL: one pool, transactions opened by verbs, autocommit reads."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias, TypeVar, cast

import orjson
import psycopg
import structlog
from psycopg import AsyncConnection, AsyncCursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import IdleInTransactionSessionTimeout, ReadOnlySqlTransaction
from psycopg.rows import AsyncRowFactory, DictRow, TupleRow, args_row, class_row, dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.postgres.address import unreachable
from wearbase.store.postgres.cancelling import end_if_cancelled
from wearbase.store.postgres.quiet import tell_of_the_pool
from wearbase.store.postgres.schema import DEFAULT_SCHEMA, in_schema
from wearbase.store.postgres.silence import InUse, cut
from wearbase.store.postgres.stretches import StretchConnection

log = structlog.get_logger()
set_json_loads(orjson.loads)  # what was written by it is read by it: 1e20 comes back as it was, not as a number that nothing can write

Tx: TypeAlias = AsyncConnection[TupleRow]
Row = TypeVar("Row")
Params: TypeAlias = Sequence[Any] | dict[str, Any]


CONNECT_S = 1.0  # whoever has a turn and gets no connection within this knows that the database is away
AGAIN_S = 0.25  # how long it is waited for then
USABLE_S = 0.7
TURN_PATIENCE_S = 10.0
OPEN_PATIENCE_S = 10.0
SILENT_S = 8.0  # a statement may take longer, as long as the server answers others
SAYS_NOTHING_S = 4.5  # which it is asked for so long
# A process that was stopped in the middle of a transaction keeps no lock longer than this: less than a lease, so that whoever takes over
# finds none. An operator's own limit stays.
IDLE_PATIENCE_S = 20.0
# A peer that vanished without a word is missed after this long, not after a quarter of an hour. Of no use on a socket.
MISSED_BY = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}

_LIMIT_IDLING = """
select set_config('idle_in_transaction_session_timeout', %s, %s) where current_setting('idle_in_transaction_session_timeout') = '0'
"""
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # an escaped NUL, not an escaped backslash before "u0000"


@dataclass(frozen=True, slots=True)
class PoolUse:
    """How busy the pool is: connections in use, of how many, and for how long it was waited for one, all waits together."""

    in_use: int
    size: int
    waited_s: float


class Database:
    """A pool on one database. No session state is kept anywhere, so a transaction-mode pooler may stand between.

    Whoever wants a connection first takes a turn, of which there are as many as connections: waiting for one is a busy pool, which
    is borne. With a turn a connection is to be had at once, or the database is away, which is said at once, too.
    """

    def __init__(self, url: str, *, size: int = 8, schema: str = DEFAULT_SCHEMA, is_pooled: bool = False) -> None:
        self.url = url
        self.schema = schema
        self._is_pooled = is_pooled
        self._turns, self._size, self._waited_s = asyncio.Semaphore(size), size, 0.0
        self._is_away = False
        self._answered_at = float("-inf")
        self._probe: asyncio.Task[bool] | None = None
        self._in_use = InUse()
        self._doubt: asyncio.Task[None] | None = None
        self._pool = AsyncConnectionPool(
            url, connection_class=StretchConnection, min_size=min(2, size), max_size=size, open=False, timeout=CONNECT_S, max_idle=300,
            reconnect_timeout=CONNECT_S,
            configure=None if is_pooled else _limit_session,
            kwargs={
                **{name: number for name, number in MISSED_BY.items() if name not in conninfo_to_dict(url)},
                "autocommit": True,
                "prepare_threshold": None if is_pooled else 3,
                "cursor_factory": _cursor_in(schema),
                "application_name": "wearbase",
            },
        )  # fmt: skip

    async def open(self) -> None:
        """Opens the pool. Raises DatabaseUnavailable."""
        tell_of_the_pool()
        try:
            await self._pool.open(wait=True, timeout=OPEN_PATIENCE_S)
        except PoolTimeout as error:
            raise DatabaseUnavailable from error

    async def close(self) -> None:
        for task in (self._probe, self._doubt):
            if task is not None:
                task.cancel()
        await self._pool.close(timeout=2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction; committed at the end, rolled back by any error. Raises DatabaseUnavailable."""
        async with self.connection() as connection, connection.transaction():
            if self._is_pooled:
                await _limit_idling(connection, is_local=True)
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Tx]:
        """One autocommit connection for reads. Raises DatabaseUnavailable."""
        end_if_cancelled()
        if self._in_use.is_longer(SILENT_S):
            self._start_doubting()
        if self._is_away and not await self._answers(within_s=AGAIN_S):
            raise DatabaseUnavailable
        await self._take_turn()
        try:
            if self._is_away:  # since
                raise DatabaseUnavailable
            connection = await self._lent()
            try:
                async with connection:
                    self._in_use.begin(connection)
                    try:
                        yield connection
                    finally:
                        self._in_use.end(connection)
                self._answered_at = time.monotonic()
            finally:
                await self._pool.putconn(connection)
        except ReadOnlySqlTransaction as error:
            raise DatabaseUnavailable("The database is read-only: nothing can be changed or written down there.") from error
        except (PoolTimeout, psycopg.OperationalError, IdleInTransactionSessionTimeout) as error:
            end_if_cancelled(error)
            self._is_away = self._is_away or isinstance(error, PoolTimeout)
            raise DatabaseUnavailable from error
        finally:
            self._turns.release()

    async def is_usable(self) -> bool:
        """Whether a statement runs now."""
        return await self._answers(within_s=USABLE_S)

    @property
    def use(self) -> PoolUse:
        return PoolUse(len(self._in_use), self._size, self._waited_s)

    async def _lent(self) -> Any:
        """A connection of the pool. Raises PoolTimeout.

        On a machine that has too much to do a new one may take longer: as long as others are answered the database is not away, and it
        is tried once more.
        """
        began = time.monotonic()
        try:
            return await self._pool.getconn()
        except PoolTimeout:
            if self._answered_at < began:
                raise
        return await self._pool.getconn()

    async def _take_turn(self) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(TURN_PATIENCE_S):
                await self._turns.acquire()
        except TimeoutError as error:
            self._start_doubting()
            raise DatabaseUnavailable from error
        finally:
            self._waited_s += time.monotonic() - began

    def _start_doubting(self) -> None:
        if self._doubt is None or self._doubt.done():
            self._doubt = asyncio.create_task(self._end_silence())

    async def _end_silence(self) -> None:
        """Cuts the connections that have been in use for long if the server does not even take a new one."""
        began = time.monotonic()
        with suppress(psycopg.OperationalError):
            return await self._ask_anew()
        if time.monotonic() - began < SAYS_NOTHING_S:  # it refuses, or is gone: then its connections are, too
            return
        self._is_away = True
        if self._in_use.cut(after_s=SILENT_S):
            log.error("the database says nothing: what waited for it is broken off")

    async def _ask_anew(self) -> None:
        """Runs a statement on a connection of its own. Raises OperationalError, at the latest after twice SAYS_NOTHING_S."""
        limit = conninfo_to_dict(self.url).get("connect_timeout", MISSED_BY["connect_timeout"])
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True, connect_timeout=int(limit or 0)) as own:
            end = asyncio.get_running_loop().call_later(SAYS_NOTHING_S, cut, own)
            try:
                await own.execute("select 1")
            finally:
                end.cancel()

    async def _answers(self, *, within_s: float) -> bool:
        """Whether the database answers within that time. All who ask share one try, which may take longer than they wait for it."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._try())
        await asyncio.wait({self._probe}, timeout=within_s)
        answers = self._probe.done() and not self._probe.cancelled() and self._probe.result()
        self._is_away = not answers
        return answers

    async def _try(self) -> bool:
        try:
            if self._turns.locked():  # busy: that is not to be taken for its being away
                await self._ask_anew()
                return True
            async with self._turns, self._pool.connection() as connection:
                self._in_use.begin(connection)
                try:
                    await connection.execute("select 1")
                finally:
                    self._in_use.end(connection)
        except (PoolTimeout, psycopg.OperationalError):
            return False
        return True


def is_pooled(url: str) -> bool:
    """Whether a pooler stands between: it hands out process numbers of its own. Raises DatabaseUnavailable."""
    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            found = connection.execute("select pg_backend_pid()").fetchone()
            return found is not None and found[0] != connection.info.backend_pid
    except psycopg.OperationalError as error:
        raise unreachable(error, url) from error


async def rows(tx: Tx, sql: str, params: Params = ()) -> list[DictRow]:
    """Every row, by column name."""
    return await _all(tx, dict_row, sql, params)


async def row(tx: Tx, sql: str, params: Params = ()) -> DictRow | None:
    """The first row, or None."""
    return await _first(tx, dict_row, sql, params)


async def many(tx: Tx, kind: type[Row], sql: str, params: Params = ()) -> list[Row]:
    """Every row as an object; its fields are the columns."""
    return await _all(tx, class_row(kind), sql, params)


async def each(tx: Tx, make: Callable[..., Row], sql: str, params: Params = ()) -> list[Row]:
    """What is made of every row, given its columns in their order: for the busiest reads, where names cost as much as values."""
    return await _all(tx, args_row(make), sql, params)


async def one(tx: Tx, kind: type[Row], sql: str, params: Params = ()) -> Row | None:
    """The first row as an object, or None."""
    return await _first(tx, class_row(kind), sql, params)


async def value(tx: Tx, sql: str, params: Params = ()) -> Any:
    """The first column of the first row, or None."""
    cursor = await tx.execute(cast(LiteralString, sql), params)
    found = await cursor.fetchone()
    return None if found is None else found[0]


async def run(tx: Tx, sql: str, params: Params = ()) -> int:
    """Runs a statement; how many rows it touched."""
    cursor = await tx.execute(cast(LiteralString, sql), params)
    return cursor.rowcount


async def _all(tx: Tx, factory: AsyncRowFactory[Row], sql: str, params: Params) -> list[Row]:
    async with tx.cursor(row_factory=factory) as cursor:
        await cursor.execute(cast(LiteralString, sql), params)
        return await cursor.fetchall()


async def _first(tx: Tx, factory: AsyncRowFactory[Row], sql: str, params: Params) -> Row | None:
    async with tx.cursor(row_factory=factory) as cursor:
        await cursor.execute(cast(LiteralString, sql), params)
        return await cursor.fetchone()


def as_jsonb(content: Any) -> str:
    """JSON text that jsonb takes: it has no NUL character, so one is shown as the replacement character."""
    text = orjson.dumps(content).decode()
    return _NUL.sub("\\1\ufffd", text) if "\\u0000" in text else text  # to look for it this way took longer than to write the text


async def _limit_session(connection: AsyncConnection[Any]) -> None:
    await _limit_idling(connection, is_local=False)


async def _limit_idling(tx: Tx, *, is_local: bool) -> None:
    """Has the server end a transaction that does nothing for long. Behind a pooler the limit is the transaction's own."""
    await tx.execute(_LIMIT_IDLING, (f"{IDLE_PATIENCE_S * 1000:.0f}", is_local))


def _cursor_in(schema: str) -> type[AsyncCursor[Any]]:
    if schema == DEFAULT_SCHEMA:
        return AsyncCursor

    class SchemaCursor(AsyncCursor[Any]):
        async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            ours = in_schema(query, schema) if isinstance(query, str) else query
            return await super().execute(cast(LiteralString, ours), params, **options)

    return SchemaCursor
