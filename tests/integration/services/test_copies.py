"""The entry point answers what the service would: from its own copy, brought up to date first."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from tests.integration.services.conftest import Pair
from wearbase.sync.remote.refresh import Copies

MOVING = ("state", "last_success_at", "completeness")


def settled(document: dict[str, Any]) -> dict[str, Any]:
    """A health document without its freshness fields."""
    return {**document, "sources": {name: {k: v for k, v in s.items() if k not in MOVING} for name, s in document["sources"].items()}}


async def days_of(two: Pair) -> list[date]:
    return [row["day"] for row in await two.far.world.rows("select day from wearbase.day_document order by day")]


async def test_the_health_document_is_the_services_own(joined: Pair) -> None:
    near, far = await joined.both("/api/v1/health/ann")
    assert near["sources"]["whoop"]["data"] is not None
    assert near == far  # even what moves: the copy was just brought up to date
    for day in (await days_of(joined))[-3:]:
        near, far = await joined.both(f"/api/v1/health/ann?date={day}")
        assert near == far


async def test_every_read_is_the_services_own(joined: Pair) -> None:
    days = await days_of(joined)
    first, last = days[0], days[-1]
    for path in (
        f"/api/v1/whoop/daily-data/ann?date={last}", "/api/v1/whoop/daily-data/ann", "/api/v1/health/ann?days=30",
        f"/api/v1/whoop/days/ann?start={first - timedelta(days=3)}&end={last + timedelta(days=2)}", "/api/v1/whoop/sync-status/ann",
        f"/api/v1/trends/ann?metric=strain&start={last - timedelta(days=20)}&end={last}", "/v1/data/ann/sleep?limit=3",
        "/api/v1/health/sources/ann", "/internal/auth/status/ann", "/v1/data/ann/profile", "/internal/data/recovery/ann?days=7",
    ):  # fmt: skip
        near, far = await joined.both(path)
        if path.endswith("sources/ann"):
            near["sources"].pop("sahha")
            far["sources"].pop("sahha")
        assert near == far, path


async def test_days_without_data_say_why_as_the_service_does(joined: Pair) -> None:
    first, last = (await days_of(joined))[0], (await days_of(joined))[-1]
    for day in (first - timedelta(days=400), first - timedelta(days=2), last + timedelta(days=9)):
        near, far = await joined.both(f"/api/v1/health/ann?date={day}")
        assert settled(near) == settled(far), day
        near, far = await joined.both(f"/api/v1/whoop/daily-data/ann?date={day}")
        assert near["sync"]["no_data_reason"] == far["sync"]["no_data_reason"]


async def test_a_member_of_nobody_is_not_connected(two: Pair) -> None:
    near, far = await two.both("/api/v1/health/nobody")
    assert near == far
    assert near["sources"]["whoop"]["state"] == "not_connected"
    assert await two.near.world.rows("select 1 from wearbase.connection") == []


async def test_the_service_is_asked_at_most_every_half_minute_and_then_conditionally(joined: Pair) -> None:
    answers = [await joined.near.get("/api/v1/health/ann") for _ in range(3)]
    assert len(joined.asked) == 1
    refused = await joined.near.get("/internal/data/days/ann?start=2026-11-01&end=2026-11-02")
    assert refused.status_code == 409, "a copy is not copied on"
    assert len({a.content for a in answers}) == 1
    joined.later(seconds=29)
    await joined.near.get("/api/v1/health/ann")
    assert len(joined.asked) == 1
    joined.later(seconds=2)
    await joined.near.get("/api/v1/health/ann")
    assert len(joined.asked) == 2
    assert joined.remote.counts["unchanged"] == 1
    assert joined.remote.counts["stored"] == 1


async def test_what_changes_there_is_here_with_the_next_question(joined: Pair) -> None:
    account = (await joined.far.world.members())[0]["user_id"]
    await joined.near.get("/api/v1/health/ann")
    await joined.far.world.event(account, "rescore", resource="recovery")
    await joined.far.world.deliver()
    await joined.far.world.work()
    joined.later(seconds=31)
    near, far = await joined.both("/api/v1/health/ann")
    assert near == far
    metrics = "select day, metric, value from wearbase.metric where provider = 'whoop' and day = any(%s) order by 1, 2"
    days = [r["day"] for r in await joined.near.world.rows("select day from wearbase.day_document")]
    assert await joined.near.world.rows(metrics, days) == await joined.far.world.rows(metrics, days)


async def test_a_day_that_goes_there_goes_here(joined: Pair) -> None:
    day = (await days_of(joined))[-2]
    path = f"/api/v1/health/ann?date={day}"
    assert (await joined.near.get(path)).json()["combined"]
    async with joined.far.world.engine.db.transaction() as tx:
        for table in ("day_document", "health_document", "metric"):
            await tx.execute(f"delete from wearbase.{table} where day = %s", (day,))  # pyright: ignore[reportArgumentType]
    joined.later(seconds=31)
    near, far = await joined.both(path)
    assert settled(near) == settled(far)
    assert near["combined"] == {}
    assert await joined.near.world.rows("select 1 from wearbase.metric where day = %s", day) == []


async def test_a_trend_asks_for_the_days_its_baselines_need_in_pieces(joined: Pair) -> None:
    last = (await days_of(joined))[-1]
    near, far = await joined.both(f"/api/v1/trends/ann?metric=hrv_rmssd_ms&start={last - timedelta(days=365)}&end={last}")
    assert near == far
    assert any(point["value"] is not None for point in near["series"])
    spans = await joined.near.world.rows("select start_day, end_day from wearbase.copy_turn order by start_day")
    assert [(s["end_day"] - s["start_day"]).days + 1 for s in spans] == [366, 90]
    assert spans[0]["start_day"] == last - timedelta(days=365 + 90)


async def test_no_worker_here_takes_a_copy_for_its_own(joined: Pair) -> None:
    await joined.near.get("/api/v1/health/ann?days=7")
    joined.later(days=2)
    assert await joined.near.world.worker.drain() <= 3  # the standing chores
    assert await joined.near.world.rows("select 1 from wearbase.connection where lease_number > 0") == []


async def test_many_who_read_at_once_ask_once(joined: Pair) -> None:
    answers = await asyncio.gather(*(joined.near.get("/api/v1/health/ann") for _ in range(20)))
    assert {a.status_code for a in answers} == {200}
    assert len(joined.asked) == 1


async def test_two_processes_ask_once_between_them(joined: Pair) -> None:
    day = (await days_of(joined))[-1]
    others = [Copies(joined.near.services.engine) for _ in range(3)]
    states = await asyncio.gather(*(other.bring("ann", day, day, at_most_s=20) for other in others))
    assert states == [{}, {}, {}]
    assert len(joined.asked) == 1


@pytest.mark.parametrize("what", ["/api/v1/health/ann?date=2026-13-01", "/api/v1/whoop/days/ann?start=2026-01-02&end=2026-01-01"])
async def test_a_bad_request_asks_nobody(joined: Pair, what: str) -> None:
    assert (await joined.near.get(what)).status_code == 422
    assert joined.asked == []
