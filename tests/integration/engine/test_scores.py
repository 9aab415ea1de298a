"""Records that change: scored late, scored again, edited, napped beside, deleted. One record each, replaced whole."""

from typing import Any

from tests.integration.engine.conftest import inbox, local_day, newest, settled, visits, work_for
from tests.integration.harness import Bench, canonical

NIGHT_FIELDS = ("id", "in_bed_s", "asleep_s", "light_s", "slow_wave_s", "rem_s", "awake_s", "start_at", "end_at")


async def heard(world: Bench, account: int, event: str, **more: Any) -> None:
    """Something happens to the member, its webhooks come, and the work is done."""
    await world.event(account, event, **more)
    await world.deliver()
    await visits(world, 8)


async def stored_rows(world: Bench, resource: str, external_id: str) -> list[dict[str, Any]]:
    return await world.rows(
        "select raw, mapped, revision_at, score_state, deleted_at from wearbase.record where resource = %s and external_id = %s",
        resource, external_id,
    )  # fmt: skip


async def test_a_night_that_is_told_after_an_early_read_of_the_cycles_opens_its_day_at_once(world: Bench) -> None:
    account = await settled(world)
    await world.step(hours=20, webhooks=False)  # past five in the morning, before waking
    await world.mark("cycle")
    await world.work()
    await heard(world, account, "wake")
    night = newest(await world.truth(account, "sleep"), nap=False)
    document = await world.day("ann", local_day(night))
    assert document["sleep"]["id"] == night["id"]
    assert document["cycle"]["is_open"] is True
    assert document["cycle"]["id"] == night["cycle_id"]


async def test_a_night_pending_at_first_is_asked_for_at_1_5_15_and_60_minutes_and_then_by_the_timetable(world: Bench) -> None:
    account = await settled(world)
    await work_for(world, steps=10, hours=2)
    await heard(world, account, "wake", pending=True)
    day = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"]
    waits = []
    for minutes in (1, 5, 15, 60):
        waits.append(((await world.state("sleep"))["due_at"] - world.clock.now()).total_seconds() / 60)
        document = await world.day("ann", day)
        assert (document["sleep"]["asleep_s"], document["recovery"]["score"]) == (None, None)
        await world.step(minutes=minutes, webhooks=False)
        await visits(world, 8)
    assert waits == [1, 5, 15, 60]
    state = await world.state("sleep")
    assert state["reason"] == "timetable"
    await world.event(account, "score", webhooks=False)
    await world.step(seconds=(state["due_at"] - world.clock.now()).total_seconds() + 1, webhooks=False)
    await visits(world, 8)
    document = await world.day("ann", day)
    assert document["sleep"]["asleep_s"] > 0
    assert document["recovery"]["score"] is not None


async def test_a_workout_pending_at_first_is_replaced_by_its_score(world: Bench) -> None:
    account = await settled(world)
    await heard(world, account, "workout", pending=True)
    pending = newest(await world.stored("ann", "workout"))
    (row,) = await stored_rows(world, "workout", pending["id"])
    assert (row["score_state"], row["mapped"]["strain"]) == ("PENDING_SCORE", None)
    await world.step(seconds=40, webhooks=False)
    await heard(world, account, "score", resource="workout")
    (row,) = await stored_rows(world, "workout", pending["id"])
    assert row["score_state"] == "SCORED"
    assert row["mapped"]["strain"] > 0
    await world.same_as_truth("ann", account)


async def test_a_nap_an_hour_after_waking_stays_a_nap_and_the_nights_minutes_do_not_change_however_often_it_is_read(world: Bench) -> None:
    account = await settled(world)
    await world.step(hours=16, webhooks=False)
    await world.work()
    await heard(world, account, "wake")
    day = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"]
    night = {f: (await world.day("ann", day))["sleep"][f] for f in NIGHT_FIELDS}
    await world.step(minutes=92, webhooks=False)
    await heard(world, account, "nap", minutes=30)
    seen = []
    for _ in range(3):
        await world.step(minutes=3, webhooks=False)
        await world.mark()
        await visits(world, 8)
        document = await world.day("ann", day)
        seen.append({f: document["sleep"][f] for f in NIGHT_FIELDS})
        assert len(document["naps"]) == 1
        assert document["naps"][0]["id"] != night["id"]
        assert document["other_sleeps"] == []
    assert seen == [night] * 3
    assert (await world.rows("select count(*) as n from wearbase.record where resource = 'sleep' and day = %s", day))[0]["n"] == 2


async def test_a_re_scored_recovery_replaces_the_old_one_wholly(world: Bench) -> None:
    account = await settled(world)
    old = max(await world.stored("ann", "recovery"), key=lambda r: r["created_at"])
    (before,) = await stored_rows(world, "recovery", str(old["cycle_id"]))
    await heard(world, account, "rescore", resource="recovery")
    fresh = max(await world.truth(account, "recovery"), key=lambda r: r["created_at"])
    (after,) = await stored_rows(world, "recovery", str(old["cycle_id"]))
    assert fresh["cycle_id"] == old["cycle_id"]
    assert fresh["score"] != old["score"]
    assert after["raw"] == fresh
    assert (after["mapped"]["score"], after["mapped"]["hrv_rmssd_ms"]) == (
        fresh["score"]["recovery_score"], fresh["score"]["hrv_rmssd_milli"],
    )  # fmt: skip
    assert after["revision_at"] > before["revision_at"]


async def test_a_re_scored_sleep_replaces_the_old_one_wholly_and_nothing_of_the_old_is_merged(world: Bench) -> None:
    account = await settled(world)
    night = newest(await world.stored("ann", "sleep"), nap=False)
    await heard(world, account, "rescore", resource="sleep", record_id=night["id"])
    fresh = {s["id"]: s for s in await world.truth(account, "sleep")}[night["id"]]
    (after,) = await stored_rows(world, "sleep", night["id"])
    assert after["raw"] == fresh != night
    await world.sim.post("/control/options", json={"nulls": "absent"})  # what is not there any more does not stay
    await world.step(minutes=1, webhooks=False)
    await heard(world, account, "rescore", resource="sleep", record_id=night["id"])
    (after,) = await stored_rows(world, "sleep", night["id"])
    assert "v1_id" in fresh
    assert "v1_id" not in after["raw"]
    assert after["raw"] == {s["id"]: s for s in await world.truth(account, "sleep")}[night["id"]]


async def test_an_older_copy_that_arrives_later_replaces_nothing(world: Bench) -> None:
    account = await settled(world)
    old = newest(await world.stored("ann", "sleep"), nap=False)
    await heard(world, account, "rescore", resource="sleep", record_id=old["id"])
    (before,) = await stored_rows(world, "sleep", old["id"])

    async def behind(request: Any, send: Any) -> Any:
        answer = await send(request)
        body = await answer.aread()
        fresh = before["raw"]["updated_at"].encode()
        return type(answer)(
            answer.status_code, headers={"content-type": "application/json"}, content=body.replace(fresh, old["updated_at"].encode())
        )

    world.wire.meddle = behind
    await world.mark("sleep")
    await visits(world, 8)
    assert (await stored_rows(world, "sleep", old["id"])) == [before]


async def test_a_workout_whose_start_was_edited_stays_one_record_and_moves_to_its_new_day(world: Bench) -> None:
    account = await settled(world)
    await heard(world, account, "workout", minutes=40)
    old = newest(await world.stored("ann", "workout"))
    await heard(world, account, "edit", resource="workout", record_id=old["id"], shift_s=-14 * 3600)
    fresh = {w["id"]: w for w in await world.truth(account, "workout")}[old["id"]]
    assert fresh["start"] < old["start"]
    days = await world.rows("select day from wearbase.record where resource = 'workout' and external_id = %s", old["id"])
    assert [d["day"] for d in days] == [local_day(fresh, "start")]
    assert local_day(fresh, "start") < local_day(old, "start")
    listed = {day: [w["id"] for w in (await world.day("ann", day))["workouts"]] for day in (local_day(old, "start"), days[0]["day"])}
    assert [day for day, ids in listed.items() if old["id"] in ids] == [days[0]["day"]]
    await world.step(minutes=31, webhooks=False)
    await world.mark()
    await visits(world, 8)
    await world.same_as_truth("ann", account)


async def test_a_sleep_deleted_takes_its_recovery_with_it_even_if_only_its_own_webhook_comes(world: Bench) -> None:
    account = await settled(world)
    night = newest(await world.stored("ann", "sleep"), nap=False)
    day = local_day(night)
    await world.event(account, "delete", resource="sleep", record_id=night["id"])
    world.deliveries[:] = [d for d in world.deliveries if b'"sleep.deleted"' in d[1]]
    assert len(world.deliveries) == 1
    await world.deliver()
    await visits(world, 8)
    document = await world.day("ann", day)
    assert (document["sleep"], document["recovery"]) == (None, None)
    for resource in ("sleep", "recovery"):
        assert canonical(await world.stored("ann", resource)) == canonical(await world.truth(account, resource))
    assert await inbox(world) == ["settled"]
