"""What is told to whoever asks is what is so: a refusal, a want of calls, old errors, and history apart from today."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from tests.integration.engine.conftest import look, settled, visits
from tests.integration.engine.test_limits import use_up
from tests.integration.harness import Bench
from wearbase.domain.errors import MissingScope, TooManyRequests
from wearbase.read.status import SourceStatus, status
from wearbase.store.work import chores
from wearbase.store.work.due import Priority
from wearbase.sync import ask, disconnect
from wearbase.sync.ask import Outcome

SLEEP = "/v2/activity/sleep"
TOMORROW = datetime(2026, 11, 19, tzinfo=UTC)
PER_DAY = 300


async def told(world: Bench) -> SourceStatus:
    return await status(world.engine.db, world.clock, "ann", "whoop")


async def day(world: Bench) -> dict[str, Any]:
    (found,) = await world.rows("select open_day from wearbase.connection")
    return await world.day("ann", found["open_day"])


async def wish(world: Bench, *resources: str) -> Outcome:
    """A person's sync, and what came of it."""
    ticket = await ask.sync(world.engine, "ann", "whoop", resources=resources or None)
    assert ticket is not None
    await visits(world, 12)
    return await ask.look(world.engine, ticket)


async def beat(world: Bench) -> None:
    async with world.engine.db.transaction() as tx:
        await chores.beat(tx, "worker-of-the-tests", now=world.clock.now())


async def calls(world: Bench) -> int:
    return (await world.calls())["data"]


async def test_a_403_of_what_was_granted_is_a_failure_and_is_tried_again_when_a_person_wishes(world: Bench) -> None:
    await settled(world)
    await world.fault(SLEEP, "status", status=403, count=1)
    assert (await wish(world)).errors == {"sleep": "access_denied"}
    found = await told(world)
    assert (found.state, found.not_granted) == ("stale", [])
    assert (found.resources["sleep"]["state"], found.resources["sleep"]["status"]) == ("failing", "failed")
    assert (await day(world))["sync"]["state"] == "stale"
    await world.step(minutes=1, webhooks=False)
    before = await calls(world)
    outcome = await wish(world, "sleep")
    assert (outcome.errors, outcome.is_done) == ({}, True)
    assert await calls(world) > before
    found = await told(world)
    assert (found.state, found.resources["sleep"]["error"]) == ("ok", None)


async def test_a_403_is_tried_again_by_itself_ever_less_often(world: Bench) -> None:
    await settled(world)
    await world.fault(SLEEP, "status", status=403, count=None)
    await world.mark("sleep")
    waits = []
    for _ in range(7):
        await look(world)
        await visits(world, 12)
        due_at = (await world.state("sleep"))["due_at"]
        waits.append((due_at - world.clock.now()).total_seconds())
        await world.step(seconds=waits[-1], webhooks=False)
    assert 30 <= waits[0] <= 120
    assert waits[0] < waits[1] < waits[2]
    assert max(waits) <= 6 * 3600 * 1.2
    await world.heal()
    await visits(world, 12)
    assert (await world.status())["sleep"]["error"] is None


async def partly_granted(world: Bench) -> None:
    """Connects anew with a grant that lacks the workouts."""
    await settled(world)
    await disconnect.disconnect(world.engine, "ann", "whoop", erase=False)
    scopes = [s for s in world.engine.app("whoop").provider.scopes if s != "read:workout"]
    await world.connect("ann")
    async with world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.connection set scopes = %s", (scopes,))
        await tx.execute(
            "update wearbase.sync_state set error = 'missing_scope', due_at = null, attempts = 0, last_attempt_at = null, "
            "last_success_at = null where resource = 'workout'"
        )
    await visits(world, 12)
    await world.step(minutes=2, webhooks=False)


async def test_what_was_not_granted_is_named_and_everything_else_is_well(world: Bench) -> None:
    await partly_granted(world)
    found = await told(world)
    assert (found.state, found.not_granted) == ("ok", ["workout"])
    assert (found.resources["workout"]["state"], found.resources["workout"]["status"]) == ("not_granted", "never")
    outcome = await wish(world)
    assert (outcome.is_done, outcome.errors, set(outcome.synced)) == (True, {}, {"sleep", "recovery", "cycle"})
    await world.step(minutes=2, webhooks=False)
    before = await world.states()
    with pytest.raises(MissingScope, match="workout"):
        await ask.sync(world.engine, "ann", "whoop", resources=["sleep", "workout"])
    assert await world.states() == before


async def test_a_403_of_what_is_not_granted_any_more_is_no_failure(world: Bench) -> None:
    """A refresh may answer with fewer scopes than were given before."""
    await settled(world)
    async with world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.connection set scopes = array_remove(scopes, 'read:workout')")
    await world.fault("/v2/activity/workout", "status", status=403, count=None)
    await world.mark("workout")
    await visits(world, 12)
    found = await told(world)
    assert (found.state, found.not_granted) == ("ok", ["workout"])


async def test_a_wish_that_waits_for_calls_is_not_under_way_and_a_new_one_comes_before(world: Bench) -> None:
    await settled(world)
    world.limit(per_day=PER_DAY)
    await use_up(world, Priority.PERSON)
    outcome = await wish(world)
    due_at = (await world.state("sleep"))["due_at"]
    assert (outcome.is_done, outcome.waits_until) == (False, due_at)
    assert due_at > world.clock.now()
    await world.step(minutes=1, webhooks=False)
    await beat(world)
    world.limit(per_day=100_000)
    ticket = await ask.sync(world.engine, "ann", "whoop")
    assert ticket is not None
    assert {s["due_at"] for s in (await world.states()).values()} == {world.clock.now()}
    await world.step(minutes=1, webhooks=False)
    await beat(world)
    with pytest.raises(TooManyRequests):  # this one is under way
        await ask.sync(world.engine, "ann", "whoop")
    await visits(world, 12)
    assert (await ask.look(world.engine, ticket)).is_done


async def test_an_error_from_before_a_wish_is_not_its_own(world: Bench) -> None:
    await settled(world)
    await world.fault(SLEEP, "status", status=500, count=1)
    assert (await wish(world)).errors == {"sleep": "provider_unavailable"}
    await world.step(minutes=1, webhooks=False)
    async with world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set due_at = due_at + interval '1 hour' where resource = 'sleep'")
    outcome = await wish(world, "cycle")
    assert (outcome.is_done, outcome.errors) == (True, {})
    await world.step(minutes=1, webhooks=False)
    ticket = await ask.sync(world.engine, "ann", "whoop")
    assert ticket is not None
    before = await ask.look(world.engine, ticket)
    assert (before.is_done, before.errors) == (False, {})
    await visits(world, 12)
    after = await ask.look(world.engine, ticket)
    assert (after.is_done, after.errors) == (True, {})


async def test_a_day_without_calls_is_told_with_the_time_at_which_it_goes_on(world: Bench) -> None:
    await settled(world)
    await world.step(hours=2, webhooks=False)
    world.limit(per_day=PER_DAY)
    await use_up(world, Priority.PERSON)
    assert (await day(world))["sync"]["state"] == "ok"
    await wish(world)
    found = await told(world)
    sleep = found.resources["sleep"]
    due_at = (await world.state("sleep"))["due_at"]
    assert (sleep["state"], sleep["error"]) == ("waiting", "waiting_for_calls")
    assert sleep["retry_at"] == due_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    assert found.state == "stale"
    sync = (await day(world))["sync"]
    assert sync["state"] == "stale"
    assert sync["resources"]["sleep"]["error"] == "waiting_for_calls"
    assert sync["resources"]["sleep"]["next_due_at"] == sleep["retry_at"]


async def test_a_429_is_told_until_it_is_over(world: Bench) -> None:
    await settled(world)
    await world.fault(SLEEP, "status", status=429, count=1)
    await world.mark("sleep")
    await visits(world, 12)
    sleep = (await world.status())["sleep"]
    assert (sleep["state"], sleep["error"]) == ("waiting", "waiting_for_calls")
    assert sleep["retry_at"] > world.clock.now().strftime("%Y-%m-%dT%H:%M:%S")
    await world.step(seconds=61, webhooks=False)
    await visits(world, 12)
    sleep = (await world.status())["sleep"]
    assert (sleep["state"], sleep["error"], sleep["retry_at"]) == ("idle", None, None)


async def test_before_the_first_success_nothing_is_called_one(world: Bench) -> None:
    world.limit(per_day=3)
    await world.connect("ann")
    await use_up(world, Priority.PERSON)
    await visits(world, 12)
    found = await told(world)
    never = {name: r for name, r in found.resources.items() if r["last_success_at"] is None}
    assert never
    assert {(r["status"], r["error"]) for r in never.values()} == {("never", "waiting_for_calls")}
    assert found.state == "unavailable"


async def test_a_failed_wish_does_not_show_as_running(world: Bench) -> None:
    await settled(world)
    await world.fault(SLEEP, "status", status=500, count=None)
    await wish(world)
    assert (await world.state("sleep"))["priority"] == 0
    assert (await day(world))["sync"]["state"] == "stale"
    assert (await told(world)).state == "stale"


async def test_a_failure_in_the_history_is_no_failure_of_today(world: Bench) -> None:
    await world.connect("ann")
    await world.one()  # today
    await world.fault("/v2/cycle", "status", status=503, count=1)
    await world.one()
    before = await world.state("cycle")
    found = await told(world)
    cycle = found.resources["cycle"]
    assert (found.state, cycle["state"], cycle["status"], cycle["error"]) == ("ok", "backfilling", "success", None)
    assert cycle["next_due_at"] == before["due_at"].strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    history = cycle["backfill"]
    assert (history["is_running"], history["error"]) == (True, "provider_unavailable")
    assert history["next_due_at"] == before["backfill_due_at"].strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    assert (await day(world))["sync"]["state"] == "ok"
    await world.step(minutes=1, webhooks=False)
    await world.work()
    history = (await world.status())["cycle"]["backfill"]
    assert (history["is_running"], history["error"], history["next_due_at"]) == (False, None, None)
    assert history["from"] is not None


async def test_history_that_is_read_does_not_hide_that_today_fails(world: Bench) -> None:
    await world.connect("ann")
    await world.one()  # today
    success = (await world.state("sleep"))["last_success_at"]
    await world.step(minutes=2, webhooks=False)
    await world.fault(SLEEP, "status", status=500, count=1)
    await world.mark("sleep")
    await world.one()
    async with world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set due_at = due_at + interval '1 hour' where resource = 'sleep'")
    await visits(world, 30)
    found = (await world.status())["sleep"]
    assert found["backfill"]["is_running"] is False
    assert (found["status"], found["error"]) == ("failed", "provider_unavailable")
    assert (await world.state("sleep"))["last_success_at"] == success


async def test_history_that_waits_for_calls_says_so_apart(world: Bench) -> None:
    await world.connect("ann")
    await world.one()  # today
    world.limit(per_day=PER_DAY)
    await use_up(world, Priority.PERSON)
    await visits(world, 12)
    found = await told(world)
    cycle = found.resources["cycle"]
    assert (found.state, cycle["error"], cycle["backfill"]["error"]) == ("ok", None, "waiting_for_calls")
    assert cycle["backfill"]["next_due_at"] is not None


async def test_a_day_that_is_read_says_nothing_of_the_wait(world: Bench) -> None:
    await settled(world)
    sync = orjson.loads((await world.reader.day("ann", "whoop", (world.clock.now() - timedelta(days=1)).date())).body)["sync"]
    assert {r["error"] for r in sync["resources"].values()} == {None}
