"""The main job: connect, today first, then the history, then what webhooks say."""

from datetime import timedelta

import orjson

from tests.integration.harness import START, Bench

RESOURCES = ("recovery", "sleep", "workout", "cycle")


def canonical(records: list[dict]) -> list[bytes]:
    return sorted(orjson.dumps(r, option=orjson.OPT_SORT_KEYS) for r in records)


async def test_after_connecting_the_store_holds_exactly_the_providers_records(world: Bench) -> None:
    account = (await world.members())[0]["user_id"]
    connected = await world.connect("ann")
    assert connected.missing_scopes == []
    await world.work()
    for resource in RESOURCES:
        assert canonical(await world.stored("ann", resource)) == canonical(await world.truth(account, resource)), resource


async def test_today_is_there_before_the_history(world: Bench) -> None:
    await world.connect("ann")
    assert await world.worker._one()
    today = (START + timedelta(minutes=(await world.rows("select utc_offset_min from wearbase.connection"))[0]["utc_offset_min"])).date()
    document = await world.day("ann", today)
    assert document["cycle"] is not None
    assert document["sync"]["state"] == "ok"
    assert (await world.rows("select count(*) as n from wearbase.sync_state where backfill_end is not null"))[0]["n"] == 4
