"""Who may use the page: nothing of the world without a session, nothing changed from another origin."""

import contextlib
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2
import pytest

from wearbase_sim.testing import AsyncSimulator, whoop_app, whoop_server

OWN = {"Origin": "http://127.0.0.1"}


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with whoop_app() as sim:
        yield sim


async def key_of(sim: AsyncSimulator) -> str:
    return urlsplit(await sim.page_url()).fragment.removeprefix("key=")


async def enter(sim: AsyncSimulator, key: str, **headers: str) -> httpx2.Response:
    return await sim.http.post("/page/session", json={"key": key}, headers=OWN | headers)


async def test_the_link_works_once_and_the_token_always(sim: AsyncSimulator) -> None:
    key = await key_of(sim)
    entered = await enter(sim, key)
    assert entered.status_code == 200
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/page" in cookie
    assert sim.options.control_token not in cookie
    assert (await sim.http.get("/page/session")).json() == {"entered": True}
    assert (await enter(sim, key)).status_code == 401
    assert (await enter(sim, sim.options.control_token)).status_code == 200
    assert (await sim.http.post("/page/session", content=b"[1", headers=OWN)).status_code == 401


async def test_without_a_session_there_is_nothing(sim: AsyncSimulator) -> None:
    assert (await sim.http.get("/")).status_code == 200
    assert (await sim.http.get("/page/session")).json() == {"entered": False}
    assert (await sim.http.get("/page/live")).status_code == 403
    assert (await sim.http.get("/page/control/members")).status_code == 403
    assert (await sim.http.post("/page/control/clock", json={"advance_s": 1}, headers=OWN)).status_code == 403


FOREIGN = [
    {"Origin": "http://127.0.0.1:3000"},  # another program on this machine: same site, and the cookie comes along
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1"},
    {},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_another_origin_changes_nothing(sim: AsyncSimulator, headers: dict[str, str]) -> None:
    assert (await enter(sim, await key_of(sim))).status_code == 200
    before = (await sim.http.get("/control/health")).json()
    answer = await sim.http.post("/page/control/clock", json={"advance_s": 3600}, headers=headers)
    assert answer.status_code == 403
    assert (await sim.http.get("/control/health")).json() == before
    assert (await sim.http.post("/page/session", json={"key": sim.options.control_token}, headers=headers)).status_code == 403
    allowed = await sim.http.post("/page/control/clock", json={"advance_s": 3600}, headers=OWN)
    assert allowed.status_code == 200


async def test_a_rebound_name_is_refused(sim: AsyncSimulator) -> None:
    await enter(sim, await key_of(sim))
    stranger = {"Host": "evil.example", "Origin": "http://evil.example"}
    for path in ("/page/live", "/page/control/members"):
        assert (await sim.http.get(path, headers=stranger)).status_code == 403
    assert (await sim.http.get("/page/control/members")).status_code == 200


async def test_guessing_ends(sim: AsyncSimulator) -> None:
    for _ in range(200):
        assert (await enter(sim, "guess")).status_code == 401
    assert (await enter(sim, sim.options.control_token)).status_code == 401


async def test_leaving_ends_the_session(sim: AsyncSimulator) -> None:
    await enter(sim, await key_of(sim))
    kept = dict(sim.http.cookies)
    assert (await sim.http.delete("/page/session", headers=OWN)).status_code == 200
    answer = await sim.http.get("/page/control/members", headers={"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())})
    assert answer.status_code == 403


async def test_its_files_are_served_under_a_strict_policy(sim: AsyncSimulator) -> None:
    page = await sim.http.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert " style=" not in page.text
    assert "onclick" not in page.text
    assert "<script>" not in page.text
    assert (await sim.http.get("/page/static/main.js")).headers["content-type"].startswith("text/javascript")
    for name in ("nothing.js", "..%2Froutes.py", "__init__.py"):
        assert (await sim.http.get(f"/page/static/{name}")).status_code == 404


def test_the_feed_tells_only_what_changed() -> None:
    with whoop_server() as sim, httpx2.Client(base_url=sim.url, headers={"Origin": sim.url}) as http:
        http.post("/page/session", json={"key": urlsplit(sim.page_url()).fragment.removeprefix("key=")})
        with http.stream("GET", "/page/live?member=2") as stream:
            told = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
            first = next(told)
            assert first["chosen"]["number"] == 2
            assert set(first) == {*first, "about", "clock", "members", "quota", "calls", "deliveries", "faults"}
            sim.fault(route="/v2/cycle", kind="status")
            assert set(next(told)) == {"faults", "wall_ms"}
        # Left without a word: the simulator ends all the same.
        with contextlib.suppress(httpx2.HTTPError):
            http.get("/page/live", timeout=0.5)
