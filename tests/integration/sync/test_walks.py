"""Walks over collections: pages, watermarks, failures in the middle, records that cannot be mapped."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.integration.harness import START, Bench
from wearbase.domain.errors import UnexpectedPayload
from wearbase.domain.records import Page, Record
from wearbase.providers.whoop import client
from wearbase.providers.whoop.mapping import map_cycle
from wearbase.store import connections
from wearbase.store.postgres.database import Tx
from wearbase.sync.visits.keep import keep_page

OVERLAP = timedelta(days=3)


async def test_the_watermark_waits_for_the_history_and_then_follows_explicit_ends(world: Bench) -> None:
    await world.connect("ann")
    await world.one()
    assert (await world.state("cycle"))["watermark"] is None
    await world.work()
    assert (await world.state("cycle"))["watermark"] == START - OVERLAP
    world.clock.advance(timedelta(minutes=2))
    await world.mark("cycle")
    await world.work()
    assert (await world.state("cycle"))["watermark"] == world.clock.now()


async def test_a_failed_page_moves_nothing_for_its_resource_and_nothing_for_others(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    before = await world.states()
    world.clock.advance(timedelta(minutes=2))
    await world.fault("/v2/recovery", "status", status=500, count=1)
    await world.mark()
    await world.one()
    after = await world.states()
    assert after["recovery"]["watermark"] == before["recovery"]["watermark"]
    assert after["recovery"]["last_success_at"] == before["recovery"]["last_success_at"]
    assert after["recovery"]["last_attempt_at"] > before["recovery"]["last_attempt_at"]
    assert after["recovery"]["error"] == "provider_unavailable"
    assert after["sleep"]["watermark"] == world.clock.now()
    assert after["sleep"]["error"] is None


async def test_a_failure_in_the_history_keeps_the_pages_read_and_goes_on_there(world: Bench) -> None:
    account = (await world.members())[0]["user_id"]
    await world.connect("ann")
    await world.one()  # today
    await world.one()  # one page of history each
    token = (await world.state("cycle"))["backfill_token"]
    assert token is not None
    await world.fault("/v2/cycle", "status", status=503, count=1)
    await world.one()
    state = await world.state("cycle")
    assert (state["backfill_token"], state["backfill_error"], state["error"]) == (token, "provider_unavailable", None)
    await world.step(minutes=1, webhooks=False)
    await world.work()
    assert (await world.state("cycle"))["backfill_end"] is None
    await world.same_as_truth("ann", account)


@pytest.mark.parametrize("kind", ["html", "empty", "cut", "drop"])
async def test_an_answer_that_is_no_answer_is_a_failure_and_never_an_empty_success(world: Bench, kind: str) -> None:
    await world.connect("ann")
    await world.work()
    before = await world.state("sleep")
    world.clock.advance(timedelta(minutes=2))
    await world.fault("/v2/activity/sleep", kind, count=1)
    await world.mark("sleep")
    await world.one()
    after = await world.state("sleep")
    assert after["error"] is not None
    assert after["last_success_at"] == before["last_success_at"]
    assert after["due_at"] > world.clock.now()
    await world.step(minutes=1, webhooks=False)
    await world.work()
    assert (await world.state("sleep"))["error"] is None


async def test_failures_wait_longer_each_time(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    await world.fault("/v2/cycle", "status", status=500, count=99)
    waits = []
    for _ in range(4):
        await world.mark("cycle")
        await world.one()
        waits.append((await world.state("cycle"))["due_at"] - world.clock.now())
    assert all(later > earlier * 2 for earlier, later in pairwise(waits))


async def test_a_mark_made_during_a_walk_is_served_by_another(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    await world.mark("sleep")
    async with world.engine.db.transaction() as tx:
        await tx.execute(
            "update wearbase.sync_state set window_start = %s, window_end = %s, window_marks = marks where resource = 'sleep'",
            (START - OVERLAP, START),
        )
    await world.mark("sleep")
    before = (await world.calls())["data"]
    await world.work()
    assert (await world.calls())["data"] == before + 2


async def test_records_that_cannot_be_mapped_are_parked_and_the_rest_is_stored(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    account = (await world.members())[0]["user_id"]
    broken = (await world.truth(account, "workout"))[0]["id"]
    real = client.map_workout

    def map_workout(wire: Any) -> Record:
        mapped = real(wire)
        if mapped.external_id == broken:
            raise UnexpectedPayload(path="score.strain")
        return mapped

    monkeypatch.setattr(client, "map_workout", map_workout)
    await world.connect("ann")
    await world.work()
    parked = await world.rows("select external_id, reason from wearbase.parked_record")
    assert [p["external_id"] for p in parked] == [broken]
    assert len(await world.stored("ann", "workout")) == len(await world.truth(account, "workout")) - 1
    monkeypatch.undo()
    world.clock.advance(timedelta(minutes=2))
    await world.mark("workout")
    await world.work()
    assert await world.rows("select 1 from wearbase.parked_record") == []


async def test_a_record_of_another_member_is_parked_without_its_payload(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    before = len(await world.stored("ann", "cycle"))
    other = (await world.members())[1]["user_id"]
    foreign = map_cycle((await world.truth(other, "cycle"))[0])
    now = world.clock.now()
    async with world.engine.db.transaction() as tx:
        connection = await connections.get(tx, "ann", "whoop")
    assert connection is not None

    async def step(tx: Tx) -> None: ...

    await keep_page(world.engine, world.engine.app("whoop"), connection, Page([foreign], []), read_at=now, step=step)
    assert len(await world.stored("ann", "cycle")) == before
    parked = await world.rows("select reason, raw from wearbase.parked_record")
    assert [(p["reason"], p["raw"]) for p in parked] == [("another member's record", None)]
