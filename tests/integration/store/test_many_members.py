"""What the finding of work costs with many members: never a table read whole, and nobody hidden behind those under visit."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wearbase.store import connections
from wearbase.store.postgres.database import Database, rows, value
from wearbase.store.work import chores, due
from wearbase.store.work.chores import NewChore
from wearbase.store.work.due import Lease, Mark, Priority

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
UNTIL = NOW + timedelta(seconds=30)
MEMBERS = 3_000
GROWING = ["connection", "sync_state", "chore"]
CONNECTIONS = """
insert into wearbase.connection (user_id, provider, state, external_user_id, looked_at, connected_at, created_at, updated_at)
select 'member-' || n, 'whoop', 'connected', n::text, %(now)s, %(now)s, %(now)s, %(now)s from generate_series(1, %(count)s) n
"""
STATES = """
insert into wearbase.sync_state (user_id, provider, resource, due_at, reason, priority)
select 'member-' || n, 'whoop', r, %(due)s::timestamptz + n * interval '1 second', 'timetable', 2
  from generate_series(1, %(count)s) n cross join unnest('{recovery,sleep,workout,cycle}'::text[]) r
"""


@pytest.fixture
async def crowd(database_url: str) -> AsyncIterator[Database]:
    """Many members, due one after the other since half an hour ago, on a single database session."""
    db = Database(database_url, size=1)
    await db.open()
    async with db.connection() as tx:
        await tx.execute(CONNECTIONS, {"now": NOW, "count": MEMBERS})
        await tx.execute(STATES, {"due": NOW - timedelta(minutes=30), "count": MEMBERS})
        await tx.execute("vacuum analyze")
    yield db
    await db.close()


async def claimed(db: Database) -> str | None:
    async with db.transaction() as tx:
        found = await due.claim_visit(tx, holder="w", now=NOW, until=UNTIL)
    return found.user_id if found else None


async def read_whole(db: Database) -> dict[str, Any]:
    """Rows that sequential scans have read so far, by table."""
    async with db.connection() as tx:
        await value(tx, "select pg_stat_force_next_flush()")
    async with db.connection() as tx:
        found = await rows(tx, "select relname, seq_tup_read from pg_stat_user_tables where relname = any(%s)", (GROWING,))
    return {f["relname"]: f["seq_tup_read"] for f in found}


async def test_members_under_visit_do_not_hide_what_else_is_due(crowd: Database) -> None:
    async with crowd.connection() as tx:
        visited = "update wearbase.connection set lease_holder = 'others', lease_until = %s where id <= 500"
        await tx.execute(visited, (UNTIL,))
    assert await claimed(crowd) == "member-501"


async def test_a_person_is_found_behind_thousands_of_overdue_members(crowd: Database) -> None:
    async with crowd.transaction() as tx:
        await due.mark(tx, "member-2999", "whoop", ["sleep"], Mark(reason="person", priority=Priority.PERSON, due_at=NOW))
    assert await claimed(crowd) == "member-2999"


async def test_finding_keeping_and_ending_work_reads_no_table_whole(crowd: Database) -> None:
    before = await read_whole(crowd)
    for n in range(8):  # the plan is fixed after some turns, for values that it does not know
        async with crowd.transaction() as tx:
            chore = NewChore(id=uuid.uuid4(), kind="revoke", due_at=NOW, priority=Priority.PERSON)
            await chores.add(tx, chore, now=NOW)
            held = await chores.claim(tx, holder="w", now=NOW, until=UNTIL)
            connection = await due.claim_visit(tx, holder="w", now=NOW, until=UNTIL)
            assert held is not None
            assert connection is not None
            await due.next_due(tx)
            await due.mark(tx, f"member-{n + 1}", "whoop", ["sleep"], Mark(reason="person", priority=Priority.PERSON, due_at=NOW))
            await due.renew(tx, [Lease.of(connection), Lease.of(held)], holder="w", until=UNTIL + timedelta(seconds=30))
            await connections.look_all(tx, [(connection.user_id, "whoop")], now=NOW + timedelta(hours=2))
            await due.release(tx, connection)
            await chores.done(tx, held)
    scanned = {table: count - before[table] for table, count in (await read_whole(crowd)).items()}
    assert {table: count for table, count in scanned.items() if count > 100} == {}
