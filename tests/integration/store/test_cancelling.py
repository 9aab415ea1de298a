"""A task that is told to stop ends, whatever the driver makes of it."""

import asyncio

import psycopg
import pytest

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.postgres.database import Database


async def waiting(db: Database, began: asyncio.Event) -> None:
    async with db.connection():
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise psycopg.OperationalError("the connection is closed") from None


async def test_a_connection_that_breaks_while_its_task_is_cancelled_does_not_hide_it(db: Database) -> None:
    began = asyncio.Event()
    task = asyncio.create_task(waiting(db, began))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_a_statement_cut_off_for_any_other_reason_is_a_database_away(db: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with db.connection() as tx:
            await tx.execute("select pg_terminate_backend(pg_backend_pid())")


async def test_a_statement_that_takes_too_long_is_a_timeout(db: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), db.connection() as tx:
            await tx.execute("select pg_sleep(30)")
