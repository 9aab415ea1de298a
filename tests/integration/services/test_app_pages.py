"""The phone app at an entry point: its pages are those of the service, from the copy, and an open page is told what changes there."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.integration.live.test_stream import Reader
from tests.integration.services.conftest import ENV_KEY, Pair
from wearbase.sync.remote.refresh import HURRY


async def days_of(two: Pair) -> list[date]:
    return [row["day"] for row in await two.far.world.rows("select day from wearbase.day_document order by day")]


async def pages(two: Pair, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the two answer, without what tells the time or is of a source that only one of them has."""
    near, far = await two.both(f"/api/v1/app/ann/{path}")
    for found in (near, far):
        found.pop("server_time", None)
        found.get("sources", {}).pop("sahha", None)
    return near, far


async def test_a_days_page_is_the_services_own(joined: Pair) -> None:
    days = await days_of(joined)
    near, far = await pages(joined, "day")
    assert near == far
    assert near["usual"]["strain"]["low"] is not None
    for day in (days[-1], days[-4], days[0], days[-1] + timedelta(days=1), days[0] - timedelta(days=3), days[0] - timedelta(days=500)):
        near, far = await pages(joined, f"day?date={day}")
        assert near == far, day


async def test_before_the_history_the_next_day_is_its_first_though_nothing_else_was_asked_for(joined: Pair) -> None:
    first = (await days_of(joined))[0]
    near, far = await pages(joined, f"day?date={first - timedelta(days=700)}")
    assert near["next_day_with_data"] == far["next_day_with_data"] == first.isoformat()


async def test_a_gap_names_the_days_around_it_as_the_service_does(joined: Pair) -> None:
    last = (await days_of(joined))[-1]
    async with joined.far.world.engine.db.transaction() as tx:
        between = (last - timedelta(days=9), last - timedelta(days=6))
        for table in ("day_document", "metric"):
            await tx.execute(f"delete from wearbase.{table} where day between %s and %s", between)  # pyright: ignore[reportArgumentType]
    near, far = await pages(joined, f"day?date={last - timedelta(days=8)}")
    assert near == far
    assert near["next_day_with_data"] == (last - timedelta(days=5)).isoformat()


async def test_what_was_never_asked_for_is_no_neighbour(joined: Pair) -> None:
    await joined.near.get("/api/v1/whoop/daily-data/ann")
    joined.cut()
    day = (await days_of(joined))[-1] - timedelta(days=20)
    joined.later(seconds=40)
    near = (await joined.near.get(f"/api/v1/app/ann/day?date={day}")).json()
    assert near["day"]["sync"]["no_data_reason"] == "not_reached"
    assert near["next_day_with_data"] is None
    assert near["sources"]["whoop"]["state"] == "stale"


async def test_months_are_the_services_own(joined: Pair) -> None:
    last = (await days_of(joined))[-1]
    for month in (last, last.replace(day=1) - timedelta(days=1)):
        near, far = await pages(joined, f"month?month={month:%Y-%m}")
        assert near == far
        assert any(cell["recovery"] is not None for cell in near["days"])


async def test_workouts_are_the_services_own_page_by_page(joined: Pair) -> None:
    path, listed = "workouts?limit=4", []
    for _ in range(3):
        near, far = await pages(joined, path)
        assert (near["workouts"], near["week"]) == (far["workouts"], far["week"])
        listed += near["workouts"]
        path = f"workouts?limit=4&before={near['next']}"
    assert len({one["id"] for one in listed}) == 12


async def test_a_page_of_workouts_that_ends_with_the_copied_days_goes_on_before_them(joined: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wearbase.read.views.workouts.COPIED_DAYS", timedelta(days=6))
    listed, before = [], ""
    for _ in range(20):
        near = (await joined.near.get(f"/api/v1/app/ann/workouts?limit=100{before}")).json()
        listed += [one["id"] for one in near["workouts"]]
        if near["next"] is None:
            break
        before = f"&before={near['next']}"
    all_there = (await joined.far.get("/api/v1/app/ann/workouts?limit=100")).json()["workouts"]
    assert listed == [one["id"] for one in all_there]


async def test_sources_say_on_how_many_days_there_is_what(joined: Pair) -> None:
    near, far = await joined.both("/api/v1/health/sources/ann")
    assert near["days_by_resource"] == far["days_by_resource"]
    assert near["days_by_resource"]["whoop"]["sleep"] > 0


async def test_without_the_service_the_pages_are_the_copy_and_say_so(joined: Pair) -> None:
    before = {path: (await pages(joined, path))[0] for path in ("day", "workouts")}
    joined.cut()
    joined.later(seconds=31)
    day = (await joined.near.get("/api/v1/app/ann/day")).json()
    assert day["sources"]["whoop"]["state"] == "stale"
    assert day["day"]["recovery"] == before["day"]["day"]["recovery"]
    assert (await joined.near.get("/api/v1/app/ann/workouts")).json() == before["workouts"]


async def test_an_open_page_is_told_what_changes_at_the_service(joined: Pair) -> None:
    reader = Reader(joined.near, "ann", {"x-api-key": ENV_KEY})
    try:
        assert await reader.until("connection", state="connected")
        assert (await reader.until("sync", provider="whoop", resource=None))["days_stored"] == len(await days_of(joined))
        account = (await joined.far.world.members())[0]["user_id"]
        joined.later(minutes=20)  # what is written there now is older than what this page looks back for
        await joined.far.world.event(account, "rescore", resource="recovery")
        await joined.far.world.deliver()
        await joined.far.world.work()
        joined.later(minutes=10)
        told = await reader.until("day", provider="whoop", day=(await days_of(joined))[-1].isoformat())
        assert told["revision"]
    finally:
        await reader.leave()


async def test_after_a_wish_the_copy_follows_within_seconds(joined: Pair) -> None:
    await joined.near.get("/api/v1/app/ann/day")
    assert (await joined.near.post("/api/v1/whoop/sync/ann?wait=false")).status_code == 202
    running = (await joined.near.get("/api/v1/health/sources/ann")).json()["sources"]["whoop"]["resources"]
    assert {one["state"] for one in running.values()} == {"running"}
    await joined.far.world.work()
    joined.later(seconds=HURRY.total_seconds() + 1)
    done = (await joined.near.get("/api/v1/health/sources/ann")).json()["sources"]["whoop"]["resources"]
    assert {one["state"] for one in done.values()} <= {"idle", "backfilling"}
    assert sum(one["api_calls"] for one in done.values()) > sum(one["api_calls"] for one in running.values())


async def test_disconnecting_shows_at_once(joined: Pair) -> None:
    await joined.near.get("/api/v1/app/ann/day")
    await joined.near.delete("/api/v1/whoop/connect/ann")
    near, far = await pages(joined, "day")
    assert near["sources"]["whoop"]["state"] == far["sources"]["whoop"]["state"] == "not_connected"
    assert near["day"]["recovery"] == far["day"]["recovery"] is not None
    await joined.near.delete("/api/v1/whoop/connect/ann?data=erase", headers=await joined.near.key("connect", "erase", "read"))
    near, far = await pages(joined, "day")
    assert near["day"] == far["day"]
    assert near["first_day"] is None
    assert (await joined.near.get("/api/v1/app/ann/workouts")).json()["workouts"] == []
