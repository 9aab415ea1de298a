"""Signing in to the app by a link; a session good for one member, from one place, until it ends."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.integration.api.conftest import BASE, ENV_KEY, OWN_APP, Service, problem, serving
from wearbase.access import sessions as module
from wearbase.read.status import rfc3339
from wearbase.store.watching import changes
from wearbase.sync import fresh
from wearbase.sync.chores import plan_chores

APP = {"x-wearbase": "app", "origin": BASE}
OWN = "/api/v1/users/ann/preferences"


class Browser:
    """A browser of one member: keeps cookies, and sends what the app's pages send."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(service.app), base_url=BASE)

    async def call(self, method: str, path: str, **more: Any) -> httpx2.Response:
        more.setdefault("headers", APP)
        return await self.client.request(method, path, **more)

    async def sign_in(self, link: str) -> httpx2.Response:
        return await self.call("POST", "/app/session", json={"link": link})

    @property
    def cookie(self) -> str:
        return self.client.cookies["wearbase"]

    def holding(self, cookie: str) -> "Browser":
        """Another browser with that cookie."""
        other = Browser(self.service)
        other.client.cookies.set("wearbase", cookie, domain="127.0.0.1")
        return other


async def link_for(service: Service, user_id: str = "ann", **more: Any) -> str:
    answer = await service.post(f"/api/v1/users/{user_id}/link", **more)
    assert answer.status_code == 200, answer.text
    address = urlsplit(answer.json()["url"])
    assert f"{address.scheme}://{address.netloc}{address.path}?{address.query}" == f"{BASE}/app/sign-in?"
    return address.fragment


@pytest.fixture
async def ann(service: Service) -> AsyncIterator[Browser]:
    browser = Browser(service)
    assert (await browser.sign_in(await link_for(service))).status_code == 200
    yield browser
    await browser.client.aclose()


async def test_a_link_signs_in_once_and_can_be_looked_at_before(service: Service) -> None:
    link, browser = await link_for(service), Browser(service)
    for _ in range(2):
        peeked = (await browser.call("POST", "/app/session/peek", json={"link": link})).json()
        assert peeked == {"user_id": "ann", "expires_at": rfc3339(service.world.clock.now() + timedelta(minutes=10))}
    signed_in = await browser.sign_in(link)
    assert signed_in.json() | {"signed_in_at": "", "expires_at": ""} == {"user_id": "ann", "signed_in_at": "", "expires_at": ""}
    cookie = signed_in.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age="))
    assert "Secure" not in cookie, "the tests' address is http"
    problem(await Browser(service).sign_in(link), 410, "link_used")
    problem(await browser.call("POST", "/app/session/peek", json={"link": link}), 410, "link_used")
    told = (await browser.call("GET", "/app/session")).json()
    assert (told["user_id"], told["is_demo"], told["sources"]) == ("ann", False, ["whoop"])


async def test_of_several_who_open_a_link_at_once_one_gets_in(service: Service) -> None:
    link, browsers = await link_for(service), [Browser(service) for _ in range(6)]
    answers = await asyncio.gather(*(browser.sign_in(link) for browser in browsers))
    assert sorted(answer.status_code for answer in answers) == [200, *[410] * 5]
    assert len(await service.world.rows("select 1 from wearbase.member_session")) == 1


async def test_a_link_takes_a_key_that_has_all_that_the_member_may(service: Service) -> None:
    for scopes, missing in ((("connect",), "read and sync"), (("connect", "read", "erase", "ops"), "sync"), (("read", "sync"), "connect")):
        error = problem(await service.post("/api/v1/users/ann/link", headers=await service.key(*scopes)), 403, "forbidden")
        assert error["message"] == f"This needs the scope {missing}."
    assert await service.world.rows("select 1 from wearbase.sign_in_link") == []
    assert (await service.post("/api/v1/users/ann/link", headers=await service.key("read", "sync", "connect"))).status_code == 200


async def test_links_and_sessions_end_with_the_key_that_made_them(service: Service, ann: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    key, books = await service.key("read", "sync", "connect"), service.services.keys
    other, prefix = Browser(service), key["x-api-key"].split("_")[1]
    await other.sign_in(await link_for(service, headers=key))
    unused = await link_for(service, headers=key)
    assert (await other.call("GET", OWN)).status_code == 200
    monkeypatch.setattr(module, "USABLE_S", 0)
    await books.revoke(prefix, keeps_members=True)
    assert (await other.call("GET", OWN)).status_code == 200, "members stay signed in"
    ids = {row["id"]: row["by_key"] for row in await service.world.rows("select id, by_key from wearbase.member_session")}
    await books.revoke(prefix)
    for method, path in (("GET", OWN), ("GET", "/app/session"), ("PUT", OWN)):
        problem(await other.call(method, path, json={}), 401, "signed_out")
    for path in ("/app/session/peek", "/app/session"):
        problem(await Browser(service).call("POST", path, json={"link": unused}), 410, "link_revoked")
    assert (await ann.call("GET", OWN)).status_code == 200, "another key's"
    async with service.services.db.connection() as tx:
        live = await changes.live_sessions(tx, ids, now=service.world.clock.now())
    assert {ids[found] for found in live} == {"environment"}, "an open stream ends, too"


async def test_of_the_environments_key_what_it_had_made_can_be_ended(
    service: Service, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused = await link_for(service)
    monkeypatch.setattr(module, "USABLE_S", 0)
    await service.services.keys.revoke("environment")
    problem(await ann.call("GET", OWN), 401, "signed_out")
    problem(await ann.sign_in(unused), 410, "link_revoked")
    service.world.clock.advance(timedelta(seconds=1))
    assert (await ann.sign_in(await link_for(service))).status_code == 200
    assert (await ann.call("GET", OWN)).status_code == 200


async def test_a_link_is_worth_nothing_once_a_newer_one_was_used(service: Service) -> None:
    older = await link_for(service)
    service.world.clock.advance(timedelta(seconds=20))
    others, newer = await link_for(service, "bob"), await link_for(service)
    assert (await Browser(service).call("POST", "/app/session/peek", json={"link": older})).status_code == 200, "until it is used"
    await Browser(service).sign_in(newer)
    for path in ("/app/session/peek", "/app/session"):
        error = problem(await Browser(service).call("POST", path, json={"link": older}), 410, "link_replaced")
        assert "ann" not in str(error)
    assert (await Browser(service).sign_in(others)).status_code == 200, "another member's is not touched"


async def test_links_that_are_old_or_unknown_say_so_and_name_nobody(service: Service) -> None:
    link = await link_for(service)
    service.world.clock.advance(timedelta(minutes=10))
    for path in ("/app/session", "/app/session/peek"):
        error = problem(await Browser(service).call("POST", path, json={"link": link}), 410, "link_expired")
        assert "ann" not in str(error)
        problem(await Browser(service).call("POST", path, json={"link": "x" * 43}), 404, "link_unknown")
    problem(await Browser(service).call("POST", "/app/session", json={"link": ""}), 422)
    assert await service.world.rows("select id from wearbase.member_session") == []


async def test_only_hashes_are_stored(service: Service, ann: Browser) -> None:
    link = await link_for(service)
    stored = str(await service.world.rows("select * from wearbase.sign_in_link, wearbase.member_session"))
    assert link not in stored
    assert ann.cookie.split(".")[1] not in stored


async def test_an_opening_is_the_session_the_preferences_and_today_in_one_answer(service: Service, ann: Browser) -> None:
    await service.connected()
    answer = await ann.call("GET", "/app/opening", headers={"accept-encoding": "gzip"})
    opening = answer.json()
    own = {"session": "/app/session", "preferences": OWN, "day": "/api/v1/app/ann/day"}
    assert opening == {"why": None, **{name: (await ann.call("GET", path)).json() for name, path in own.items()}}
    assert (answer.headers["content-encoding"], answer.headers["cache-control"]) == ("gzip", "no-store")


async def test_an_opening_waits_for_no_source(service: Service, ann: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("a source was waited for")

    monkeypatch.setattr(fresh, "bring", never)
    assert (await ann.call("GET", "/app/opening")).json()["day"]["sources"]["whoop"]["state"] == "not_connected"
    await service.connected()
    assert (await ann.call("GET", "/app/opening")).json()["day"]["day"]["cycle"]
    await service.unseen_day()
    assert (await ann.call("GET", "/app/opening")).json()["day"] is None, "its own address brings it"


async def test_an_opening_of_nobody_is_an_answer_and_says_why(service: Service, ann: Browser) -> None:
    nothing = {"session": None, "preferences": None, "day": None}
    for browser in (Browser(service), ann.holding(""), ann.holding("0" * 32 + ann.cookie[32:])):
        answer = await browser.call("GET", "/app/opening")
        assert (answer.status_code, answer.json()) == (200, {**nothing, "why": "unauthorized"})
    assert (await service.get("/app/opening")).json()["session"] is None, "a service key opens no app"
    cookie = ann.cookie
    await ann.call("DELETE", "/app/session")
    assert (await ann.holding(cookie).call("GET", "/app/opening")).json() == {**nothing, "why": "signed_out"}


async def test_an_opening_changes_the_cookie_when_it_is_time(service: Service, ann: Browser) -> None:
    assert "set-cookie" not in (await ann.call("GET", "/app/opening")).headers
    service.world.clock.advance(module.ROTATE_EVERY)
    assert "set-cookie" in (await ann.call("GET", "/app/opening")).headers


@pytest.mark.parametrize("path", [OWN, "/api/v1/whoop/daily-data/ann", "/api/v1/health/ann", "/v1/data/ann/recovery"])
async def test_a_session_reads_its_own_member_and_nobody_else(service: Service, ann: Browser, path: str) -> None:
    assert (await ann.call("GET", path)).status_code == 200
    problem(await ann.call("GET", path.replace("ann", "bob")), 403, "forbidden")
    problem(await ann.holding("").call("GET", path), 401, "unauthorized")
    problem(await ann.holding(ann.cookie[:-1] + "?").call("GET", path), 401, "unauthorized")
    problem(await ann.holding("0" * 32 + ann.cookie[32:]).call("GET", path), 401, "unauthorized")


async def test_a_session_is_no_service_key(service: Service, ann: Browser) -> None:
    for method, path in (("POST", "/api/v1/users/ann/link"), ("POST", "/api/v1/users/ann/token"), ("GET", "/internal/data/sleep/ann")):
        problem(await ann.call(method, path), 403, "forbidden")
    problem(await ann.call("GET", "/metrics"), 403, "forbidden")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": BASE},
        {"x-wearbase": "app"},
        {"x-wearbase": "other", "origin": BASE},
        {"x-wearbase": "app", "origin": "https://evil.example"},
        {"x-wearbase": "app", "origin": "null"},
        {"x-wearbase": "app", "origin": "null", "host": ""},
        {"x-wearbase": "app", "origin": "https://127.0.0.1:8000"},
        {"x-wearbase": "app", "origin": "http://127.0.0.1:8001"},
        {"x-wearbase": "app", "origin": BASE, "sec-fetch-site": "cross-site"},
        {"x-wearbase": "app", "origin": BASE, "sec-fetch-site": "same-site"},
        {"x-wearbase": "app", "sec-fetch-site": "none"},
    ],
)
async def test_a_cookie_changes_nothing_for_another_site(service: Service, ann: Browser, headers: dict[str, str]) -> None:
    body = {"units": {"energy": "kj"}}
    problem(await ann.call("PUT", OWN, json=body, headers=headers), 401, "unauthorized")
    problem(await ann.call("DELETE", "/app/session", headers=headers), 401, "unauthorized")
    problem(await ann.call("POST", "/app/session", json={"link": await link_for(service, "bob")}, headers=headers), 403, "forbidden")
    assert (await ann.call("GET", OWN, headers=headers)).json()["units"] == {}, "reading needs no more than the cookie"
    assert (await ann.call("PUT", OWN, json=body)).status_code == 200
    assert (await ann.call("PUT", OWN, json={}, headers={"x-wearbase": "app", "sec-fetch-site": "same-origin"})).status_code == 200


async def test_the_cookie_changes_and_the_one_before_is_good_for_requests_on_their_way(service: Service, ann: Browser) -> None:
    first, clock = ann.cookie, service.world.clock
    assert "set-cookie" not in (await ann.call("GET", "/app/session")).headers
    clock.advance(module.ROTATE_EVERY)
    assert "set-cookie" in (await ann.call("GET", "/app/session")).headers
    assert ann.cookie != first
    assert (await ann.call("GET", OWN)).status_code == 200
    late = ann.holding(first)
    assert "set-cookie" not in (await late.call("GET", "/app/session")).headers, "a parallel request gets no other one"
    assert (await late.call("GET", OWN)).status_code == 200
    clock.advance(module.GRACE)
    problem(await late.call("GET", "/app/session"), 401, "signed_out")
    problem(await ann.call("GET", "/app/session"), 401, "signed_out")


async def test_a_new_cookie_that_never_arrived_signs_nobody_out(service: Service, ann: Browser) -> None:
    first, clock = ann.cookie, service.world.clock
    clock.advance(module.ROTATE_EVERY)
    lost = ann.holding(first)
    await ann.call("GET", "/app/session")
    clock.advance(module.GRACE)
    assert "set-cookie" in (await lost.holding(first).call("GET", "/app/session")).headers, "lost once more"
    clock.advance(module.GRACE)
    assert (await lost.call("GET", OWN)).status_code == 200
    assert "set-cookie" in (await lost.call("GET", "/app/session")).headers
    assert lost.cookie != first
    assert (await lost.call("GET", OWN)).status_code == 200
    clock.advance(module.GRACE)
    problem(await lost.holding(first).call("GET", "/app/session"), 401, "signed_out")


async def test_a_session_ends_when_nobody_comes_and_after_ninety_days(service: Service, ann: Browser) -> None:
    clock = service.world.clock
    idle = Browser(service)
    await idle.sign_in(await link_for(service))
    for _ in range(9):
        clock.advance(timedelta(days=9.9))
        assert (await ann.call("GET", "/app/session")).status_code == 200
    problem(await idle.call("GET", OWN), 401, "session_expired")
    clock.advance(timedelta(days=0.9))
    problem(await ann.call("GET", OWN), 401, "session_expired")


async def test_signing_out_ends_this_browser_or_all(service: Service, ann: Browser) -> None:
    other, third = Browser(service), Browser(service)
    await other.sign_in(await link_for(service))
    await third.sign_in(await link_for(service))
    unused, cookie = await link_for(service), other.cookie
    assert (await other.call("DELETE", "/app/session")).json() == {"sessions_ended": 1}
    assert "wearbase" not in other.client.cookies
    problem(await other.holding(cookie).call("GET", OWN), 401, "signed_out")
    assert (await ann.call("GET", OWN)).status_code == 200
    gone = await ann.call("DELETE", "/app/session", json={"everywhere": True})
    assert gone.json() == {"sessions_ended": 2}
    problem(await third.call("GET", OWN), 401, "signed_out")
    problem(await ann.sign_in(unused), 404, "link_unknown")


async def test_what_was_ended_in_another_process_is_refused_within_two_seconds(
    service: Service, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ann.call("GET", OWN)).status_code == 200
    elsewhere = module.Sessions(service.services.db, service.services.clock)
    await elsewhere.end(await elsewhere.find(ann.cookie.encode()), everywhere=True)
    assert module.USABLE_S <= 2
    monkeypatch.setattr(module, "USABLE_S", 0)
    problem(await ann.call("GET", OWN), 401, "signed_out")


async def test_reads_in_a_row_cost_one_look_at_the_session(service: Service, ann: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, get = 0, module.sessions.get

    async def counted(*given: Any) -> Any:
        nonlocal looks
        looks += 1
        return await get(*given)

    monkeypatch.setattr(module.sessions, "get", counted)
    for _ in range(10):
        assert (await ann.call("GET", "/api/v1/whoop/daily-data/ann?date=2026-11-17")).status_code == 200
    assert looks <= 2


async def test_signing_in_again_ends_the_session_before(service: Service, ann: Browser) -> None:
    before = ann.cookie
    assert (await ann.sign_in(await link_for(service, "bob"))).status_code == 200
    assert (await ann.call("GET", "/app/session")).json()["user_id"] == "bob"
    problem(await ann.holding(before).call("GET", OWN), 401, "signed_out")
    problem(await ann.call("GET", OWN), 403, "forbidden")


async def test_a_consent_of_a_session_comes_back_to_the_app_in_that_browser_only(service: Service, ann: Browser) -> None:
    started = (await ann.call("POST", "/api/v1/whoop/connect/ann", params={"redirect_url": OWN_APP})).json()
    account = (await service.world.members())[0]["user_id"]
    code = await service.world.approve(started["authorization_url"], account)
    query = {"state": started["state"], "code": code}
    stolen = await ann.holding(ann.cookie).client.get("/auth/whoop/callback", params=query)
    assert stolen.headers["location"] == f"{OWN_APP}?status=failed&user_id=ann"
    assert await service.world.rows("select user_id from wearbase.connection") == []
    again = (await ann.call("POST", "/api/v1/whoop/connect/ann", params={"redirect_url": OWN_APP})).json()
    code = await service.world.approve(again["authorization_url"], account)
    back = await ann.client.get("/auth/whoop/callback", params={"state": again["state"], "code": code})
    assert back.headers["location"] == f"{OWN_APP}?status=connected&user_id=ann"
    denied = (await ann.call("POST", "/api/v1/whoop/connect/ann", params={"redirect_url": OWN_APP})).json()
    no = await ann.client.get("/auth/whoop/callback", params={"state": denied["state"], "error": "access_denied"})
    assert no.headers["location"] == f"{OWN_APP}?status=denied&user_id=ann"


async def test_over_https_the_cookie_is_bound_to_the_host(service: Service) -> None:
    async with serving(service.world, public_url="https://wear.example") as secure:
        link = urlsplit((await secure.post("/api/v1/users/ann/link")).json()["url"])
        headers = {"x-wearbase": "app", "origin": "https://wear.example"}
        answer = await secure.client.post("/app/session", json={"link": link.fragment}, headers=headers)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-wearbase=")
        assert "Secure" in cookie
        assert "Domain" not in cookie
        name, _, value = cookie.partition(";")[0].partition("=")
        assert (await secure.client.get("/app/session", headers={"cookie": f"{name}={value}"})).status_code == 200
        problem(await secure.client.get("/app/session", headers={"cookie": f"wearbase={value}"}), 401)


async def test_a_key_goes_before_a_cookie(service: Service, ann: Browser) -> None:
    answer = await ann.call("PUT", OWN.replace("ann", "bob"), json={}, headers={"x-api-key": ENV_KEY})
    assert answer.status_code == 200
    problem(await ann.call("GET", OWN, headers={"x-api-key": "wrong"}), 401, "unauthorized")


async def test_what_is_over_is_forgotten_after_a_week(service: Service, ann: Browser) -> None:
    await link_for(service)
    service.world.clock.advance(timedelta(days=6))
    assert (await ann.call("GET", "/app/session")).status_code == 200
    await ann.call("DELETE", "/app/session")
    service.world.clock.advance(timedelta(days=2))
    await plan_chores(service.world.engine)
    await service.world.work()
    assert await service.world.rows("select 1 from wearbase.sign_in_link") == []
    assert len(await service.world.rows("select 1 from wearbase.member_session")) == 1
    service.world.clock.advance(timedelta(days=6))
    await service.world.work()
    assert await service.world.rows("select 1 from wearbase.member_session") == []
