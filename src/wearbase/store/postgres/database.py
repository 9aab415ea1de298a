"""Connections to PostgreSQL: one pool, transactions opened by verbs, autocommit reads."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, TypeAlias, TypeVar, cast

import orjson
import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import AsyncRowFactory, DictRow, TupleRow, class_row, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from wearbase.domain.errors import DatabaseUnavailable, SettingsError
from wearbase.store.postgres.schema import DEFAULT_SCHEMA, in_schema

Tx: TypeAlias = AsyncConnection[TupleRow]
Row = TypeVar("Row")
Params: TypeAlias = Sequence[Any] | dict[str, Any]


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # an escaped NUL, not an escaped backslash before "u0000"


class Database:
    """A pool on one database. No session state is kept anywhere, so a transaction-mode pooler may stand between."""

    def __init__(self, url: str, *, size: int = 8, schema: str = DEFAULT_SCHEMA, is_pooled: bool = False) -> None:
        self.url = url
        self.schema = schema
        self._pool = AsyncConnectionPool(
            url, min_size=min(2, size), max_size=size, open=False, timeout=10, max_idle=300,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None if is_pooled else 3,
                "cursor_factory": _cursor_in(schema),
                "application_name": "wearbase",
            },
        )  # fmt: skip

    async def open(self) -> None:
        """Opens the pool. Raises DatabaseUnavailable."""
        try:
            await self._pool.open(wait=True, timeout=10)
        except PoolTimeout as error:
            raise DatabaseUnavailable from error

    async def close(self) -> None:
        await self._pool.close(timeout=2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One transaction; committed at the end, rolled back by any error. Raises DatabaseUnavailable."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Tx]:
        """One autocommit connection for reads. Raises DatabaseUnavailable."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as error:
            end_if_cancelled(error)
            raise DatabaseUnavailable from error

    async def is_usable(self) -> bool:
        """Whether a statement runs now."""
        try:
            async with asyncio.timeout(2), self.connection() as connection:
                await connection.execute("select 1")
        except (DatabaseUnavailable, TimeoutError):
            return False
        return True


def end_if_cancelled(error: Exception) -> None:
    """Raises CancelledError in a task that was told to stop: the driver may tell of the statement that it broke off instead."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


def checked_url(url: str, *, setting: str) -> str:
    """The address, if libpq can read it. Raises SettingsError."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        example = "postgresql://user:password@host/database"
        raise SettingsError(f"{setting} is not a PostgreSQL address: give {example}, or key=value pairs as libpq takes them.") from None
    return url


def is_pooled(url: str) -> bool:
    """Whether a pooler stands between: it hands out process numbers of its own. Raises DatabaseUnavailable."""
    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            found = connection.execute("select pg_backend_pid()").fetchone()
            return found is not None and found[0] != connection.info.backend_pid
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"The database cannot be reached: {str(error).strip().splitlines()[0]}") from error


async def rows(tx: Tx, sql: str, params: Params = ()) -> list[DictRow]:
    """Every row, by column name."""
    return await _all(tx, dict_row, sql, params)


async def row(tx: Tx, sql: str, params: Params = ()) -> DictRow | None:
    """The first row, or None."""
    return await _first(tx, dict_row, sql, params)


async def many(tx: Tx, kind: type[Row], sql: str, params: Params = ()) -> list[Row]:
    """Every row as an object; its fields are the columns."""
    return await _all(tx, class_row(kind), sql, params)


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
    return _NUL.sub("\\1\ufffd", orjson.dumps(content).decode())


def _cursor_in(schema: str) -> type[AsyncCursor[Any]]:
    if schema == DEFAULT_SCHEMA:
        return AsyncCursor

    class SchemaCursor(AsyncCursor[Any]):
        async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            ours = in_schema(query, schema) if isinstance(query, str) else query
            return await super().execute(cast(LiteralString, ours), params, **options)

    return SchemaCursor
