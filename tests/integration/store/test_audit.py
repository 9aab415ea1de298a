"""The audit trail's table: it is added to and never changed, goes by age alone, and names members by a pseudonym."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from wearbase.access.caller import Caller
from wearbase.access.readers import GATHER_S, MOST_KEPT, Readers
from wearbase.domain.clock import SteppedClock
from wearbase.store.audit import carrying, trail
from wearbase.store.audit.acting import acting
from wearbase.store.audit.trail import Entry, Read, Wanted
from wearbase.store.postgres.database import Database, rows, run

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
KEY = Caller(kind="service", key_id="2f", scopes=frozenset({"read"}), prefix="abcd1234")
MEMBER = Caller(kind="member", key_id="session:0badcafe", scopes=frozenset({"read"}), user_id="ann")
ROUTE = "/api/v1/{provider}/daily-data/{user_id}"


async def lines(db: Database) -> list[dict[str, Any]]:
    async with db.connection() as tx:
        return await rows(tx, "select * from wearbase.audit order by id")


async def known(db: Database, *users: str) -> None:
    """Users with a connection."""
    async with db.transaction() as tx:
        for user_id in users:
            await run(
                tx,
                """insert into wearbase.connection (user_id, provider, state, connected_at, created_at, updated_at)
                   values (%s, 'whoop', 'disconnected', %s, %s, %s)""",
                (user_id, NOON, NOON, NOON),
            )


async def written(db: Database, *ages_days: int) -> None:
    async with db.transaction() as tx:
        for age in ages_days:
            await trail.write(tx, "retried", now=NOON - timedelta(days=age))


@pytest.mark.parametrize(
    "sql",
    [
        "update wearbase.audit set credential = 'somebody'", "update wearbase.audit set at = at - interval '1 day'",
        "update wearbase.audit set details = '{}', member = null", "update wearbase.audit set count = count + 1 where action = 'retried'",
        "update wearbase.audit set count = count - 1 where action = 'read'",
        "update wearbase.audit set count = count where action = 'read'",
        "update wearbase.audit set count = count + 1, route = 'x' where action = 'read'",
        "update wearbase.audit set number = 1", "update wearbase.audit set number = 1, count = count + 1 where action = 'read'",
        "delete from wearbase.audit", "delete from wearbase.audit where action = 'read'", "truncate wearbase.audit",
    ],
)  # fmt: skip
async def test_a_line_of_the_trail_is_neither_changed_nor_taken_away(any_db: Database, sql: str) -> None:
    await written(any_db, 3)
    async with any_db.transaction() as tx:
        await trail.write_reads(tx, [Read(NOON, "key:a", None, ROUTE, 4)])
    before = await lines(any_db)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only added to"):
        async with any_db.transaction() as tx:
            await run(tx, sql)
    assert await lines(any_db) == before
    assert len(before) == 2


async def test_the_trail_goes_by_age_alone_and_some_at_a_time(db: Database) -> None:
    await written(db, 500, 450, 401, 400, 399, 0)
    before = NOON - timedelta(days=400)
    for most, left in ((2, 4), (2, 3), (2, 3)):
        async with db.transaction() as tx:
            await trail.prune(tx, before=before, most=most)
        assert len(await lines(db)) == left
    assert min(line["at"] for line in await lines(db)) == before

    async def go_on() -> None:
        async with db.transaction() as tx:
            await trail.prune(tx, before=before, most=2)
            await run(tx, "delete from wearbase.audit")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):  # pruning opens no door behind it
        await go_on()
    async with db.transaction() as tx:
        assert await trail.prune(tx, before=None, most=2) == 0
    assert len(await lines(db)) == 3


async def test_reads_of_a_minute_are_one_line_for_each_credential_member_and_route(any_db: Database) -> None:
    await known(any_db, "ann", "bob")
    clock = SteppedClock(NOON + timedelta(seconds=10))
    processes = Readers(any_db, clock), Readers(any_db, clock)
    for readers in processes:
        for _ in range(3):
            readers.note(KEY, "ann", ROUTE)
        readers.note(KEY, "bob", ROUTE)
        readers.note(MEMBER, "ann", ROUTE)
        readers.note(KEY, "ann", "/another")
        readers.note(KEY, None, "/api/v1/ops/summary")
        readers.note(KEY, "nobody", ROUTE)
        await readers.close()
    clock.advance(timedelta(minutes=1))
    processes[0].note(KEY, "ann", ROUTE)
    await processes[0].close()
    async with any_db.connection() as tx:
        ann, bob = await trail.pseudonym(tx, "ann"), await trail.pseudonym(tx, "bob")
        assert await trail.pseudonym(tx, "nobody") is None
    assert ann != bob
    found = {(line["at"], line["credential"], line["member"], line["route"]): line["count"] for line in await lines(any_db)}
    assert found == {
        (NOON, "key:abcd1234", ann, ROUTE): 6, (NOON, "key:abcd1234", bob, ROUTE): 2, (NOON, "session", ann, ROUTE): 2,
        (NOON, "key:abcd1234", ann, "/another"): 2, (NOON, "key:abcd1234", None, "/api/v1/ops/summary"): 2,
        (NOON, "key:abcd1234", None, ROUTE): 2, (NOON + timedelta(minutes=1), "key:abcd1234", ann, ROUTE): 1,
    }  # fmt: skip


async def test_reads_are_written_by_themselves_within_two_seconds(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GATHER_S <= 1
    monkeypatch.setattr("wearbase.access.readers.GATHER_S", 0.01)
    readers = Readers(db, SteppedClock(NOON))
    readers.note(KEY, "ann", ROUTE)
    assert readers._writing is not None
    await asyncio.wait_for(readers._writing, 10)
    assert [line["count"] for line in await lines(db)] == [1]


async def test_what_cannot_be_written_is_kept_and_written_later(database_url: str) -> None:
    db = Database(database_url)
    readers = Readers(db, SteppedClock(NOON))
    readers.note(KEY, "ann", ROUTE)
    await readers.close()  # the pool was never opened: the database is away
    await db.open()
    readers.note(KEY, "ann", ROUTE)
    await readers.close()
    assert [line["count"] for line in await lines(db)] == [2]
    await db.close()
    assert MOST_KEPT > 10_000


async def test_a_line_belongs_to_the_transaction_of_its_change(db: Database) -> None:
    await known(db, "ann")

    async def fails() -> None:
        async with db.transaction() as tx:
            await trail.write(tx, "sync_asked", user_id="ann", now=NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await lines(db) == []
    with acting("key:abcd1234", route="/x"):
        async with db.transaction() as tx:
            await trail.write(tx, "sync_asked", user_id="ann", provider="whoop", details={"resources": ["sleep"]}, now=NOON)
    [line] = await lines(db)
    assert (line["credential"], line["route"], line["provider"]) == ("key:abcd1234", "/x", "whoop")
    assert line["member"] is not None
    assert line["details"] == {"resources": ["sleep"]}


async def test_pages_go_on_where_the_last_one_ended(db: Database) -> None:
    await written(db, 3, 2, 2, 2, 1, 0)
    found, after = list[int](), None
    async with db.connection() as tx:
        while page := await trail.page(tx, Wanted(since=NOON - timedelta(days=2), until=NOON), after=after, limit=3):
            found += [entry.id for entry in page]
            after = page[-1].at, page[-1].id
    every = [line["id"] for line in await lines(db)]
    assert found == every[1:5]
    assert [e.id async for some in trail.entries(db, Wanted()) for e in some] == every


async def test_names_of_those_of_whom_nothing_is_stored_are_forgotten(db: Database) -> None:
    await known(db, "ann", "bob")
    async with db.transaction() as tx:
        for user_id in ("ann", "bob", "never-seen"):
            await trail.write(tx, "token_made", user_id=user_id, now=NOON)
        await run(tx, "delete from wearbase.connection where user_id = 'bob'")
    async with db.transaction() as tx:
        assert await rows(tx, "select user_id from wearbase.audit_member order by 1") == [{"user_id": "ann"}, {"user_id": "bob"}]
        await trail.prune(tx, before=None, most=1)
        assert await rows(tx, "select user_id from wearbase.audit_member") == [{"user_id": "ann"}]
    assert len(await lines(db)) == 3


class Operator:
    """Carries the trail away, again and again, some lines at a time."""

    def __init__(self, db: Database) -> None:
        self.db, self.has = db, list[Entry]()

    async def carry(self, *, minutes: float) -> list[tuple[str, int]]:
        """What comes at so many minutes past noon: action and count."""
        came = list[Entry]()
        while True:
            async with self.db.connection() as tx:
                after = self.has[-1].number if self.has else 0
                page = await carrying.page(tx, after=after or 0, now=NOON + timedelta(minutes=minutes), limit=2)
            if not page:
                return [(entry.action, entry.count) for entry in came]
            came += page
            self.has += page


async def count(db: Database, n: int, *, route: str = ROUTE) -> None:
    """Reads of the minute that begins at noon."""
    async with db.transaction() as tx:
        await trail.write_reads(tx, [Read(NOON, "key:a", None, route, n)])


async def test_a_line_that_commits_after_a_later_one_is_carried_away_all_the_same(any_db: Database) -> None:
    operator = Operator(any_db)
    async with any_db.transaction() as slow:
        await trail.write(slow, "retried", now=NOON)
        await written(any_db, 0, 0, 0)
        assert await operator.carry(minutes=5) == [("retried", 1)] * 3
    assert await operator.carry(minutes=5) == [("retried", 1)]
    assert await operator.carry(minutes=5) == []
    assert [entry.number for entry in operator.has] == [1, 2, 3, 4]
    assert operator.has[-1].id == min(entry.id for entry in operator.has)


async def test_the_counts_of_a_minute_are_carried_away_once_it_is_over_and_what_comes_late_is_a_line_of_its_own(any_db: Database) -> None:
    operator = Operator(any_db)
    await count(any_db, 3)
    await written(any_db, 0)
    for minutes in (0.5, 1.1):  # it runs; its processes have still to write
        await operator.carry(minutes=minutes)
        await count(any_db, 1)
    assert [(entry.action, entry.count) for entry in operator.has] == [("retried", 1)]
    assert await operator.carry(minutes=1.2) == [("read", 5)]
    for late in (7, 1):
        await count(any_db, late)
    await count(any_db, 2, route="/another")
    assert sorted(await operator.carry(minutes=1.2)) == [("read", 2), ("read_late", 1), ("read_late", 7)]
    await count(any_db, 4, route="/another")
    assert await operator.carry(minutes=-60) == [("read_late", 4)]  # by a clock that is wrong: what has come comes once
    reads = [entry for entry in operator.has if entry.action != "retried"]
    assert sum(entry.count for entry in reads) == 19
    assert {(entry.at, entry.credential) for entry in reads} == {(NOON, "key:a")}
    every = {line["id"]: line["count"] for line in await lines(any_db)}
    assert {entry.id: entry.count for entry in operator.has} == every


async def test_a_line_that_is_just_counted_on_is_left_for_the_next_time_and_nobody_waits(any_db: Database) -> None:
    operator = Operator(any_db)
    await count(any_db, 1)
    await written(any_db, 0)
    async with any_db.transaction() as slow:
        await trail.write_reads(slow, [Read(NOON, "key:a", None, ROUTE, 1)])
        async with any_db.transaction() as tx:
            await run(tx, "set local lock_timeout = '20ms'")
            page = await carrying.page(tx, after=0, now=NOON + timedelta(minutes=5), limit=10)
        operator.has += page
        assert [entry.action for entry in page] == ["retried"]
    assert await operator.carry(minutes=5) == [("read", 2)]
    assert [entry.number for entry in operator.has] == [1, 2]


async def test_after_a_restore_no_number_is_given_again(db: Database) -> None:
    await written(db, 0)
    operator = Operator(db)
    await operator.carry(minutes=1)
    async with db.transaction() as tx:
        await carrying.leap(tx, now=NOON)
    await written(db, 0)
    assert await operator.carry(minutes=1) == [("retried", 1)]
    assert operator.has[-1].number == int(NOON.timestamp()) * 1_000_000 + 1 < 2**53
