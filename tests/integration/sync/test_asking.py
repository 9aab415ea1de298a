"""What a person may ask for: how often, how much, and what a look at an idle member brings."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from tests.integration.harness import RESOURCES, Bench
from wearbase.domain.errors import TooManyRequests
from wearbase.store import connections
from wearbase.store.work import chores, persons
from wearbase.sync import ask, disconnect

DAY = timedelta(days=1)


async def connected(world: Bench, user_id: str = "ann", member: int = 0) -> None:
    await world.connect(user_id, member)
    await world.work()


async def spend(world: Bench, calls: int, user_id: str = "ann") -> None:
    """As a visit counts the calls that it made for a person."""
    async with world.engine.db.transaction() as tx:
        connection = await connections.get(tx, user_id, "whoop")
        assert connection is not None
        await persons.count(tx, connection, calls, now=world.clock.now())


async def left(world: Bench, user_id: str = "ann") -> int:
    async with world.engine.db.connection() as tx:
        return (await persons.left(tx, user_id, "whoop", now=world.clock.now())).calls


async def refused(world: Bench, **more: object) -> int:
    """After how many seconds a sync may be tried again."""
    before = await world.states()
    with pytest.raises(TooManyRequests) as found:
        await ask.sync(world.engine, "ann", "whoop", **more)  # type: ignore[arg-type]
    assert await world.states() == before
    return found.value.retry_after_s


async def beat(world: Bench) -> None:
    async with world.engine.db.transaction() as tx:
        await chores.beat(tx, "worker-of-the-tests", now=world.clock.now())


async def fresh(world: Bench) -> None:
    """Forgets what connecting has spent."""
    await world.rows("update wearbase.connection set person_hour = null, person_day = null returning 1 as n")


async def test_forty_calls_an_hour_from_the_first_on(world: Bench) -> None:
    await connected(world)
    await fresh(world)
    await spend(world, 30)
    world.clock.advance(timedelta(minutes=40))
    await spend(world, 10)
    assert await left(world) == 0
    assert await refused(world) == 20 * 60
    world.clock.advance(timedelta(minutes=20))
    assert await left(world) == 40
    assert await ask.sync(world.engine, "ann", "whoop") is not None


async def test_two_hundred_calls_a_day(world: Bench) -> None:
    await connected(world)
    await fresh(world)
    for _ in range(5):
        await spend(world, 40)
        world.clock.advance(timedelta(hours=2))
    assert await left(world) == 0
    assert await refused(world) == 14 * 3600
    world.clock.advance(timedelta(hours=14))
    assert await ask.sync(world.engine, "ann", "whoop") is not None


async def test_a_sync_that_needs_more_calls_than_are_left_is_refused(world: Bench) -> None:
    await connected(world)
    await fresh(world)
    await spend(world, 37)
    assert await refused(world) == 3600
    assert await ask.sync(world.engine, "ann", "whoop", resources=["sleep"]) is not None


async def test_one_members_calls_are_not_anothers(world: Bench) -> None:
    await connected(world)
    await connected(world, "bob", 1)
    await spend(world, 40)
    await refused(world)
    assert await ask.sync(world.engine, "bob", "whoop") is not None


async def test_a_missing_day_beyond_the_cap_is_not_fetched(world: Bench) -> None:
    await connected(world)
    await fresh(world)
    world.clock.advance(DAY)
    today = (world.clock.now()).date()
    await spend(world, 40)
    assert await ask.missing_day(world.engine, "ann", "whoop", today) is None
    world.clock.advance(timedelta(hours=1))
    assert await ask.missing_day(world.engine, "ann", "whoop", today) is not None


async def test_history_does_not_count(world: Bench) -> None:
    await connected(world)
    await spend(world, 40)
    since = world.clock.now() - 200 * DAY
    assert await ask.backfill(world.engine, "ann", "whoop", since=since)
    assert (await world.state("sleep"))["backfill_start"] == since


async def test_one_sync_at_a_time(world: Bench) -> None:
    await connected(world)
    await beat(world)
    assert await ask.sync(world.engine, "ann", "whoop", resources=["sleep"]) is not None
    world.clock.advance(timedelta(minutes=1))
    await beat(world)
    assert await refused(world, resources=["cycle"]) == ask.UNDER_WAY_RETRY_S
    await world.work()
    assert await ask.sync(world.engine, "ann", "whoop", resources=["cycle"]) is not None


async def test_a_sync_that_no_worker_took_may_be_asked_for_again(world: Bench) -> None:
    await connected(world)
    assert await ask.sync(world.engine, "ann", "whoop") is not None
    world.clock.advance(timedelta(minutes=1))
    assert await ask.sync(world.engine, "ann", "whoop") is not None


async def test_one_member_who_asks_every_second_is_capped_and_others_are_not_hurt(world: Bench) -> None:
    await connected(world)
    await connected(world, "bob", 1)
    calls, granted = (await world.calls())["data"], 0
    for second in range(240):
        world.clock.advance(timedelta(seconds=1))
        with suppress(TooManyRequests):
            granted += await ask.sync(world.engine, "ann", "whoop") is not None
        if second % 20 == 0:
            await world.work()
    assert 2 <= granted <= 4
    assert (await world.calls())["data"] - calls <= 4 * granted + 8
    ticket = await ask.sync(world.engine, "bob", "whoop")
    assert ticket is not None
    await world.work()
    assert (await ask.look(world.engine, ticket)).is_done


async def idle(world: Bench, days: float = 4) -> None:
    """Nobody looks for so long, and no timetable brings anything either."""
    await connected(world)
    await world.step(hours=days * 24, webhooks=False)
    await world.rows("update wearbase.sync_state set due_at = due_at + interval '30 days', backfill_due_at = null returning 1 as n")


async def test_a_look_at_an_idle_member_makes_everything_due_once(world: Bench) -> None:
    await idle(world)
    ticket = await ask.wake(world.engine, "ann", "whoop")
    assert ticket is not None
    assert set(ticket.resources) == set(RESOURCES)
    now = world.clock.now()
    assert {(s["reason"], s["priority"], s["due_at"]) for s in (await world.states()).values()} == {("look", 0, now)}
    (connection,) = await world.rows("select looked_at, asked_at from wearbase.connection")
    assert (connection["looked_at"], connection["asked_at"]) == (now, None)
    await world.work()
    assert (await ask.look(world.engine, ticket)).is_done
    await world.same_as_truth("ann", (await world.members())[0]["user_id"])
    assert await ask.wake(world.engine, "ann", "whoop") is None


async def test_whoever_looks_meanwhile_waits_for_the_same(world: Bench) -> None:
    await idle(world)
    marks = (await world.state("sleep"))["marks"]
    tickets = await asyncio.gather(*(ask.wake(world.engine, "ann", "whoop") for _ in range(4)))
    assert all(ticket is not None for ticket in tickets)
    assert (await world.state("sleep"))["marks"] == marks + 1
    await world.work()
    for ticket in tickets:
        assert ticket is not None
        assert (await ask.look(world.engine, ticket)).is_done


async def test_a_member_at_whom_somebody_looked_is_not_woken(world: Bench) -> None:
    await idle(world, days=2.9)
    before = await world.states()
    assert await ask.wake(world.engine, "ann", "whoop") is None
    assert await world.states() == before
    await world.step(hours=24, webhooks=False)
    assert await ask.wake(world.engine, "ann", "whoop") is None, "the last look has been noted"


async def test_a_member_never_looked_at_is_idle_by_the_day_of_connecting(world: Bench) -> None:
    await idle(world)
    await world.rows("update wearbase.connection set looked_at = null returning 1 as n")
    assert await ask.wake(world.engine, "ann", "whoop") is not None


async def test_an_ended_connection_is_not_woken(world: Bench) -> None:
    await idle(world)
    await disconnect.disconnect(world.engine, "ann", "whoop", erase=False)
    assert await ask.wake(world.engine, "ann", "whoop") is None
    assert await ask.wake(world.engine, "nobody", "whoop") is None


async def test_a_sync_of_one_resource_wakes_an_idle_member_whole(world: Bench) -> None:
    await idle(world)
    assert await ask.sync(world.engine, "ann", "whoop", resources=["sleep"]) is not None
    reasons = {name: state["reason"] for name, state in (await world.states()).items()}
    assert reasons == {"sleep": "person", "recovery": "look", "workout": "look", "cycle": "look"}


async def test_waking_takes_nobodys_turn(world: Bench) -> None:
    await idle(world)
    await ask.wake(world.engine, "ann", "whoop")
    assert await ask.sync(world.engine, "ann", "whoop") is not None
