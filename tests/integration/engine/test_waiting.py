"""Waiting for calls: what comes free sooner than was said is noticed within minutes, and thousands who wait ask as one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.engine.conftest import settled, visits
from tests.integration.harness import RESOURCES, Bench
from wearbase.store import connections
from wearbase.store.postgres.database import Database
from wearbase.store.work import budget, chores, due, waiting
from wearbase.store.work.budget import Purpose
from wearbase.store.work.chores import NewChore
from wearbase.store.work.due import Mark, Priority
from wearbase.sync.chores import STANDING, do_chore

NOW = datetime(2026, 11, 18, 14, 2, tzinfo=UTC)
NEXT, MIDNIGHT = datetime(2026, 11, 18, 14, 5, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC)
MEMBERS = 3_000
WAITING = """
insert into wearbase.sync_state (user_id, provider, resource, due_at, waits_until, reason, priority, backfill_due_at, backfill_waits_until)
select 'member-' || n, 'whoop', r, t, t, 'delivery', 1, t, t
  from (select n, %(now)s::timestamptz - n * interval '1 millisecond' as t from generate_series(1, %(count)s) n) m
 cross join unnest(%(resources)s::text[]) r
"""


async def use_up(world: Bench) -> None:
    app, purpose = world.engine.app("whoop"), Purpose(reason="elsewhere", priority=Priority.PERSON)
    async with world.engine.db.connection() as tx:
        while (await budget.reserve(tx, app.name, app.key, purpose, ceilings=app.ceilings, now=world.clock.now())).wait_until is None:
            pass


async def wanted(world: Bench, users: Sequence[str], priority: Priority) -> None:
    async with world.engine.db.transaction() as tx:
        for user in users:
            reason = "person" if priority is Priority.PERSON else "pending"
            wish = Mark(reason=reason, priority=priority, due_at=world.clock.now())
            await due.mark(tx, user, "whoop", list(RESOURCES), wish)


async def claimed(world: Bench) -> chores.Chore | None:
    now = world.clock.now()
    async with world.engine.db.transaction() as tx:
        return await chores.claim(tx, holder="w", now=now, until=now + timedelta(seconds=30))


async def attempted(world: Bench, user_id: str) -> set[datetime]:
    found = await world.rows("select last_success_at from wearbase.sync_state where user_id = %s", user_id)
    return {f["last_success_at"] for f in found}


@pytest.mark.parametrize("priority", [Priority.PERSON, Priority.DELIVERY, Priority.TIMETABLE])
async def test_a_ceiling_that_is_raised_is_noticed_within_minutes(world: Bench, priority: Priority) -> None:
    await settled(world)
    world.limit(per_day=60)
    await use_up(world)
    await wanted(world, ["ann"], priority)
    await visits(world, 4)
    before = (await world.calls())["data"]
    await world.step(minutes=30, webhooks=False)
    await visits(world, 4)
    assert (await world.calls())["data"] == before
    world.limit(per_day=1_000)
    await world.step(minutes=5, webhooks=False)
    await visits(world, 4)
    assert (await world.calls())["data"] > before
    assert await attempted(world, "ann") == {world.clock.now()}


async def test_whoever_waits_asks_at_instants_that_all_share_and_one_speaks_for_all(world: Bench) -> None:
    users = ["ann", "bob", "cat"]
    for number, user in enumerate(users):
        await settled(world, user, number)
    world.limit(per_day=60)
    await use_up(world)
    await wanted(world, users, Priority.DELIVERY)
    assert await visits(world, 8) == 3  # each learns it once
    found = await world.rows("select due_at, waits_until from wearbase.sync_state")
    now = world.clock.now()
    assert {f["due_at"] for f in found} == {f["waits_until"] for f in found} == {waiting.again_at(MIDNIGHT, now=now)}
    for _ in range(3):
        await world.step(minutes=5, webhooks=False)
        assert await visits(world, 8) == 1
    world.limit(per_day=1_000)
    await world.step(minutes=5, webhooks=False)
    await visits(world, 8)
    for user in users:
        assert await attempted(world, user) == {world.clock.now()}


def test_asking_again_is_at_the_end_of_the_wait_or_a_few_minutes_from_now() -> None:
    assert waiting.again_at(MIDNIGHT, now=NOW) == NEXT
    assert waiting.again_at(NOW + timedelta(seconds=30), now=NOW) == NOW + timedelta(seconds=30)
    assert waiting.again_at(MIDNIGHT, now=NEXT) == NEXT + timedelta(minutes=5)
    assert waiting.again_at(MIDNIGHT, now=MIDNIGHT - timedelta(seconds=1)) == MIDNIGHT


@pytest.fixture
async def crowd(world: Bench) -> Database:
    """Thousands who wait, the last one for the longest, and one of whom no worker knows more."""
    async with world.engine.db.transaction() as tx:
        await tx.execute(WAITING, {"now": NOW, "count": MEMBERS, "resources": list(RESOURCES)})
        for user, account in (("ann", "1"), ("person", "2")):
            await connections.put(tx, user_id=user, provider="whoop", external_user_id=account, asked_scopes=[], scopes=[], now=NOW)
        await tx.execute(
            """insert into wearbase.sync_state (user_id, provider, resource, due_at, waits_until, priority)
               values ('ann', 'whoop', 'sleep', %(now)s, null, 1), ('person', 'whoop', 'sleep', %(now)s, %(now)s, 0)""",
            {"now": NOW},
        )
    return world.engine.db


async def postponed(db: Database, user_id: str, *, in_backfill: bool = False) -> int:
    async with db.transaction() as tx:
        connection = await connections.get(tx, user_id, "whoop")
        assert connection is not None
        return await waiting.postpone(tx, connection, "sleep", until=NEXT, in_backfill=in_backfill, now=NOW)


async def due_before(db: Database, column: str) -> list[tuple[Any, ...]]:
    async with db.connection() as tx:
        sql = f"select user_id, resource from wearbase.sync_state where {column} < %s order by {column}, user_id"  # noqa: S608
        return await (await tx.execute(sql, (NEXT,))).fetchall()  # type: ignore[arg-type]


async def test_thousands_are_put_off_in_their_order_with_a_few_statements(crowd: Database) -> None:
    first = [user for user, _ in await due_before(crowd, "due_at") if user.startswith("member")]
    moved = [await postponed(crowd, "ann") for _ in range(4)]
    assert moved == [waiting.MOST_ALONG, waiting.MOST_ALONG, 4 * MEMBERS - 2 * waiting.MOST_ALONG, 0]
    assert await due_before(crowd, "due_at") == [("person", "sleep")]  # asks for itself
    async with crowd.connection() as tx:
        sql = """select user_id from wearbase.sync_state where waits_until = due_at and due_at - %s < interval '5 ms' and priority = 1
                  order by due_at limit 2000"""
        then = [user for (user,) in await (await tx.execute(sql, (NEXT,))).fetchall()]
    assert set(then[:400]) <= {"ann", *first}


async def test_a_person_moves_nobody_along(crowd: Database) -> None:
    assert await postponed(crowd, "person") == 0


async def test_history_waits_along_with_history_alone(crowd: Database) -> None:
    assert await postponed(crowd, "ann", in_backfill=True) == waiting.MOST_ALONG
    assert len([1 for user, _ in await due_before(crowd, "due_at") if user.startswith("member")]) == 4 * MEMBERS


async def test_a_chore_that_waits_for_calls_asks_again_within_minutes(world: Bench) -> None:
    await settled(world)
    object.__setattr__(world.engine.app("whoop"), "counts_token_calls", True)
    world.limit(per_day=60)
    await use_up(world)
    await world.step(hours=1, webhooks=False)
    async with world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.connection set keepalive_due_at = %s", (world.clock.now(),))
        await chores.add(
            tx,
            NewChore(id=STANDING["keepalive"].id, kind="keepalive", due_at=world.clock.now(), priority=Priority.TIMETABLE),
            now=world.clock.now(),
        )
    while (chore := await claimed(world)) is not None:
        await do_chore(world.engine, chore)
    (found,) = await world.rows("select due_at, error from wearbase.chore")
    assert found["error"] == "rate_limited"
    assert found["due_at"] <= world.clock.now() + timedelta(minutes=5)
