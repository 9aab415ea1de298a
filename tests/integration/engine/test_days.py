"""Days as the member lives them: half-hour offsets, a flight to Tokyo, and the two nights on which clocks change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.integration.engine.conftest import local_day, settled, visits
from tests.integration.harness import START, Bench, bench

HALF_DAY = timedelta(hours=12)


@asynccontextmanager
async def living_in(url: str, zone: str, *, start: datetime = START) -> AsyncIterator[Bench]:
    """A world whose first member has regular hours and lives in that zone."""
    async with bench(url, days=8, backfill_days=10, start=start) as world:
        answer = await world.sim.post("/control/members/1/traits", json={"kind": "steady", "zone": zone, "nap_chance": 0.3})
        assert answer.status_code == 200, answer.text
        yield world


async def live(world: Bench, *, hours: int) -> None:
    """Time passes, an hour at a time, with its webhooks; the work is done as it comes."""
    for _ in range(hours):
        await world.step(hours=1)
        await world.deliver()
        await visits(world, 20)


async def days_are_the_members(world: Bench, account: int) -> dict[date, dict[str, Any]]:
    """Fails unless every record stands on the day that the member's own clock gives it; the documents by day."""
    await world.mark()
    await visits(world, 20)
    await world.same_as_truth("ann", account)
    raw = {name: {r.get("id") or r["cycle_id"]: r for r in await world.truth(account, name)} for name in ("sleep", "workout", "cycle")}
    nights = {s["cycle_id"]: s for s in raw["sleep"].values() if not s["nap"]}
    stored = await world.rows("select resource, external_id, group_id, day from wearbase.record where deleted_at is null")
    for found in stored:
        assert found["day"] == expected_day(found, raw, nights), found
    documents = {day: await world.day("ann", day) for day in sorted({f["day"] for f in stored})}
    for sleep in nights.values():
        assert documents[local_day(sleep)]["sleep"]["id"] in (sleep["id"], *others(documents[local_day(sleep)]))
    return documents


def others(document: dict[str, Any]) -> list[str]:
    return [s["id"] for s in document["other_sleeps"]] + [c["sleep"]["id"] for c in document["other_cycles"] if c.get("sleep")]


def expected_day(found: dict[str, Any], raw: dict[str, Any], nights: dict[int, dict[str, Any]]) -> date:
    if found["resource"] == "workout":
        return local_day(raw["workout"][found["external_id"]], "start")
    if found["resource"] == "sleep":
        return local_day(raw["sleep"][found["external_id"]])
    cycle_id = int(found["external_id"])
    if cycle_id in nights:
        return local_day(nights[cycle_id])
    start = datetime.fromisoformat(raw["cycle"][cycle_id]["start"]) + HALF_DAY
    return local_day({**raw["cycle"][cycle_id], "start": start.isoformat()}, "start")


@pytest.mark.parametrize(("zone", "offset_min"), [("Asia/Kolkata", 330), ("Asia/Kathmandu", 345), ("-09:30", -570)])
async def test_half_hour_offsets(database_url: str, zone: str, offset_min: int) -> None:
    async with living_in(database_url, zone) as world:
        account = await settled(world)
        assert [r["utc_offset_min"] for r in await world.rows("select utc_offset_min from wearbase.connection")] == [offset_min]
        await live(world, hours=26)
        documents = await days_are_the_members(world, account)
        today = (world.clock.now() + timedelta(minutes=offset_min)).date()
        assert max(documents) <= today
        assert all(d["sleep"]["utc_offset_min"] == offset_min for d in documents.values() if d["sleep"])


async def test_a_member_who_flies_to_tokyo(database_url: str) -> None:
    async with living_in(database_url, "Europe/Berlin") as world:
        account = await settled(world)
        await live(world, hours=2)
        await world.event(account, "travel", zone="Asia/Tokyo")
        await live(world, hours=52)
        documents = await days_are_the_members(world, account)
        offsets = {d["sleep"]["utc_offset_min"] for d in documents.values() if d["sleep"]}
        assert offsets == {60, 540}
        (found,) = await world.rows("select utc_offset_min, open_day from wearbase.connection")
        assert found["utc_offset_min"] == 540
        tokyo_today = (world.clock.now() + timedelta(hours=9)).date()
        assert found["open_day"] in (tokyo_today, tokyo_today - timedelta(days=1))
        open_document = documents[found["open_day"]]
        assert open_document["cycle"]["is_open"] is True
        assert sum(1 for d in documents.values() if d["cycle"] and d["cycle"]["is_open"]) == 1


@pytest.mark.parametrize(
    ("zone", "start", "night", "offsets"),
    [
        ("America/New_York", datetime(2026, 10, 30, 14, tzinfo=UTC), date(2026, 11, 1), (-240, -300)),
        ("America/New_York", datetime(2026, 3, 6, 14, tzinfo=UTC), date(2026, 3, 8), (-300, -240)),
        ("Europe/Berlin", datetime(2026, 10, 23, 14, tzinfo=UTC), date(2026, 10, 25), (120, 60)),
        ("Europe/Berlin", datetime(2026, 3, 27, 14, tzinfo=UTC), date(2026, 3, 29), (60, 120)),
    ],
    ids=["new-york-autumn", "new-york-spring", "berlin-autumn", "berlin-spring"],
)
async def test_the_two_nights_of_a_clock_change(
    database_url: str, zone: str, start: datetime, night: date, offsets: tuple[int, int]
) -> None:
    async with living_in(database_url, zone, start=start) as world:
        account = await settled(world)
        await live(world, hours=72)
        documents = await days_are_the_members(world, account)
        around = [night + timedelta(days=n) for n in (-1, 0, 1)]
        assert [documents[day]["sleep"] is not None for day in around] == [True] * 3
        assert [documents[day]["recovery"]["score"] is not None for day in around] == [True] * 3
        assert documents[around[0]]["sleep"]["utc_offset_min"] == offsets[0]
        assert documents[around[2]]["sleep"]["utc_offset_min"] == offsets[1]
        assert [documents[day]["other_cycles"] for day in around] == [[]] * 3
