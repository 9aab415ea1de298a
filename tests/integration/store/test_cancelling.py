"""A task that is told to stop ends, whatever the driver makes of it."""

import asyncio
from contextlib import suppress

import psycopg
import pytest

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.postgres.cancelling import cancel
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


async def hard_of_hearing(began: asyncio.Event, *, loses: int) -> None:
    """Works on although it was told to stop, as often as that."""
    while True:
        try:
            began.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            loses -= 1
            if loses < 0:
                raise


async def test_a_task_that_loses_a_cancellation_is_told_again() -> None:
    began = asyncio.Event()
    task = asyncio.create_task(hard_of_hearing(began, loses=1))
    await began.wait()
    assert await cancel([task]) == 0
    assert task.cancelled()


async def test_waiting_for_a_task_that_never_stops_has_an_end() -> None:
    began = asyncio.Event()
    task = asyncio.create_task(hard_of_hearing(began, loses=3))
    await began.wait()
    assert await cancel([task], patience_s=0.3) == 1
    assert await cancel([task]) == 0


async def test_a_lost_cancellation_ends_the_task_at_its_next_statement(db: Database) -> None:
    began = asyncio.Event()

    async def loses_one() -> None:
        with suppress(asyncio.CancelledError):
            began.set()
            await asyncio.sleep(60)
        async with db.connection():
            raise AssertionError("it went on")

    task = asyncio.create_task(loses_one())
    await began.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
