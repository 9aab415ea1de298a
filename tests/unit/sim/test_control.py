"""The control API: who may use it, the clock, the count of calls, faults and switches."""

from typing import Any

import httpx2
import pytest

from tests.unit.sim.harness import CONTROL, NOW, Sim
from wearbase_sim.clock import iso, parse_ms


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "control", "Basic control"])
async def test_it_needs_its_token(authorization: str) -> None:
    sim = Sim()
    for path in ("/members", "/calls", "/deliveries", "/faults", "/truth/1/cycle"):
        answer = await sim.http.get(f"/control{path}", headers={"Authorization": authorization})
        assert answer.status_code == (200 if authorization == "control" else 401), path


async def test_a_token_is_made_up_if_none_is_given() -> None:
    sim = Sim(control_token="")
    assert len(sim.world.options.control_token) >= 24
    assert (await sim.http.get("/control/members", headers={"Authorization": "Bearer "})).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:8100"}, 200),
        ({"Host": "[::1]:8100"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "sim:8100"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Origin": "http://localhost:8100"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_page_of_another_site_gets_nothing(headers: dict[str, str], status: int) -> None:
    answer = await Sim().http.get("/control/health", headers=headers)
    assert answer.status_code == status


async def test_health_needs_no_token() -> None:
    answer = await Sim().http.get("/control/health")
    assert answer.json() == {"status": "ok", "now": "2026-11-21T15:00:00.000Z"}


async def test_members() -> None:
    sim = Sim()
    await sim.connect(2)
    members = await sim.control("GET", "/members")
    assert [set(each) for each in members] == [{"user_id", "number", "name", "kind", "story", "utc_offset", "granted"}] * 3
    assert [each["granted"] for each in members] == [False, True, False]
    assert members[2]["utc_offset"] == "+05:30"


async def test_truth_is_everything_and_costs_no_call() -> None:
    sim = Sim()
    by_id, by_number = await sim.truth("cycle", member=20_000_001), await sim.truth("cycle")
    assert by_id == by_number
    assert len(by_id) == 91
    assert len(await sim.truth("cycle", start="2026-11-20T12:00:00Z", end=NOW)) == 2
    assert (await sim.control("GET", "/calls"))["total"] == 0
    for path in ("/truth/9/cycle", "/truth/1/score"):
        assert (await sim.http.get(f"/control{path}", headers=CONTROL)).status_code == 404


async def test_the_clock_steps() -> None:
    sim = Sim()
    assert (await sim.control("POST", "/clock", advance_s=90))["now"] == "2026-11-21T15:01:30.000Z"
    assert (await sim.control("POST", "/clock", to="2026-11-22T00:00:00Z"))["now"] == "2026-11-22T00:00:00.000Z"
    for body in ({"advance_s": -1}, {"to": NOW}, {"advance_s": "soon"}, {}):
        assert (await sim.http.post("/control/clock", json=body, headers=CONTROL)).status_code == 400


async def test_the_clock_runs_if_it_is_told_to() -> None:
    sim = Sim()
    await sim.control("POST", "/clock", speed=100_000)
    while sim.now_ms() < parse_ms(NOW) + 60_000:
        pass
    stopped = (await sim.control("POST", "/clock", speed=0))["now"]
    assert (await sim.control("GET", "/health"))["now"] == stopped
    real = (await sim.control("POST", "/clock", real=True))["speed"]
    assert real == 1


async def test_an_advance_closes_the_cycle() -> None:
    sim = Sim()
    newest = (await sim.truth("cycle"))[0]
    await sim.advance(86_400)
    closed = (await sim.truth("cycle"))[1]
    assert (closed["id"], closed["created_at"]) == (newest["id"], newest["created_at"])
    assert closed["end"] is not None
    assert closed["updated_at"] > newest["updated_at"]


async def test_calls_are_counted() -> None:
    sim = Sim(quota_minute=4)
    token = (await sim.connect())["access_token"]
    for path in ("/v2/cycle", "/v2/cycle/1", "/v2/cycle", "/v2/recovery", "/v2/recovery"):
        await sim.get(path, token)
    await sim.get("/v2/cycle", "nonsense")
    await sim.advance(61)
    await sim.get("/v2/cycle", token)
    report = await sim.control("GET", "/calls")
    assert (report["total"], report["data"], report["token"], report["max_in_60s"]) == (8, 7, 1, 6)
    assert report["by_route"] == {"/oauth/oauth2/token": 1, "/v2/cycle": 4, "/v2/cycle/{id}": 1, "/v2/recovery": 2}
    assert report["by_status"] == {"200": 5, "404": 1, "429": 1, "401": 1}
    first = {"at": iso(parse_ms(NOW)), "method": "GET", "path": "/developer/v2/cycle", "query": "", "status": 200, "remaining": 3}
    assert report["last"][1] == first | {"answer": "10 records"}
    assert (await sim.control("DELETE", "/calls"))["total"] == 0


FAULTS: list[tuple[dict[str, Any], int, bytes]] = [
    ({"kind": "status", "status": 503}, 503, b""),
    ({"kind": "html"}, 502, b"<html><body>Bad Gateway</body></html>"),
    ({"kind": "empty"}, 200, b""),
]


@pytest.mark.parametrize(("fault", "status", "body"), FAULTS)
async def test_faults_strike_where_and_as_often_as_told(fault: dict[str, Any], status: int, body: bytes) -> None:
    sim = Sim()
    one, two = (await sim.connect(1))["access_token"], (await sim.connect(2))["access_token"]
    await sim.control("POST", "/faults", route="/v2/recovery", count=2, user_id=20_000_001, **fault)
    assert (await sim.get("/v2/cycle", one)).status_code == 200
    assert (await sim.get("/v2/recovery", two)).status_code == 200
    for _ in range(2):
        struck = await sim.get("/v2/recovery", one)
        assert (struck.status_code, struck.content) == (status, body)
    assert (await sim.get("/v2/recovery", one)).status_code == 200
    assert await sim.control("GET", "/faults") == []


@pytest.mark.parametrize("kind", ["drop", "cut", "lost_answer"])
async def test_connections_break(kind: str) -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    await sim.control("POST", "/faults", route="/v2/cycle", kind=kind)
    with pytest.raises(httpx2.TransportError):
        await sim.get("/v2/cycle", token)
    assert (await sim.get("/v2/cycle", token)).status_code == 200


async def test_a_lost_refresh_answer_has_done_its_work() -> None:
    sim = Sim()
    tokens = await sim.connect()
    await sim.control("POST", "/faults", route="token", kind="lost_answer", user_id=20_000_001)
    with pytest.raises(httpx2.TransportError):
        await sim.refresh(tokens["refresh_token"])
    assert (await sim.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await sim.get("/v2/cycle", tokens["access_token"])).status_code == 401


async def test_a_dropped_refresh_has_not() -> None:
    sim = Sim()
    tokens = await sim.connect()
    await sim.control("POST", "/faults", route="token", kind="drop")
    with pytest.raises(httpx2.TransportError):
        await sim.refresh(tokens["refresh_token"])
    assert (await sim.refresh(tokens["refresh_token"])).status_code == 200


async def test_faults_without_a_count_stay_until_cleared() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    (fault,) = await sim.control("POST", "/faults", route="/v2", kind="status", status=500, count=None)
    assert fault["count"] is None
    assert [(await sim.get("/v2/cycle", token)).status_code for _ in range(3)] == [500] * 3
    assert await sim.control("DELETE", "/faults") == []
    assert (await sim.get("/v2/cycle", token)).status_code == 200
    for body in ({"kind": "status"}, {"route": "/v2", "kind": "fire"}, []):
        assert (await sim.http.post("/control/faults", json=body, headers=CONTROL)).status_code == 400


async def test_switches_at_run_time() -> None:
    sim = Sim()
    assert await sim.control("POST", "/options", quota_minute=1, latency_ms=0) == {"quota_minute": 1, "latency_ms": 0}
    token = (await sim.connect())["access_token"]
    assert [(await sim.get("/v2/cycle", token)).status_code for _ in range(2)] == [200, 429]
    for body in ({"seed": 8}, {"nonsense": 1}, {"nulls": "perhaps"}, {"latency_ms": "long"}):
        assert (await sim.http.post("/control/options", json=body, headers=CONTROL)).status_code == 400


async def test_unknown_control_paths() -> None:
    answer = await Sim().http.get("/control/nothing", headers=CONTROL)
    assert answer.status_code == 404
