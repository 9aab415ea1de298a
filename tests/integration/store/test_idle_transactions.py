"""A process that was stopped in the middle of a transaction holds nobody up for long: the server ends it, with its locks."""

import asyncio
from datetime import timedelta

import pytest
from psycopg.conninfo import make_conninfo

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.connections import lock_member
from wearbase.store.postgres.database import IDLE_PATIENCE_S, Database, run, value
from wearbase.sync.worker import LEASE

LIMIT = "show idle_in_transaction_session_timeout"
GUARD_S = 60  # without a limit the lock would never be free


def test_locks_are_free_before_a_lease_has_run_out() -> None:
    assert timedelta(seconds=IDLE_PATIENCE_S) < LEASE


async def test_every_transaction_has_a_limit_and_none_is_left_in_the_session_of_a_pooler(any_db: Database, is_pooled: bool) -> None:
    async with any_db.transaction() as tx:
        assert await value(tx, LIMIT) == f"{IDLE_PATIENCE_S:.0f}s"
    async with any_db.connection() as tx:
        assert (await value(tx, LIMIT) == "0") is is_pooled


async def test_an_operators_own_limit_stays(database_url: str) -> None:
    db = Database(make_conninfo(database_url, options="-c idle_in_transaction_session_timeout=7s"))
    await db.open()
    async with db.transaction() as tx:
        assert await value(tx, LIMIT) == "7s"
    await db.close()


async def test_who_does_nothing_in_a_transaction_loses_it_and_its_locks(any_db: Database) -> None:
    async def stopped() -> None:
        async with any_db.transaction() as tx:
            await lock_member(tx, "ann")
            await run(tx, "insert into wearbase.budget (provider, app) values ('whoop', 'app')")
            await run(tx, "set local idle_in_transaction_session_timeout = '100ms'")
            holds.set()
            await has_lock.wait()
            await run(tx, "update wearbase.budget set warned_percent = 1")

    holds, has_lock = asyncio.Event(), asyncio.Event()
    stopping = asyncio.create_task(stopped())
    await holds.wait()
    async with asyncio.timeout(GUARD_S), any_db.transaction() as tx:
        await lock_member(tx, "ann")
        has_lock.set()
    with pytest.raises(DatabaseUnavailable):
        await stopping
    assert await any_db.is_usable()
    async with any_db.connection() as tx:
        assert await value(tx, "select count(*) from wearbase.budget") == 0
