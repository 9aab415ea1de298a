"""Answers are kept only while nothing about them can have changed."""

from typing import Any

import pytest

from tests.unit.sim.harness import Sim

PATH = "/v2/cycle"


async def asked_twice(**values: Any) -> tuple[Sim, str, bytes]:
    sim = Sim(**values)
    token = (await sim.connect())["access_token"]
    first, second = [(await sim.get(PATH, token)).content for _ in range(2)]
    assert first == second
    return sim, token, first


@pytest.mark.parametrize(
    "wish", [{"event": "workout"}, {"event": "rescore", "resource": "cycle"}, {"event": "delete", "resource": "cycle"}]
)
async def test_an_event_shows_at_once(wish: dict[str, Any]) -> None:
    sim, token, before = await asked_twice()
    await sim.control("POST", "/members/1/events", **wish)
    assert (await sim.get(PATH, token)).content != before


async def test_a_switch_shows_at_once() -> None:
    sim, token, before = await asked_twice()
    await sim.control("POST", "/options", nulls="absent")
    assert (await sim.get(PATH, token)).content != before


async def test_time_shows() -> None:
    sim, token, before = await asked_twice()
    await sim.advance(599)
    assert (await sim.get(PATH, token)).content == before
    await sim.advance(1)
    assert (await sim.get(PATH, token)).content != before


async def test_traits_show_at_once() -> None:
    sim, token, before = await asked_twice()
    await sim.control("POST", "/members/1/traits", kind="steady", zone="Asia/Tokyo")
    assert (await sim.get(PATH, token)).content != before


async def test_members_and_queries_do_not_mix() -> None:
    sim, _, before = await asked_twice()
    other = (await sim.connect(2))["access_token"]
    assert (await sim.get(PATH, other)).content != before
    assert (await sim.get(PATH, other, limit=1)).content != (await sim.get(PATH, other)).content


async def test_kept_answers_cost_quota_and_obey_faults() -> None:
    sim, token, _ = await asked_twice(quota_minute=3)
    await sim.control("POST", "/faults", name="answer-5xx", count=1)
    assert [(await sim.get(PATH, token)).status_code for _ in range(2)] == [503, 429]
    assert (await sim.control("GET", "/calls"))["data"] == 4


async def test_what_is_kept_is_bounded() -> None:
    from wearbase_sim.api.kept import MOST, Answers, Kept

    sim = Sim()
    answers, timeline = Answers(), sim.world.timeline(1)
    for nth in range(MOST + 5):
        answers.keep((1, "/", str(nth)), Kept(timeline, 0, sim.world.options, 0, 10, b"", ""))
    assert answers.find((1, "/", "4"), timeline, sim.world.options, 5) is None
    assert answers.find((1, "/", "5"), timeline, sim.world.options, 5) is not None
