"""Too many calls: a 429, a day that is used up, a member who asks every second. Whoever waits is served; nobody else is hurt."""

from datetime import UTC, datetime, timedelta

import orjson

from tests.integration.engine.conftest import inbox, route_calls, settled, visits, work_for
from tests.integration.harness import RESOURCES, Bench, canonical
from wearbase.domain.errors import TooManyRequests
from wearbase.store.work import budget, due
from wearbase.store.work.budget import Purpose
from wearbase.store.work.due import Mark, Priority
from wearbase.sync import ask

TOMORROW = datetime(2026, 11, 19, tzinfo=UTC)
PER_DAY = 300


async def two_members(world: Bench) -> tuple[int, int]:
    return await settled(world, "ann", 0), await settled(world, "bob", 1)


async def use_up(world: Bench, priority: Priority) -> int:
    """Takes every call of the day that this priority may have; how many that were."""
    app, taken = world.engine.app("whoop"), 0
    purpose = Purpose(reason="elsewhere", priority=priority)
    async with world.engine.db.connection() as tx:
        while True:
            answer = await budget.reserve(tx, app.name, app.key, purpose, ceilings=app.ceilings, now=world.clock.now())
            if answer.wait_until is not None:
                return taken
            taken += 1


async def slot_is_due(world: Bench, user_id: str) -> None:
    async with world.engine.db.transaction() as tx:
        wish = Mark(reason="timetable", priority=Priority.TIMETABLE, due_at=world.clock.now())
        await due.mark(tx, user_id, "whoop", list(RESOURCES), wish)


async def failing(world: Bench, user_id: str) -> set[str]:
    return {name for name, r in (await world.status(user_id)).items() if "fail" in (r["state"] + r["status"])}


async def waiting_for_calls(world: Bench, user_id: str) -> set[str]:
    return {name for name, r in (await world.status(user_id)).items() if r["error"] == "waiting_for_calls"}


async def test_after_a_429_nobody_waits_longer_than_the_reset(world: Bench) -> None:
    ann, bob = await two_members(world)
    await world.step(minutes=2, webhooks=False)
    await world.sim.post("/control/options", json={"quota_minute": 3, "rate_headers": "off"})  # nothing tells us beforehand
    await world.event(ann, "workout")
    await world.event(bob, "workout")
    await world.deliver()
    await visits(world, 12)
    calls = await world.calls()
    assert 1 <= calls["by_status"]["429"] <= 4  # those under way at the same moment; whoever comes later does not even ask
    waiting = await world.rows("select due_at from wearbase.sync_state where window_start is not null")
    assert waiting
    assert await failing(world, "ann") == await failing(world, "bob") == set()
    assert await waiting_for_calls(world, "ann") | await waiting_for_calls(world, "bob")
    reset_at = max(w["due_at"] for w in waiting)
    assert reset_at <= world.clock.now() + timedelta(seconds=61)
    await world.sim.post("/control/options", json={"quota_minute": 100_000})
    await world.step(seconds=20, webhooks=False)
    await world.mark(user_id="ann")  # not even a person gets through
    await visits(world, 12)
    assert (await world.calls())["data"] == calls["data"]
    await world.step(seconds=(reset_at - world.clock.now()).total_seconds(), webhooks=False)
    await visits(world, 12)
    assert await inbox(world) == ["settled", "settled"]
    await world.same_as_truth("ann", ann)
    assert canonical(await world.stored("bob", "workout")) == canonical(await world.truth(bob, "workout"))


async def test_a_429_on_one_resource_costs_the_members_other_resources_nothing_but_the_wait(world: Bench) -> None:
    account = await settled(world)
    before = await world.states()
    await world.fault("/v2/recovery", "status", status=429, count=1)
    await world.mark()
    await visits(world, 12)
    after = await world.states()
    assert after["recovery"]["watermark"] == before["recovery"]["watermark"]
    assert {s["attempts"] for s in after.values()} == {0}
    await world.step(seconds=61, webhooks=False)
    await visits(world, 12)
    assert (await world.states())["recovery"]["watermark"] > before["recovery"]["watermark"]
    assert {r["status"] for r in (await world.status()).values()} == {"success"}
    await world.mark()
    await visits(world, 12)
    await world.same_as_truth("ann", account)


async def test_with_the_days_budget_used_up_people_are_served_from_the_reserve_and_the_rest_is_done_tomorrow(world: Bench) -> None:
    ann, bob = await two_members(world)
    world.limit(per_day=PER_DAY)
    assert await use_up(world, Priority.TIMETABLE) > 100
    day = (await world.rows("select open_day from wearbase.connection where user_id = 'bob'"))[0]["open_day"]
    waiting = (await world.event(bob, "workout", webhooks=False))["changed"][0]["id"]
    await slot_is_due(world, "bob")
    calls = await route_calls(world)
    await visits(world, 12)
    assert await route_calls(world) == calls  # the timetable waits, and is no failure
    assert (await failing(world, "bob"), await waiting_for_calls(world, "bob")) == (set(), set(RESOURCES))
    document = await world.day("bob", day)
    assert document["cycle"] is not None
    assert document["sync"]["state"] == "ok"
    await world.event(ann, "workout")
    await world.deliver()
    await visits(world, 12)
    assert await inbox(world) == ["settled"]  # a delivery has a reserve
    await world.mark(user_id="ann")
    await visits(world, 12)
    await world.same_as_truth("ann", ann)  # and so has a person
    await world.step(seconds=(TOMORROW - world.clock.now()).total_seconds() + 1, webhooks=False)
    assert waiting not in {w["id"] for w in await world.stored("bob", "workout")}
    await work_for(world, steps=3, minutes=11)
    assert waiting in {w["id"] for w in await world.stored("bob", "workout")}
    assert (await failing(world, "bob"), await waiting_for_calls(world, "bob")) == (set(), set())


async def test_with_every_call_of_the_day_gone_reads_still_answer_and_what_waits_is_done_tomorrow(world: Bench) -> None:
    account = await settled(world)
    world.limit(per_day=PER_DAY)
    await use_up(world, Priority.PERSON)
    day = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"]
    await world.event(account, "workout")
    await world.deliver()
    await world.mark()
    calls = await world.calls()
    await work_for(world, steps=9, hours=1)
    assert (await world.calls())["data"] == calls["data"]
    answer = await world.reader.day("ann", "whoop", day)
    assert orjson.loads(answer.body)["cycle"] is not None
    assert (await failing(world, "ann"), await waiting_for_calls(world, "ann")) == (set(), set(RESOURCES))
    assert await inbox(world) == ["open"]
    assert sum(r["open_deliveries"] for r in (await world.status()).values()) == 1
    await world.step(seconds=(TOMORROW - world.clock.now()).total_seconds() + 1, webhooks=False)
    await visits(world, 12)
    assert await inbox(world) == ["settled"]
    await world.mark()
    await visits(world, 12)
    await world.same_as_truth("ann", account)


async def test_history_waits_while_the_day_is_used_up_and_goes_on_tomorrow(world: Bench) -> None:
    account = (await world.members())[0]["user_id"]
    await world.connect("ann")
    await world.one()  # today
    world.limit(per_day=PER_DAY)
    await use_up(world, Priority.PERSON)
    await visits(world, 12)
    found = (await world.status())["cycle"]
    assert (found["status"], found["error"], found["backfill"]["is_running"]) == ("success", None, True)
    await world.step(seconds=(TOMORROW - world.clock.now()).total_seconds() + 1, webhooks=False)
    await work_for(world, steps=3, minutes=11)
    assert (await world.status())["cycle"]["backfill"]["is_running"] is False
    await world.mark()
    await visits(world, 12)
    await world.same_as_truth("ann", account)


async def test_a_member_who_asks_for_a_sync_every_second_gets_one_a_minute(world: Bench) -> None:
    ann, bob = await two_members(world)
    await world.step(hours=1, minutes=1, webhooks=False)
    await visits(world, 12)
    allowed = 0
    for second in range(180):
        allowed += await asks(world, "ann")
        await world.one()
        if second == 90:
            await world.event(bob, "workout")
            await world.deliver()
            await visits(world, 4)
            assert await inbox(world) == ["settled"]
            assert canonical(await world.stored("bob", "workout")) == canonical(await world.truth(bob, "workout"))
        world.clock.advance(timedelta(seconds=1))
    assert allowed == 3
    assert canonical(await world.stored("ann", "sleep")) == canonical(await world.truth(ann, "sleep"))


async def test_a_member_who_asks_all_day_causes_forty_calls_an_hour_and_two_hundred_a_day(world: Bench) -> None:
    await two_members(world)
    await world.step(hours=10, minutes=1, webhooks=False)  # past midnight, and past the slots of the evening
    await visits(world, 20)
    hours = []
    for hour in range(7):
        before = (await world.calls())["data"]
        for _ in range(15):
            await asks(world, "ann")
            await visits(world, 4)
            await world.step(minutes=4, webhooks=False)
        hours.append((await world.calls())["data"] - before)
        assert await asks(world, "bob"), f"bob is hurt in hour {hour}"
        await visits(world, 4)
    assert max(hours) <= 40
    assert hours[0] >= 36
    assert sum(hours) <= 200 + 4 * 6  # bob's, but for the last


async def asks(world: Bench, user_id: str) -> bool:
    """Whether a person may sync this member now."""
    try:
        return await ask.sync(world.engine, user_id, "whoop") is not None
    except TooManyRequests:
        return False
