"""The main job: connect, today first, then the history, then what webhooks say."""

from datetime import timedelta
from pathlib import Path

import orjson

from tests.integration.harness import Bench, bench

FIXTURES = Path(__file__).parents[2] / "fixtures" / "whoop"


async def test_after_connecting_the_store_holds_exactly_the_providers_records(world: Bench) -> None:
    account = (await world.members())[0]["user_id"]
    connected = await world.connect("ann")
    assert connected.missing_scopes == []
    await world.work()
    await world.same_as_truth("ann", account)


async def test_today_is_there_before_the_history(world: Bench) -> None:
    await world.connect("ann")
    assert await world.one()
    open_day = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"]
    document = await world.day("ann", open_day)
    assert document["cycle"]["is_open"] is True
    assert document["recovery"]["score"] is not None
    assert document["sync"]["state"] == "ok"
    assert (await world.rows("select count(*) as n from wearbase.sync_state where backfill_end is not null"))[0]["n"] == 4


async def test_a_night_is_seen_whole_after_its_webhooks(world: Bench) -> None:
    account = (await world.members())[0]["user_id"]
    await world.connect("ann")
    await world.work()
    await world.step(hours=24)
    assert await world.deliver() > 0
    await world.work()
    open_day = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"]
    document = await world.day("ann", open_day)
    assert document["sleep"]["asleep_s"] > 0
    assert document["recovery"]["score"] is not None
    assert document["cycle"]["is_open"] is True
    before = await world.day("ann", open_day - timedelta(days=1))
    assert before["cycle"]["is_open"] is False
    await world.same_as_truth("ann", account)


async def test_nothing_is_due_and_nothing_is_asked_when_nothing_happens(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    before = (await world.calls())["total"]
    assert await world.work() == 0
    assert (await world.calls())["total"] == before


async def test_reading_the_same_pages_again_changes_nothing(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    stored = await world.rows("select resource, external_id, stored_at, xmin::text from wearbase.record order by 1, 2")
    documents = await world.rows("select day, revision, updated_at, xmin::text from wearbase.day_document order by 1")
    world.clock.advance(timedelta(seconds=1))
    await world.mark()
    await world.work()
    assert await world.rows("select resource, external_id, stored_at, xmin::text from wearbase.record order by 1, 2") == stored
    assert await world.rows("select day, revision, updated_at, xmin::text from wearbase.day_document order by 1") == documents


async def test_ninety_days_of_history_cost_at_most_eighteen_calls(database_url: str) -> None:
    async with bench(database_url, days=120, backfill_days=90) as world:
        await world.connect("ann")
        await world.work()
        calls = await world.calls()
        history = calls["data"] - 1 - 4  # the profile, and today's four collections
        assert history <= 18, calls["by_route"]


async def test_a_documents_fields_stand_in_the_order_of_the_contract(world: Bench) -> None:
    contract = orjson.loads((FIXTURES / "day-document.json").read_bytes())
    await world.connect("ann")
    await world.work()
    open_day = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"]
    document = await world.day("ann", open_day - timedelta(days=1))
    for part in ("recovery", "sleep", "cycle"):
        assert list(document[part]) == list(contract[part])
    assert [key for key in document if key != "other_sleeps"] == list(contract)
    assert list(document["sync"]) == list(contract["sync"])
