"""Switches for what the documentation and the wire leave open."""

from typing import Any

import pytest

from tests.unit.sim.harness import Sim, problems

BEFORE_DAWN = "2026-11-21T10:30:00Z"


async def newest(path: str, **values: Any) -> dict[str, Any]:
    sim = Sim(now=BEFORE_DAWN, **values)
    token = (await sim.connect())["access_token"]
    await sim.event("wake", pending=True)
    return (await sim.get(path, token)).json()["records"][0]


@pytest.mark.parametrize(("switch", "has_score"), [("null", None), ("absent", False), ("present", True)])
async def test_the_score_of_what_is_not_scored(switch: str, has_score: bool | None) -> None:
    sleep = await newest("/v2/activity/sleep", score_unscored=switch)
    assert sleep["score_state"] == "PENDING_SCORE"
    assert ("score" in sleep) is (has_score is not False)
    assert bool(sleep.get("score")) is bool(has_score)


@pytest.mark.parametrize(
    ("switch", "missing", "denied"),
    [
        ("text", b"HTTP 404 Not Found", b"Authorization was not valid"),
        ("empty", b"", b""),
        ("json", b'{"error":"HTTP 404 Not Found","status":404}', b'{"error":"Authorization was not valid","status":401}'),
        ("html", b"<html><body>404</body></html>", b"<html><body>401</body></html>"),
    ],
)
async def test_error_bodies(switch: str, missing: bytes, denied: bytes) -> None:
    sim = Sim(error_bodies=switch)
    token = (await sim.connect())["access_token"]
    assert (await sim.get("/v2/cycle/1", token)).content == missing
    assert (await sim.get("/v2/cycle", "wrong")).content == denied
    assert (await sim.get("/v2/cycle", token, limit=26)).status_code == 400


async def test_members_nobody_announced() -> None:
    sleep = await newest("/v2/activity/sleep", extra_members="on")
    assert "source_device" in sleep
    assert problems("Sleep", sleep) == []


async def test_rate_limit_headers_can_be_missing() -> None:
    sim = Sim(rate_headers="off", quota_minute=1)
    token = (await sim.connect())["access_token"]
    answers = [await sim.get("/v2/cycle", token) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    assert not [name for each in answers for name in each.headers if "ratelimit" in name]


async def test_sport_numbers_that_cannot_be_relied_on() -> None:
    right, wrong = await newest("/v2/activity/workout"), await newest("/v2/activity/workout", sport_id="wrong")
    assert right["sport_name"] == wrong["sport_name"]
    assert right["sport_id"] != wrong["sport_id"]


@pytest.mark.parametrize(("switch", "count"), [("each", 2), ("shared", 1)])
async def test_one_trace_for_what_one_event_causes(switch: str, count: int) -> None:
    sim = Sim(now=BEFORE_DAWN, trace_ids=switch, webhook_url=("http://127.0.0.1:9/hook",))
    await sim.connect()
    await sim.event("wake", wait=True)
    shown = await sim.control("GET", "/deliveries")
    assert [each["type"] for each in shown] == ["sleep.updated", "recovery.updated"]
    assert len({each["trace_id"] for each in shown}) == count


async def test_a_state_that_no_contract_knows() -> None:
    sleep = await newest("/v2/activity/sleep", odd_state="on")
    assert (sleep["score_state"], sleep["score"]) == ("CALCULATING", None)


async def test_the_zones_under_their_old_name() -> None:
    workout = await newest("/v2/activity/workout", zone_member="v1")
    assert "zone_duration" in workout["score"]
    assert "zone_durations" not in workout["score"]
