"""What is read when nobody asks: mornings, idle members, slots that thin, records that are gone, and an outage."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.integration.engine.conftest import inbox, look, settled, visits, work_for
from tests.integration.engine.test_bad_answers import ROUTES, answering, json_answer
from tests.integration.harness import RESOURCES, Bench, bench, canonical
from wearbase.store.postgres.database import run
from wearbase.store.work import budget
from wearbase.sync.chores import plan_chores
from wearbase.sync.upkeep.watch import watch_budgets
from wearbase.sync.visits.absent import MOST_CHECKS

DAY = timedelta(days=1)


@pytest.fixture
async def several(database_url: str) -> AsyncIterator[Bench]:
    async with bench(database_url, days=6, backfill_days=6, members=5) as made:
        for member in range(5):
            await made.connect(f"user{member}", member)
        await made.work()
        yield made


async def collections(world: Bench) -> Counter[str]:
    """The provider's own count of collection reads."""
    by_route = (await world.calls())["by_route"]
    return Counter({route: n for route, n in by_route.items() if route.startswith("/v2") and "{" not in route})


async def test_every_collection_is_read_every_morning_though_no_webhook_comes(world: Bench) -> None:
    account = await settled(world)
    for _ in range(3):
        before = await collections(world)
        await work_for(world, steps=24, hours=1)
        assert all(count >= 1 for count in (await collections(world) - before).values())
        assert len(await collections(world) - before) == len(RESOURCES)
    await world.same_as_truth("ann", account)


async def test_a_member_at_whom_nobody_looks_costs_one_read_of_each_collection_a_day_and_no_delivery_costs_any(world: Bench) -> None:
    account = await settled(world)
    await world.step(days=4, webhooks=False)
    await world.work()
    before = await collections(world)
    by_id = (await world.calls())["data"] - sum(before.values())
    await world.event(account, "workout")
    await world.deliver()
    assert await visits(world, 5) <= 1
    for _ in range(6):  # slots come and go
        await world.step(hours=1, webhooks=False)
        await visits(world, 5)
    assert (await inbox(world))[-1:] == ["open"]
    assert (await world.calls())["data"] == sum(before.values()) + by_id
    for _ in range(24):
        await world.step(hours=1, webhooks=False)
        await world.work()
    spent = await collections(world) - before
    assert set(spent.values()) == {1}
    assert len(spent) == len(RESOURCES)
    assert set(await inbox(world)) == {"settled"}
    assert canonical(await world.stored("ann", "workout")) == canonical(await world.truth(account, "workout"))


async def test_an_idle_member_is_visited_less_often_when_calls_are_short_and_loses_nothing(world: Bench) -> None:
    account = await settled(world)
    await world.step(days=4, webhooks=False)
    await world.work()
    forecast = {"idle_every_s": 5 * DAY.total_seconds(), "thinned": [], "has_companions": True, "needed": 0}
    async with world.engine.db.transaction() as tx:
        app = world.engine.app("whoop")
        await budget.keep_forecast(tx, app.name, app.key, forecast, now=world.clock.now())
    before, calls = await collections(world), (await world.calls())["data"]
    async with world.engine.db.transaction() as tx:  # as the last look had left it
        await run(tx, "update wearbase.sync_state set reason = 'timetable', slot = 23, priority = 2, due_at = %s", (world.clock.now(),))
    for _ in range(4 * 8):
        await world.step(hours=3)
        await world.deliver()
        await world.work()
    spent = await collections(world) - before
    assert max(spent.values(), default=0) <= 1
    assert (await world.calls())["data"] - calls == sum(spent.values())  # and nothing by its id
    await look(world)
    await world.mark()
    await visits(world, 10)
    await world.same_as_truth("ann", account)


async def test_a_record_that_a_listing_no_longer_holds_is_gone_only_once_the_provider_says_so(world: Bench) -> None:
    account = await settled(world)
    newest = (await world.truth(account, "workout"))[0]
    world.wire.meddle = answering(ROUTES["workout"], lambda request: json_answer({"records": [], "next_token": None}))
    await world.mark("workout")
    await visits(world, 5)
    world.wire.meddle = None
    assert canonical(await world.stored("ann", "workout")) == canonical(await world.truth(account, "workout"))
    await world.event(account, "delete", resource="workout", record_id=newest["id"], webhooks=False)
    world.deliveries.clear()
    await world.mark("workout")
    await visits(world, 5)
    assert canonical(await world.stored("ann", "workout")) == canonical(await world.truth(account, "workout"))
    gone = await world.rows("select external_id from wearbase.record where deleted_at is not null and resource = 'workout'")
    assert newest["id"] in {g["external_id"] for g in gone}


async def test_a_listing_that_lost_everything_costs_a_few_checks_and_hides_nothing(world: Bench) -> None:
    account = await settled(world)
    before = (await world.calls())["data"]
    world.wire.meddle = answering(ROUTES["sleep"], lambda request: json_answer({"records": [], "next_token": None}))
    async with world.engine.db.transaction() as tx:  # so that it looks far back
        await run(tx, "update wearbase.sync_state set watermark = watermark - interval '9 days'")
    await world.mark("sleep")
    await visits(world, 5)
    assert (await world.calls())["data"] - before == MOST_CHECKS
    assert canonical(await world.stored("ann", "sleep")) == canonical(await world.truth(account, "sleep"))


async def test_slots_are_left_out_when_the_days_calls_run_short_and_the_morning_is_not(several: Bench) -> None:
    several.limit(per_day=35)  # seven a member: too few for every slot
    await plan_chores(several.engine)
    before = await collections(several)
    for _ in range(30):
        for member in range(5):
            await look(several, f"user{member}")
        await several.work()
        await several.step(hours=1, webhooks=False)
    app = several.engine.app("whoop")
    async with several.engine.db.connection() as tx:
        found = await budget.standing(tx, app.name, app.key, ceilings=app.ceilings, now=several.clock.now())
    assert found.forecast is not None
    assert found.forecast["thinned"]
    assert sum(found.thinned.values()) > 0
    assert found.day_used <= 35
    assert set((await collections(several) - before).keys()) == set(before)
    covered = await several.rows("select min(covered_at) as oldest from wearbase.sync_state")
    assert covered[0]["oldest"] > several.clock.now() - timedelta(hours=36)


async def test_several_members_failing_in_a_row_pause_everybody_until_one_call_succeeds(several: Bench) -> None:
    await several.fault("/v2/", "status", status=503, count=None)
    before = (await several.calls())["data"]
    for member in range(5):
        await several.mark(user_id=f"user{member}")
    await several.work()
    spent = (await several.calls())["data"] - before
    assert spent <= 3 * len(RESOURCES)
    paused = (await several.rows("select paused_until from wearbase.budget"))[0]["paused_until"]
    assert several.clock.now() < paused <= several.clock.now() + timedelta(minutes=5)
    for _ in range(20):
        await several.step(minutes=1, webhooks=False)
        await several.work()
    tried = (await several.calls())["data"] - before - spent
    assert 1 <= tried <= 40  # not a call a member and minute
    await several.heal()
    for _ in range(14):
        await several.step(minutes=10, webhooks=False)
        await several.work()
    assert (await several.rows("select paused_until, outage_members from wearbase.budget"))[0] == {
        "paused_until": None,
        "outage_members": [],
    }
    assert {s["error"] for s in await several.rows("select error from wearbase.sync_state")} == {None}


async def test_one_members_trouble_pauses_nobody(several: Bench) -> None:
    account = (await several.members())[0]["user_id"]
    await several.fault("/v2/", "status", status=500, count=None, user_id=account)
    for member in range(5):
        await several.mark(user_id=f"user{member}")
    await several.work()
    found = await several.rows("select user_id, max(error) as error from wearbase.sync_state group by 1 order by 1")
    assert [f["error"] for f in found] == ["provider_unavailable", None, None, None, None]


async def test_a_day_nearly_used_is_said_once_for_all_processes(several: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    several.limit(per_day=(await several.calls())["data"] + 1)
    for _ in range(3):
        await watch_budgets(several.engine)
    told = capfd.readouterr().out
    assert told.count("budget of the day nearly used") == 2
    assert [told.count(f"percent={mark} ") for mark in (80, 95)] == [1, 1]
