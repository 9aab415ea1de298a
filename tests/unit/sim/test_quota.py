"""Quota: headers byte for byte, both windows, one client for all members."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sim.harness import EXAMPLES, Sim
from wearbase_sim.api.quota import Quota

HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


async def test_headers_of_the_first_call() -> None:
    sim = Sim()
    answer = await sim.get("/v2/cycle", (await sim.connect())["access_token"])
    assert {name: answer.headers[name] for name in HEADERS} == EXAMPLES["errors"]["normal_headers"]["headers"]


async def test_the_minute_is_shared_by_all_members_and_given_back() -> None:
    sim = Sim(quota_minute=3)
    one, two = (await sim.connect(1))["access_token"], (await sim.connect(2))["access_token"]
    assert [(await sim.get("/v2/cycle", token)).status_code for token in (one, two, one, two)] == [200, 200, 200, 429]
    await sim.advance(43)
    refused = await sim.get("/v2/cycle", one)
    assert (refused.status_code, refused.content, "retry-after" in refused.headers) == (429, b"", False)
    assert [refused.headers[name] for name in HEADERS] == ["3, 3;window=60, 10000;window=86400", "0", "17"]
    await sim.advance(17)
    assert (await sim.get("/v2/cycle", one)).status_code == 200


async def test_the_day() -> None:
    sim = Sim(quota_day=2, retry_after="on")
    token = (await sim.connect())["access_token"]
    assert (await sim.get("/v2/cycle", token)).headers["X-RateLimit-Limit"] == "2, 100;window=60, 2;window=86400"
    await sim.get("/v2/cycle", token)
    await sim.advance(600)
    refused = await sim.get("/v2/cycle", token)
    assert (refused.status_code, refused.headers["X-RateLimit-Reset"], refused.headers["Retry-After"]) == (429, "85800", "85800")


async def test_tokens_and_control_are_free() -> None:
    sim = Sim(quota_minute=1)
    tokens = await sim.connect()
    for _ in range(3):
        tokens = (await sim.refresh(tokens["refresh_token"])).json()
        await sim.truth("cycle")
    assert (await sim.get("/v2/cycle", tokens["access_token"])).status_code == 200


async def test_token_calls_use_up_the_quota_too_if_told_so() -> None:
    sim = Sim(quota_minute=3, token_calls="counted")
    tokens = await sim.connect()  # the exchange of its code is the first call
    refreshed = await sim.refresh(tokens["refresh_token"])
    assert (await sim.get("/v2/cycle", refreshed.json()["access_token"])).status_code == 200
    assert (await sim.refresh(refreshed.json()["refresh_token"])).status_code == 429
    await sim.advance(60)
    assert (await sim.refresh(refreshed.json()["refresh_token"])).status_code == 200, "a refused call has spent nothing"


@pytest.mark.parametrize("windows", ["fixed", "sliding"])
@given(gaps=st.lists(st.integers(0, 30_000), min_size=1, max_size=60), limit=st.integers(1, 8))
def test_a_sliding_minute_never_holds_more_than_its_limit(windows: str, gaps: list[int], limit: int) -> None:
    quota, now_ms, allowed = Quota(), 0, []
    for gap in gaps:
        now_ms += gap
        standing = quota.spend(now_ms, per_minute=limit, per_day=10_000, is_sliding=windows == "sliding")
        if standing.is_allowed:
            allowed.append(now_ms)
    if windows == "sliding":
        assert all(sum(at_ms - 60_000 < other <= at_ms for other in allowed) <= limit for at_ms in allowed)
    assert allowed[0] == gaps[0]
