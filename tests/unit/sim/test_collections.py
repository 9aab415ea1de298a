"""Collections: windows by overlap, order, pages, cursors that drift."""

import asyncio
import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sim.harness import NOW, PAGES, PATHS, Sim, problems, span
from wearbase_sim.api import query
from wearbase_sim.clock import iso, parse_ms

NOW_MS = parse_ms(NOW)
HOUR_MS = 3_600_000
RESOURCES = ("cycle", "recovery", "sleep", "workout")


@pytest.mark.parametrize("resource", RESOURCES)
async def test_pages_join_to_everything_newest_first(resource: str) -> None:
    sim = Sim(quota_minute=1000)
    token = (await sim.connect())["access_token"]
    truth = await sim.truth(resource)
    assert await sim.walk(PATHS[resource], token, limit=7) == truth
    first = (await sim.get(PATHS[resource], token)).json()
    assert first["records"] == truth[:10]
    assert problems(PAGES[resource], first) == []
    if resource != "recovery":
        starts = [each["start"] for each in truth]
        assert starts == sorted(starts, reverse=True)


async def test_recoveries_are_ordered_and_windowed_by_their_sleep() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    nights = [sleep for sleep in await sim.truth("sleep") if not sleep["nap"]]
    assert [each["sleep_id"] for each in await sim.truth("recovery")] == [sleep["id"] for sleep in nights]
    night = nights[5]
    found = (await sim.get("/v2/recovery", token, start=night["end"], end=iso(parse_ms(night["end"]) + 1))).json()["records"]
    assert [each["sleep_id"] for each in found] == [night["id"]]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(RESOURCES), st.integers(-95 * 24, 30), st.integers(-12, 200), st.integers(0, HOUR_MS))
def test_a_window_brings_what_overlaps_it(resource: str, first_hour: int, hours: int, fine_ms: int) -> None:
    low_ms = NOW_MS + first_hour * HOUR_MS + fine_ms
    high_ms = low_ms + hours * HOUR_MS

    async def check() -> None:
        sim = Sim(quota_minute=1000)
        token = (await sim.connect())["access_token"]
        found = await sim.walk(PATHS[resource], token, start=iso(low_ms), end=iso(high_ms), limit=25)
        spans = {sleep["id"]: span(sleep) for sleep in await sim.truth("sleep")}
        expected = []
        for record in await sim.truth(resource):
            start_ms, end_ms = spans[record["sleep_id"]] if resource == "recovery" else span(record)
            if start_ms < high_ms and (end_ms is None or end_ms >= low_ms):
                expected.append(record)
        assert found == expected

    asyncio.run(check())


async def test_the_window_s_edges() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    older = (await sim.truth("cycle"))[3]
    ends, starts = older["end"], older["start"]

    async def ids(**window: str) -> list[int]:
        return [each["id"] for each in (await sim.get("/v2/cycle", token, **window)).json()["records"]]

    assert older["id"] in await ids(start=ends, end=iso(parse_ms(ends) + 1)), "the end touches the start of the window"
    assert older["id"] not in await ids(start=iso(parse_ms(ends) + 1))
    assert older["id"] not in await ids(start=iso(parse_ms(starts) - 1), end=starts), "the end of the window is exclusive"
    assert (await sim.truth("cycle"))[0]["id"] in await ids(start=NOW), "an open cycle runs on"


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "26"},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "many"},
        {"start": "yesterday"},
        {"end": "2026-13-01T00:00:00Z"},
        {"nextToken": "nonsense"},
        {"nextToken": "e30="},
    ],
)
async def test_bad_parameters_are_refused(params: dict[str, str]) -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    response = await sim.get("/v2/cycle", token, **params)
    assert (response.status_code, response.content) == (400, b"")


async def test_the_cursor_is_an_offset_that_drifts() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    first = (await sim.get("/v2/activity/workout", token, limit=5)).json()
    assert json.loads(base64.b64decode(first["next_token"])) == {"$": "o@1", "o": 5}
    assert first["next_token"] == "eyIkIjoib0AxIiwibyI6NX0="
    await sim.event("workout")
    second = (await sim.get("/v2/activity/workout", token, limit=5, nextToken=first["next_token"])).json()
    assert second["records"][0] == first["records"][-1]


async def test_a_client_that_sends_next_token_stays_on_page_one() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    first = (await sim.get("/v2/cycle", token)).json()
    assert (await sim.get("/v2/cycle", token, next_token=first["next_token"])).json() == first


async def test_a_naive_time_is_utc() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    naive = await sim.get("/v2/cycle", token, start="2026-11-10T00:00:00", end="2026-11-12T00:00:00")
    exact = await sim.get("/v2/cycle", token, start="2026-11-10T00:00:00.000Z", end="2026-11-12T00:00:00+00:00")
    assert naive.json() == exact.json()
    assert naive.json()["records"]


async def test_two_years_of_history() -> None:
    sim = Sim(days=730, quota_minute=1000)
    token = (await sim.connect())["access_token"]
    cycles: list[dict[str, Any]] = await sim.walk("/v2/cycle", token, limit=25)
    assert len(cycles) == 731
    oldest = cycles[-1]
    assert (await sim.get(f"/v2/cycle/{oldest['id']}", token)).json() == oldest
    assert "step_count" not in oldest, "steps came in September 2026"
    night = (await sim.truth("sleep"))[-1]
    assert (await sim.get(f"/v2/activity/sleep/{night['id']}", token)).json() == night


@given(st.integers(0, 10**9))
def test_cursors_round_trip(offset: int) -> None:
    assert query.decode_cursor(query.encode_cursor(offset)) == offset
