"""Deliveries that carry their records: stored from the inbox, in batches, without a call."""

import random
from datetime import timedelta

import orjson
import pytest

from tests.integration.sahha.conftest import ANN, Sahha
from wearbase.domain.errors import BadSignature
from wearbase.store import connections
from wearbase.sync.chores import plan_chores
from wearbase.sync.visits import inbox
from wearbase.sync.worker import LEASE

STORED = ("settled", "stored from the delivery")
LOGGED = ("parked", "unknown_type")  # raw logs, one in each push
SCORE, BIOMARKER = "ScoreCreatedIntegrationEvent", "BiomarkerCreatedIntegrationEvent"


def steps(count: object, *, at: str = "2026-11-18T15:30:00Z", of: str = ANN, periodicity: str = "daily", day: str = "2026-11-16") -> dict:
    return {
        "id": "b1", "externalId": of, "category": "activity", "type": "steps", "periodicity": periodicity, "aggregation": "total",
        "value": count, "unit": "count", "valueType": "integer", "startDateTime": f"{day}T00:00:00+00:00",
        "endDateTime": f"{day}T23:59:59+00:00", "createdAtUtc": at, "version": 1,
    }  # fmt: skip


KEY = "activity/steps/day/2026-11-16"


async def test_what_is_delivered_is_stored_without_a_call_and_the_day_shows_it(sahha: Sahha) -> None:
    await sahha.settled()
    await sahha.world.step(hours=1, webhooks=False)
    count = await sahha.push()
    assert count > 20
    assert await sahha.deliver() == []
    sahha.watch()
    before = await sahha.states()
    await sahha.world.work()
    assert sahha.asked == []
    assert await sahha.inbox() == {STORED: count - 1, LOGGED: 1}
    after = await sahha.states()
    for name in ("watermark", "due_at", "reason", "last_success_at", "api_calls"):
        assert {r: s[name] for r, s in after.items()} == {r: s[name] for r, s in before.items()}, name
    assert after["biomarker"]["records_synced"] > before["biomarker"]["records_synced"]
    today = (sahha.world.clock.now() + timedelta(minutes=await sahha.column("utc_offset_min"))).date()
    told = orjson.loads((await sahha.world.rows('select body from wearbase.delivery where body like \'%%"type":"steps"%%\''))[0]["body"])
    assert (await sahha.day(today))["activity"]["steps_count"] == int(told["value"])


async def test_the_same_delivery_again_and_in_any_order_changes_nothing(sahha: Sahha) -> None:
    await sahha.settled()
    await sahha.push()
    twice = list(sahha.world.sahha_deliveries)
    await sahha.deliver()
    await sahha.world.work()
    before = await sahha.world.rows("select * from wearbase.record where provider = 'sahha' order by resource, external_id")
    random.Random(3).shuffle(twice)
    sahha.world.sahha_deliveries.extend([*twice, *twice])
    await sahha.deliver()
    await sahha.world.work()
    assert await sahha.inbox() == {STORED: len(twice) - 1, LOGGED: 1}
    assert await sahha.world.rows("select * from wearbase.record where provider = 'sahha' order by resource, external_id") == before


async def test_the_newest_copy_wins_however_they_arrive_and_the_final_one_over_all(sahha: Sahha) -> None:
    await sahha.settled(is_empty=True)
    told = [
        steps(100, at="2026-11-17T08:00:00Z", periodicity="intraday"), steps(300, at="2026-11-17T10:00:00Z", periodicity="intraday"),
        steps(290, at="2026-11-17T09:00:00Z"), steps(280, at="2026-11-17T08:30:00Z"),
    ]  # fmt: skip
    for seed in range(4):
        order = random.Random(seed).sample(told, len(told))
        for one in order:
            await sahha.tell({**one, "n": seed}, x_event_type=BIOMARKER)
            await sahha.world.work()
    assert (await sahha.values("biomarker"))[KEY]["value"] == 290
    await sahha.tell([steps(1, at="2026-11-16T01:00:00Z"), steps("291.", at="2026-11-17T09:01:00Z")])
    await sahha.world.work()
    assert (await sahha.values("biomarker"))[KEY]["value"] == 291


async def test_a_false_signature_or_header_is_refused_and_leaves_nothing(sahha: Sahha) -> None:
    await sahha.settled()
    for fault in ("sahha-wrong-signatures", "sahha-mismatch"):
        await sahha.world.sim.post("/control/faults", json={"name": fault})
        count = await sahha.push()
        assert await sahha.deliver() == ["bad_signature"] * count
        await sahha.world.heal()
    assert await sahha.inbox() == {}
    with pytest.raises(BadSignature):
        await sahha.world.receiver.receive("sahha", {}, orjson.dumps(steps(1)))


async def test_without_a_secret_nothing_is_believed(sahha: Sahha) -> None:
    await sahha.settled()
    object.__setattr__(sahha.world.engine.app("sahha").credentials, "webhook_secret", "")
    count = await sahha.push()
    assert await sahha.deliver() == ["bad_signature"] * count


@pytest.mark.parametrize(
    ("body", "said", "reason"),
    [
        (steps("many"), BIOMARKER, "At: value"),
        (steps(7), SCORE, "its header names another event"),
        ({"externalId": ANN, "id": "x", "streak": 3}, "StreakCreatedIntegrationEvent", "unknown_type"),
    ],
)
async def test_what_cannot_be_understood_is_parked_with_its_body_and_the_reason(sahha: Sahha, body: dict, said: str, reason: str) -> None:
    await sahha.settled(is_empty=True)
    await sahha.tell(body, x_event_type=said)
    await sahha.world.work()
    [found] = await sahha.world.rows("select state, reason, body, user_id from wearbase.delivery")
    assert (found["state"], found["user_id"], orjson.loads(found["body"])) == ("parked", "ann", body)
    assert reason in found["reason"]
    assert await sahha.values("biomarker") == {}


async def test_an_unknown_profile_is_told_nothing_and_its_body_is_not_kept(sahha: Sahha) -> None:
    await sahha.settled(is_empty=True)
    await sahha.tell(steps(7, of="u-nobody"))
    [found] = await sahha.world.rows("select state, reason, body, user_id from wearbase.delivery")
    assert found == {"state": "parked", "reason": "unknown_member", "body": None, "user_id": ""}


async def test_a_list_for_two_members_is_two_deliveries_each_with_its_own_part(sahha: Sahha) -> None:
    await sahha.settled(is_empty=True)
    await sahha.profile("u-ben", is_empty=True)
    await sahha.join("ben", "u-ben")
    await sahha.world.work()
    await sahha.tell([steps(11), steps(22, of="u-ben")])
    await sahha.world.work()
    assert [(await sahha.values("biomarker", user))[KEY]["value"] for user in ("ann", "ben")] == [11, 22]
    bodies = {f["user_id"]: f["body"] for f in await sahha.world.rows("select user_id, body from wearbase.delivery")}
    assert b"u-ben" not in bodies["ann"]
    assert b"u-ben" in bodies["ben"]


async def test_what_was_told_of_an_account_that_the_member_left_is_parked(sahha: Sahha) -> None:
    await sahha.settled(is_empty=True)
    await sahha.tell(steps(7))
    await sahha.profile("u-another", is_empty=True)
    await sahha.join("ann", "u-another")
    await sahha.world.work()
    assert await sahha.inbox() == {("parked", "another member's record"): 1}
    assert await sahha.values("biomarker") == {}


async def test_deliveries_are_stored_while_reads_fail_and_change_nothing_of_their_waiting(sahha: Sahha) -> None:
    await sahha.settled()
    await sahha.world.fault("/sahha", "status", status=500, count=None)
    await sahha.world.step(hours=24, webhooks=False)
    await sahha.world.work()
    failing = await sahha.states()
    assert all(s["error"] == "provider_unavailable" and s["attempts"] > 0 for s in failing.values())
    sahha.watch()
    await sahha.tell(steps(77))
    await sahha.world.work()
    assert (await sahha.values("biomarker"))[KEY]["value"] == 77
    assert sahha.asked == []
    waiting = ("due_at", "attempts", "error", "reason", "priority", "window_start")
    assert [[s[w] for w in waiting] for s in (await sahha.states()).values()] == [[s[w] for w in waiting] for s in failing.values()]


async def test_deliveries_need_no_budget(sahha: Sahha) -> None:
    await sahha.settled()
    object.__setattr__(sahha.world.engine.app("sahha"), "per_day", 1)
    await sahha.tell(steps(77))
    await sahha.world.work()
    assert await sahha.inbox() == {STORED: 1}


async def test_an_idle_members_deliveries_are_stored_all_the_same(sahha: Sahha) -> None:
    await sahha.settled()
    for _ in range(5):
        await sahha.world.step(hours=24, webhooks=False)
    await sahha.tell(steps(77))
    await sahha.world.one()
    assert await sahha.inbox() == {STORED: 1}


async def test_many_are_stored_in_few_transactions_and_a_visit_leaves_others_their_turn(
    sahha: Sahha, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sahha.settled(is_empty=True)
    monkeypatch.setattr(inbox, "BATCH", 10)
    monkeypatch.setattr(inbox, "BATCHES_A_VISIT", 2)
    for day in range(1, 26):
        await sahha.tell(steps(day, day=f"2026-10-{day:02}"))
    await sahha.world.one()
    assert (await sahha.inbox())[STORED] == 20
    await sahha.world.one()
    assert await sahha.inbox() == {STORED: 25}
    assert await sahha.column("inbox_due_at") is None


async def test_a_worker_that_dies_in_the_middle_leaves_them_for_another(sahha: Sahha, monkeypatch: pytest.MonkeyPatch) -> None:
    await sahha.settled(is_empty=True)
    await sahha.tell(steps(5))

    async def dies(*args: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(inbox, "keep_page", dies)
        with pytest.raises(KeyboardInterrupt):
            await sahha.world.one()
    assert await sahha.inbox() == {("open", None): 1}
    sahha.world.clock.advance(LEASE + inbox.BROKEN_RETRY)
    await sahha.world.work()
    assert await sahha.inbox() == {STORED: 1}


async def test_one_that_comes_while_the_last_are_being_stored_is_not_forgotten(sahha: Sahha, monkeypatch: pytest.MonkeyPatch) -> None:
    await sahha.settled(is_empty=True)
    await sahha.tell(steps(5))
    kept = inbox.keep_page

    async def late(*args: object, **more: object) -> object:
        done = await kept(*args, **more)  # type: ignore[arg-type]
        await sahha.tell(steps(6, day="2026-11-15"))
        return done

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(inbox, "keep_page", late)
        await sahha.world.one()
    assert (await sahha.inbox())[("open", None)] == 1
    assert await sahha.column("inbox_due_at") is not None
    await sahha.world.work()
    assert await sahha.inbox() == {STORED: 2}


async def test_a_disconnected_members_deliveries_are_parked_and_never_stored(sahha: Sahha) -> None:
    await sahha.settled(is_empty=True)
    await sahha.tell(steps(5))
    async with sahha.world.engine.db.transaction() as tx:
        connection = await connections.get(tx, "ann", "sahha")
        assert connection is not None
        await connections.end(tx, connection, now=sahha.world.clock.now())
    await sahha.tell(steps(6))
    await sahha.world.work()
    assert await sahha.values("biomarker") == {}
    assert ("settled", STORED[1]) not in await sahha.inbox()


async def test_settled_ones_are_forgotten_after_days_and_what_waits_is_not(sahha: Sahha) -> None:
    await sahha.settled()
    for value in range(4):
        await sahha.tell(steps(value, at=f"2026-11-18T15:3{value}:00Z"))
    await sahha.world.work()
    await sahha.tell(steps("many"))
    await sahha.world.step(days=4, webhooks=False)
    async with sahha.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.chore set due_at = %s where kind = 'prune'", (sahha.world.clock.now(),))
    await plan_chores(sahha.world.engine)
    await sahha.world.work()
    assert [state for state, _ in await sahha.inbox()] == ["parked"]
