"""What waits: marks that cost nothing twice, claims by priority, one visitor at a time."""

import asyncio
from datetime import UTC, datetime, timedelta

from wearbase.store import connections
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Database
from wearbase.store.work import due
from wearbase.store.work.due import Mark, Priority

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=6)
UNTIL = NOW + timedelta(seconds=30)


async def member(db: Database, name: str, *, priority: Priority = Priority.TIMETABLE, due_at: datetime = NOW) -> Connection:
    async with db.transaction() as tx:
        made = await connections.put(tx, user_id=name, provider="whoop", external_user_id=name, asked_scopes=[], scopes=[], now=NOW)
        await due.start(tx, made, ["sleep", "cycle"], missing=[], is_new_identity=True, now=NOW)
        await tx.execute(
            "update wearbase.sync_state set due_at = %s, priority = %s, reason = 'set' where user_id = %s", (due_at, int(priority), name)
        )
    return made


async def claim(db: Database, holder: str = "w", at: datetime = NOW) -> str | None:
    async with db.transaction() as tx:
        found = await due.claim_visit(tx, holder=holder, now=at, until=at + timedelta(seconds=30))
    return found.user_id if found else None


async def test_the_most_urgent_is_visited_first_and_nobody_twice(any_db: Database) -> None:
    await member(any_db, "history", priority=Priority.TIMETABLE, due_at=LATER)
    async with any_db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set backfill_due_at = %s", (NOW,))
    await member(any_db, "timetable", due_at=NOW - timedelta(hours=9))
    await member(any_db, "delivery", priority=Priority.DELIVERY)
    await member(any_db, "person", priority=Priority.PERSON)
    assert [await claim(any_db) for _ in range(5)] == ["person", "delivery", "timetable", "history", None]


async def test_claims_at_once_never_give_one_member_to_two(any_db: Database) -> None:
    for n in range(12):
        await member(any_db, f"m{n}")
    claimed = await asyncio.gather(*(claim(any_db, f"w{n}") for n in range(20)))
    got = [c for c in claimed if c]
    assert len(got) == len(set(got))
    while extra := await claim(any_db):
        got.append(extra)
    assert sorted(got) == sorted(f"m{n}" for n in range(12))


async def test_a_lease_that_ran_out_is_given_to_the_next(db: Database) -> None:
    await member(db, "ann")
    assert await claim(db, "first") == "ann"
    assert await claim(db, "second", NOW + timedelta(seconds=29)) is None
    assert await claim(db, "second", NOW + timedelta(seconds=30)) == "ann"


async def test_a_renewed_lease_stays(db: Database) -> None:
    await member(db, "ann")
    await claim(db, "first")
    async with db.transaction() as tx:
        (lease,) = [due.Lease.of(c) for c in await connections.all_of(tx, "ann")]
        await due.renew(tx, [lease], holder="first", until=LATER)
    assert await claim(db, "second", NOW + timedelta(minutes=5)) is None


async def test_the_more_urgent_mark_stays_whatever_the_order(db: Database) -> None:
    orders = [(Priority.PERSON, Priority.DELIVERY), (Priority.DELIVERY, Priority.PERSON)]
    for n, order in enumerate(orders):
        await member(db, f"m{n}", due_at=LATER)
        for priority in order:
            async with db.transaction() as tx:
                await due.mark(tx, f"m{n}", "whoop", ["sleep"], Mark(reason=priority.name, priority=priority, due_at=NOW))
        async with db.connection() as tx:
            (state,) = [s for s in await due.states(tx, f"m{n}", "whoop") if s.resource == "sleep"]
        assert (state.reason, state.priority, state.due_at) == ("PERSON", 0, NOW)


async def test_a_mark_for_later_does_not_delay_what_is_due(db: Database) -> None:
    await member(db, "ann", priority=Priority.DELIVERY)
    async with db.transaction() as tx:
        await due.mark(tx, "ann", "whoop", ["sleep"], Mark(reason="x", priority=Priority.DELIVERY, due_at=LATER))
    async with db.connection() as tx:
        assert {s.due_at for s in await due.states(tx, "ann", "whoop")} == {NOW}


async def test_the_cost_of_a_claim_does_not_grow_with_members_not_due(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute(
            """insert into wearbase.connection (user_id, provider, state, external_user_id, connected_at, created_at, updated_at)
               select 'u' || n, 'whoop', 'connected', n, %(now)s, %(now)s, %(now)s from generate_series(1, 20000) n""",
            {"now": NOW},
        )
        await tx.execute(
            """insert into wearbase.sync_state (user_id, provider, resource, due_at, priority)
               select 'u' || n, 'whoop', 'sleep', %s::timestamptz + n * interval '1 second', 2 from generate_series(1, 20000) n""",
            (NOW,),
        )
        await tx.execute("analyze wearbase.sync_state, wearbase.connection")
    async with db.transaction() as tx:
        cursor = await tx.execute(
            "explain (analyze, buffers, format json) " + due._CLAIM_VISIT,
            {"now": NOW + timedelta(seconds=3), "holder": "w", "until": UNTIL},
        )
        found = await cursor.fetchone()
    assert found is not None
    plan = found[0][0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 200
