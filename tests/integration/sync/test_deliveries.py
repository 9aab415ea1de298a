"""Deliveries: remembered once, settled by their own record, however old it is."""

import base64
import hashlib
import hmac
from datetime import timedelta

import orjson
import pytest

from tests.integration.harness import Bench
from wearbase.domain.errors import BadSignature, StaleDelivery


async def connected(world: Bench) -> int:
    account = (await world.members())[0]["user_id"]
    await world.connect("ann")
    await world.work()
    world.clock.advance(timedelta(minutes=2))
    return account


async def inbox(world: Bench) -> list[tuple[str, str | None]]:
    found = await world.rows("select state, reason from wearbase.delivery order by id")
    return [(f["state"], f["reason"]) for f in found]


async def test_a_workout_becomes_visible_and_its_delivery_is_settled(world: Bench) -> None:
    account = await connected(world)
    await world.step(minutes=10)
    await world.event(account, "workout")
    await world.deliver()
    await world.work()
    await world.same_as_truth("ann", account)
    assert {state for state, _ in await inbox(world)} == {"settled"}


async def test_the_same_delivery_five_times_is_one_read(world: Bench) -> None:
    account = await connected(world)
    await world.event(account, "workout")
    once = list(world.deliveries)
    await world.deliver()
    await world.work()
    calls = (await world.calls())["data"]
    for _ in range(4):
        world.deliveries.extend(once)
        await world.deliver()
        await world.work()
    assert (await world.calls())["data"] == calls
    assert len(await inbox(world)) == len(once)


async def test_a_record_older_than_every_window_is_read_by_its_id(world: Bench) -> None:
    account = await connected(world)
    old = (await world.truth(account, "sleep"))[-3]
    await world.event(account, "rescore", resource="sleep", record_id=old["id"])
    await world.deliver()
    await world.work()
    await world.same_as_truth("ann", account)
    reasons = {reason for _, reason in await inbox(world)}
    assert reasons == {"read by id"}


async def test_a_recovery_is_found_by_its_sleep(world: Bench) -> None:
    account = await connected(world)
    old = next(r for r in reversed(await world.truth(account, "recovery")))
    await world.event(account, "rescore", resource="recovery", record_id=str(old["cycle_id"]))
    await world.deliver()
    await world.work()
    await world.same_as_truth("ann", account)


async def test_a_deleted_night_takes_its_recovery_with_it_and_the_day_says_so(world: Bench) -> None:
    account = await connected(world)
    day = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"]
    assert (await world.day("ann", day))["sleep"] is not None
    night = next(s for s in await world.truth(account, "sleep") if not s["nap"])
    await world.event(account, "delete", resource="sleep", record_id=night["id"])
    await world.deliver()
    await world.work()
    document = await world.day("ann", day)
    assert document["sleep"] is None
    assert document["recovery"] is None
    assert document["cycle"] is not None
    await world.same_as_truth("ann", account)


async def test_a_deletion_alone_needs_no_read_by_id(world: Bench) -> None:
    account = await connected(world)
    old = (await world.truth(account, "workout"))[-1]
    await world.event(account, "delete", resource="workout", record_id=old["id"])
    await world.deliver()
    await world.work()
    assert not any("/{workoutId}" in route or old["id"] in route for route in (await world.calls())["by_route"])
    assert old["id"] not in {w["id"] for w in await world.stored("ann", "workout")}


async def test_a_record_that_comes_back_is_seen_again(world: Bench) -> None:
    account = await connected(world)
    record = (await world.truth(account, "workout"))[0]
    await world.event(account, "delete", resource="workout", record_id=record["id"])
    await world.deliver()
    await world.work()
    await world.step(minutes=1, webhooks=False)
    await world.event(account, "revive", resource="workout", record_id=record["id"])
    await world.deliver()
    await world.work()
    await world.same_as_truth("ann", account)


async def test_a_record_not_there_yet_is_asked_for_again_and_then_given_up(world: Bench) -> None:
    account = await connected(world)
    old = (await world.truth(account, "workout"))[-1]
    await world.event(account, "rescore", resource="workout", record_id=old["id"])
    await world.fault("/v2/activity/workout/", "status", status=404, count=99)
    await world.deliver()
    await world.work()
    for minutes in (1, 5, 15, 60):
        assert [state for state, _ in await inbox(world)] == ["open"]
        await world.step(minutes=minutes, webhooks=False)
        await world.work()
    assert await inbox(world) == [("settled", "gone")]
    assert old["id"] not in {w["id"] for w in await world.stored("ann", "workout")}


async def test_a_delivery_whose_read_fails_stays_open_until_it_is_stored(world: Bench) -> None:
    account = await connected(world)
    await world.event(account, "workout")
    await world.fault("/v2/activity/workout", "status", status=503, count=2)
    await world.deliver()
    await world.work()
    assert [state for state, _ in await inbox(world)] == ["open"]
    for _ in range(3):
        await world.step(minutes=2, webhooks=False)
        await world.work()
    assert [state for state, _ in await inbox(world)] == ["settled"]
    await world.same_as_truth("ann", account)


async def test_pending_scores_are_asked_for_again_until_they_are_there(world: Bench) -> None:
    account = await connected(world)
    await world.step(hours=20, webhooks=False)
    await world.event(account, "wake", pending=True)
    await world.deliver()
    await world.work()
    day = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"]
    document = await world.day("ann", day)
    assert document["recovery"]["score_state"] == "PENDING_SCORE"
    assert document["recovery"]["score"] is None
    await world.event(account, "score", webhooks=False)
    await world.step(minutes=1.1, webhooks=False)
    await world.work()
    assert (await world.day("ann", day))["recovery"]["score"] is not None


async def test_unknown_members_and_types_are_parked_without_their_data(world: Bench) -> None:
    account = await connected(world)
    await world.event(account, "workout")
    ((_, body),) = world.deliveries[:1]
    world.deliveries.clear()
    for change in ({"user_id": 999}, {"type": "body.updated"}):
        forged = orjson.dumps({**orjson.loads(body), **change})
        await world.receiver.receive("whoop", sign(world, forged), forged)
    found = await world.rows("select user_id, state, reason, body, external_id, member_hash from wearbase.delivery order by id")
    assert [(f["state"], f["reason"]) for f in found] == [("parked", "unknown_member"), ("parked", "unknown_type")]
    assert (found[0]["user_id"], found[0]["body"], found[0]["external_id"]) == ("", None, None)
    assert len(found[0]["member_hash"]) == 16


def sign(world: Bench, body: bytes, *, age: timedelta = timedelta(0)) -> dict[str, str]:
    stamp = str(int((world.clock.now() - age).timestamp() * 1000))
    secret = world.engine.app("whoop").credentials.client_secret.encode()
    digest = hmac.new(secret, stamp.encode() + body, hashlib.sha256).digest()
    return {"x-whoop-signature": base64.b64encode(digest).decode(), "x-whoop-signature-timestamp": stamp}


@pytest.mark.parametrize(("minutes", "is_accepted"), [(3, True), (114, True), (126, False)])
async def test_late_deliveries_are_accepted_for_two_hours(world: Bench, minutes: int, is_accepted: bool) -> None:
    account = await connected(world)
    body = orjson.dumps({"user_id": account, "id": "41f3a0e2-0f5e-5a9d-8f15-2f5c3a1c7e77", "type": "workout.updated", "trace_id": "t"})
    headers = sign(world, body, age=timedelta(minutes=minutes))
    if is_accepted:
        await world.receiver.receive("whoop", headers, body)
    else:
        with pytest.raises(StaleDelivery):
            await world.receiver.receive("whoop", headers, body)
    assert len(await inbox(world)) == int(is_accepted)


async def test_a_wrong_signature_leaves_nothing(world: Bench) -> None:
    account = await connected(world)
    body = orjson.dumps({"user_id": account, "id": "41f3a0e2-0f5e-5a9d-8f15-2f5c3a1c7e77", "type": "workout.updated", "trace_id": "t"})
    headers = sign(world, body)
    with pytest.raises(BadSignature):
        await world.receiver.receive("whoop", headers, body + b" ")
    assert await inbox(world) == []
