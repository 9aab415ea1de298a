"""Webhooks that are doubled, name another record, come for old ones, or whose read fails; and records that none announces."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.engine.conftest import grown, inbox, local_day, newest, route_calls, settled, visits, work_for
from tests.integration.harness import RESOURCES, START, Bench, bench, canonical

MONTHS = timedelta(days=40)


@pytest.fixture
async def long_world(database_url: str) -> AsyncIterator[Bench]:
    """With records older than every window that is read."""
    async with bench(database_url, days=45, backfill_days=60) as made:
        yield made


def old_one(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The newest record of at least forty days ago; of sleeps, a night."""
    return newest([r for r in records if datetime.fromisoformat(r["start"]) < START - MONTHS and not r.get("nap")])


async def test_the_same_delivery_five_times_at_once_is_one_read(world: Bench) -> None:
    account = await settled(world)
    await world.event(account, "workout")
    ((headers, body),) = world.deliveries
    before = await route_calls(world)
    async with world.another() as other:
        await asyncio.gather(*(world.receiver.receive("whoop", headers, body) for _ in range(5)))
        await asyncio.gather(world.worker.drain(), other.drain())
    assert (await grown(world, before))["/v2/activity/workout"] == 1
    assert await inbox(world) == ["settled"]
    await world.same_as_truth("ann", account)


async def test_recovery_updated_names_a_sleep_through_which_the_cycle_and_its_recovery_are_found(world: Bench) -> None:
    account = await settled(world)
    old = newest([r for r in await world.truth(account, "sleep") if datetime.fromisoformat(r["end"]) < START - timedelta(days=8)])
    async with world.engine.db.transaction() as tx:  # as for a member whose history has not been reached
        await tx.execute("delete from wearbase.record where group_id = %s", (str(old["cycle_id"]),))
    before = await route_calls(world)
    await world.event(account, "rescore", resource="recovery", record_id=old["id"])
    (_, body), *more = world.deliveries
    assert (b'"recovery.updated"' in body, old["id"].encode() in body, more) == (True, True, [])
    await world.deliver()
    await world.work()
    spent = await grown(world, before)
    assert (spent["/v2/activity/sleep/{id}"], spent["/v2/cycle/{id}/recovery"]) == (1, 1)
    stored = {r["cycle_id"]: r for r in await world.stored("ann", "recovery")}
    assert stored[old["cycle_id"]] == {r["cycle_id"]: r for r in await world.truth(account, "recovery")}[old["cycle_id"]]
    assert await inbox(world) == ["settled"]


async def test_a_workout_moves_the_cycle_that_no_webhook_names(world: Bench) -> None:
    account = await settled(world)
    await world.step(minutes=50, webhooks=False)
    day = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"]
    before = (await world.day("ann", day))["cycle"]["strain"]
    await world.event(account, "workout", minutes=45)
    assert [b'"workout.updated"' in body for _, body in world.deliveries] == [True]
    await world.deliver()
    await world.work()
    strain = (await world.day("ann", day))["cycle"]["strain"]
    assert strain > before + 0.5
    assert strain == pytest.approx(newest(await world.truth(account, "cycle"))["score"]["strain"])


async def test_cycles_arrive_by_the_timetable_when_no_webhook_ever_comes(world: Bench) -> None:
    account = await settled(world)
    known = {c["id"] for c in await world.stored("ann", "cycle")}
    await work_for(world, steps=30, hours=1)
    fresh = {c["id"]: c for c in await world.truth(account, "cycle") if c["id"] not in known}
    stored = {c["id"]: c for c in await world.stored("ann", "cycle")}
    assert len(fresh) == 1
    assert fresh.keys() <= stored.keys()
    closed = [c for c in await world.truth(account, "cycle") if c["end"] is not None]
    assert all(stored[c["id"]] == c for c in closed)


async def test_a_webhooks_read_that_answers_503_is_tried_until_its_record_is_stored(long_world: Bench) -> None:
    world = long_world
    account = await settled(world)
    old = old_one(await world.truth(account, "workout"))
    await world.event(account, "rescore", resource="workout", record_id=old["id"])
    await world.fault("/v2/activity/workout/", "status", status=503, count=4)  # the read by id, not the collection
    await world.deliver()
    await visits(world, 5)
    found = (await world.status())["workout"]
    assert (found["status"], found["error"], found["open_deliveries"]) == ("failed", "provider_unavailable", 1)
    await work_for(world, steps=8, minutes=4)
    assert await inbox(world) == ["settled"]
    stored = {w["id"]: w for w in await world.stored("ann", "workout")}
    assert stored[old["id"]] == {w["id"]: w for w in await world.truth(account, "workout")}[old["id"]] != old


async def test_after_a_webhooks_read_has_succeeded_the_status_says_so(long_world: Bench) -> None:
    world = long_world
    account = await settled(world)
    old = old_one(await world.truth(account, "workout"))
    await world.event(account, "rescore", resource="workout", record_id=old["id"])
    await world.fault("/v2/activity/workout/", "status", status=503, count=2)
    await world.deliver()
    await work_for(world, steps=4, minutes=4)
    assert await inbox(world) == ["settled"]
    found = (await world.status())["workout"]
    assert (found["status"], found["error"], found["open_deliveries"]) == ("success", None, 0)


@pytest.mark.parametrize("change", ["rescore", "delete"])
async def test_a_delivery_that_needs_no_collection_drops_none_that_a_person_is_still_owed(long_world: Bench, change: str) -> None:
    world = long_world
    account = await settled(world)
    await world.step(hours=1, webhooks=False)  # the token has expired, and no slot has come
    await world.mark("workout")
    await world.fault("token", "status", status=503, count=100)
    assert await world.one()
    assert (await world.state("workout"))["error"] == "provider_unavailable"
    await world.heal()
    await world.event(account, "workout", webhooks=False)
    old = old_one(await world.truth(account, "workout"))
    await world.event(account, change, resource="workout", record_id=old["id"])
    await world.deliver()
    await visits(world, 2)
    assert await inbox(world) == ["settled"]
    assert (await world.state("workout"))["error"] is None
    assert canonical(await world.stored("ann", "workout")) == canonical(await world.truth(account, "workout"))


async def test_a_re_score_of_a_forty_day_old_record_arrives_by_its_webhook_alone(long_world: Bench) -> None:
    world = long_world
    account = await settled(world)
    old = old_one(await world.truth(account, "sleep"))
    day = local_day(old)
    before = await world.day("ann", day)
    await world.event(account, "rescore", resource="sleep", record_id=old["id"])
    await world.deliver()
    await visits(world, 5)
    await world.same_as_truth("ann", account)
    after = await world.day("ann", day)
    assert (after["sleep"]["rem_s"], after["sleep"]["light_s"]) != (before["sleep"]["rem_s"], before["sleep"]["light_s"])
    assert set(await inbox(world)) == {"settled"}


async def test_a_delete_of_a_forty_day_old_record_arrives_by_its_webhook_alone(long_world: Bench) -> None:
    world = long_world
    account = await settled(world)
    old = old_one(await world.truth(account, "sleep"))
    day = local_day(old)
    assert (await world.day("ann", day))["sleep"] is not None
    await world.event(account, "delete", resource="sleep", record_id=old["id"])
    await world.deliver()
    await visits(world, 5)
    for resource in ("sleep", "recovery"):
        assert canonical(await world.stored("ann", resource)) == canonical(await world.truth(account, resource))
    after = await world.day("ann", day)
    assert (after["sleep"], after["recovery"]) == (None, None)
    assert after["cycle"] is not None


async def test_a_late_upload_from_before_the_watermark_arrives_with_its_webhooks(world: Bench) -> None:
    account = await settled(world)
    await late_upload(world, account, days=6)
    assert await world.deliver() > 0
    await world.work()
    await has_arrived(world, account, "sleep", "recovery", "workout")


async def test_a_late_upload_brings_the_cycles_of_its_nights_with_it(world: Bench) -> None:
    account = await settled(world)
    await late_upload(world, account, days=6)
    assert await world.deliver() > 0
    await world.work()
    await has_arrived(world, account)


async def test_a_late_upload_from_before_the_watermark_arrives_without_any_webhook(world: Bench) -> None:
    account = await settled(world)
    await late_upload(world, account, days=2)
    world.deliveries.clear()
    await work_for(world, steps=25, hours=1)
    await has_arrived(world, account)


async def test_a_late_upload_older_than_the_usual_overlap_arrives_within_a_week_without_any_webhook(world: Bench) -> None:
    account = await settled(world)
    await late_upload(world, account, days=6)
    world.deliveries.clear()
    await work_for(world, steps=8 * 6, hours=4)
    await has_arrived(world, account)


async def late_upload(world: Bench, account: int, *, days: int) -> None:
    """The strap is out of touch that long, while the watermark moves on; then everything arrives at once."""
    await world.event(account, "sync_off")
    await work_for(world, steps=days * 3, hours=8)
    assert len(await world.stored("ann", "sleep")) == len(await world.truth(account, "sleep"))
    watermark = (await world.state("sleep"))["watermark"]
    await world.event(account, "sync_on")
    await world.step(minutes=5)
    nights = [s for s in await world.truth(account, "sleep") if START < datetime.fromisoformat(s["end"]) < watermark]
    assert len(nights) >= days - 1


async def has_arrived(world: Bench, account: int, *resources: str) -> None:
    """Fails unless everything is stored as it is now, the open cycle as of now."""
    await world.mark()
    await world.work()
    for resource in resources or RESOURCES:
        assert canonical(await world.stored("ann", resource)) == canonical(await world.truth(account, resource)), resource
