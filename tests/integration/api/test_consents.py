"""Connecting and ending: states good once, for five minutes, in one browser; redirects only to where the list says."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.api.conftest import APP_URL, BASE, Service, problem, serving
from wearbase.access.redirects import RedirectAllowList

CONNECT = "/api/v1/whoop/connect/ann"
PAGE = "/auth/whoop/callback"


async def start(service: Service, **more) -> dict:
    answer = await service.post(CONNECT, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def code_for(service: Service, started: dict, member: int = 0, decision: str = "approve") -> str:
    account = (await service.world.members())[member]["user_id"]
    return await service.world.approve(started["authorization_url"], account, decision)


async def connections(service: Service) -> dict[str, str]:
    return {r["user_id"]: r["state"] for r in await service.world.rows("select user_id, state from wearbase.connection")}


async def test_a_backend_connects_with_the_code(service: Service) -> None:
    started = await start(service)
    assert started["expires_in"] == 300
    assert started["user_id"] == "ann"
    code = await code_for(service, started)
    answer = await service.post("/v1/oauth/callback", json={"code": code, "state": started["state"]})
    assert answer.json() == {"user_id": "ann", "provider": "whoop", "connected": True, "missing_scopes": []}
    profile = (await service.get("/v1/data/ann/profile")).json()
    assert profile["state"] == "connected"
    assert profile["external_user_id"] == str((await service.world.members())[0]["user_id"])
    assert (await service.get("/internal/auth/status/ann")).json()["connected"] is True
    # the state is used up
    problem(await service.post("/v1/oauth/callback", json={"code": code, "state": started["state"]}), 400, "bad_request", "state")


async def test_a_failed_exchange_uses_the_state_up_as_well(service: Service) -> None:
    started = await start(service)
    problem(await service.post("/v1/oauth/callback", json={"code": "wrong", "state": started["state"]}), 400, "consent_denied")
    code = await code_for(service, started)
    problem(await service.post("/v1/oauth/callback", json={"code": code, "state": started["state"]}), 400, "bad_request", "state")
    assert await connections(service) == {}


async def test_a_state_ends_after_five_minutes(service: Service) -> None:
    started = await start(service)
    code = await code_for(service, started)
    service.world.clock.advance(timedelta(minutes=5, seconds=1))
    problem(await service.post("/v1/oauth/callback", json={"code": code, "state": started["state"]}), 400, "bad_request", "state")


async def test_another_members_token_cannot_complete_it(service: Service) -> None:
    started = await start(service)
    code = await code_for(service, started)
    body = {"code": code, "state": started["state"]}
    problem(await service.post("/v1/oauth/callback", json=body, headers=service.token("bob")), 403, "forbidden")
    assert await connections(service) == {}


async def test_an_account_belongs_to_one_user(service: Service) -> None:
    await service.world.connect("bob", 0)
    started = await start(service)
    code = await code_for(service, started, 0)
    error = problem(await service.post("/v1/oauth/callback", json={"code": code, "state": started["state"]}), 409, "conflict")
    assert "another user" in error["message"]
    assert "bob" not in error["message"]
    started = await start(service, params={"redirect_url": APP_URL})
    code = await code_for(service, started, 0)
    page = await agree(service, started["state"], code)
    assert outcome(page) == {"status": ["conflict"], "user_id": ["ann"]}


# The browser


async def agree(service: Service, state: str, code: str, decision: str = "agree", **headers: str):
    form = {"state": state, "code": code, "decision": decision}
    return await service.client.post(PAGE, data=form, headers={"sec-fetch-site": "same-origin", **headers})


def outcome(answer) -> dict[str, list[str]]:
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{APP_URL}?")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    return parse_qs(urlsplit(answer.headers["location"]).query)


@pytest.mark.parametrize("path", [PAGE, "/v1/oauth/callback"])
async def test_a_consent_that_a_backend_started_is_asked_about_first(service: Service, path: str) -> None:
    started = await start(service, params={"redirect_url": APP_URL})
    code = await code_for(service, started)
    page = await service.client.get(path, params={"code": code, "state": started["state"]})
    assert page.status_code == 200
    assert "app.example" in page.text
    assert "ann" in page.text
    assert "WHOOP" in page.text
    assert 'lang="en"' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://app.example;" in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text
    assert await connections(service) == {}, "looking at the page connects nothing"
    assert outcome(await agree(service, started["state"], code)) == {"status": ["connected"], "user_id": ["ann"]}
    assert await connections(service) == {"ann": "connected"}


async def test_the_person_may_say_no_on_our_page(service: Service) -> None:
    started = await start(service, params={"redirect_url": APP_URL})
    code = await code_for(service, started)
    assert outcome(await agree(service, started["state"], code, "refuse")) == {"status": ["denied"], "user_id": ["ann"]}
    assert (await agree(service, started["state"], code)).status_code == 400
    assert await connections(service) == {}


async def test_the_person_may_say_no_at_the_provider(service: Service) -> None:
    started = await start(service, params={"redirect_url": APP_URL})
    await code_for(service, started, decision="deny")
    answer = await service.client.get(PAGE, params={"error": "access_denied", "state": started["state"]})
    assert outcome(answer) == {"status": ["denied"], "user_id": ["ann"]}
    again = await service.client.get(PAGE, params={"error": "access_denied", "state": started["state"]})
    assert again.status_code == 400
    assert "no longer works" in again.text


async def test_another_site_cannot_send_the_form(service: Service) -> None:
    started = await start(service)
    code = await code_for(service, started)
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "none"}):
        assert (await agree(service, started["state"], code, **headers)).status_code == 403
    form = {"state": started["state"], "code": code, "decision": "agree"}
    assert (await service.client.post(PAGE, data=form, headers={"origin": "https://evil.example"})).status_code == 403
    assert await connections(service) == {}
    assert (await service.client.post(PAGE, data=form, headers={"origin": BASE})).status_code == 200
    assert await connections(service) == {"ann": "connected"}


async def test_what_a_member_started_completes_only_in_that_browser(service: Service) -> None:
    started = await start(service, headers=service.token("ann"))
    nonce = service.client.cookies["wearbase_consent"]
    code = await code_for(service, started)
    service.client.cookies.clear()
    query = {"code": code, "state": started["state"]}
    page = await service.client.get(PAGE, params=query)
    assert page.status_code == 403
    assert "another browser" in page.text
    assert await connections(service) == {}
    # in the right browser, without any question
    started = await start(service, headers=service.token("ann"))
    code = await code_for(service, started)
    assert service.client.cookies["wearbase_consent"] != nonce
    page = await service.client.get(PAGE, params={"code": code, "state": started["state"]})
    assert page.status_code == 200
    assert await connections(service) == {"ann": "connected"}


async def test_a_backend_cannot_complete_what_a_member_started_but_the_member_can(service: Service) -> None:
    started = await start(service, headers=service.token("ann"))
    code = await code_for(service, started)
    problem(await service.post("/v1/oauth/callback", json={"code": code, "state": started["state"]}), 403, "forbidden")
    started = await start(service, headers=service.token("ann"))
    code = await code_for(service, started)
    answer = await service.post("/v1/oauth/callback", json={"code": code, "state": started["state"]}, headers=service.token("ann"))
    assert answer.status_code == 200


async def test_the_cookie_is_kept_from_scripts_and_secure_over_https(service: Service) -> None:
    async with serving(service.world, public_url="https://wear.example") as public:
        answer = await public.post(CONNECT, headers=public.token("ann"))
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "secure" in cookie
    assert "samesite=lax" in cookie
    assert "max-age=300" in cookie
    assert "strict-transport-security" in answer.headers


async def test_values_in_pages_are_escaped(service: Service) -> None:
    started = await start(service)
    page = await service.client.get(PAGE, params={"code": '"><script>alert(1)</script>', "state": started["state"]})
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "&quot;&gt;&lt;script&gt;" in page.text


@pytest.mark.parametrize("query", ["", "state=", "state=unknown&code=c", f"state={'x' * 300}&code=c", "code=c", "error=access_denied"])
async def test_a_return_that_belongs_to_nothing(service: Service, query: str) -> None:
    page = await service.client.get(f"{PAGE}?{query}")
    assert page.status_code == 400
    assert page.headers["content-type"].startswith("text/html")


async def test_a_provider_that_does_not_answer_is_said_to_the_person(service: Service) -> None:
    started = await start(service)
    code = await code_for(service, started)
    await service.world.fault("token", "status", status=503, count=99)
    page = await agree(service, started["state"], code)
    assert page.status_code == 503
    assert await connections(service) == {}


# Redirects

BAD_REDIRECTS = [
    "https://evil.example/connected",
    "https://app.example.evil.example/connected",
    "https://app.example@evil.example/connected",
    "https://evil@app.example/connected",
    "http://app.example/connected",
    "https://app.example:8443/connected",
    "https://app.example/connected/",
    "https://app.example/connected/../other",
    "https://app.example/Connected",
    "https://app.example/",
    "https://app.example",
    "https://app.example/connected#fragment",
    "https://app.example\\@evil.example/connected",
    "https:\\\\app.example/connected",
    "//app.example/connected",
    "/connected",
    "https://app.example/connected\n",
    " https://app.example/connected",
    "https://app.example/con\tnected",
    "https://app.examp1e/connected",
    "https://аpp.example/connected",
    "https://app.example./connected",
    "https://app.example%2f@evil.example/connected",
    "https:app.example/connected",
    "https:///app.example/connected",
    "javascript:alert(1)//app.example/connected",
    "https://app.example/connected?status=connected",
    "https://app.example/connected?a=1&user_id=bob",
    "https://app.example/connected?code=x",
    "https://app.example:99999/connected",
    "https://[app.example/connected",
    "wearapp://other",
    "",
]


@pytest.mark.parametrize("url", BAD_REDIRECTS)
async def test_an_open_redirect_is_refused(service: Service, url: str) -> None:
    problem(await service.post(CONNECT, params={"redirect_url": url}), 400, "bad_request", "redirect_url")
    problem(await service.post("/internal/auth/connect/ann", params={"redirect_url": url}), 400, "bad_request", "redirect_url")
    problem(await service.get("/v1/oauth/authorize", params={"user_id": "ann", "redirect_url": url}), 400, "bad_request", "redirect_url")


@pytest.mark.parametrize(
    "url", [APP_URL, f"{APP_URL}?a=1", "https://APP.example/connected", "https://app.example:443/connected", "wearapp://connected"]
)
def test_an_address_of_the_list_is_taken(url: str) -> None:
    allowed = RedirectAllowList([APP_URL, "wearapp://connected"])
    assert allowed.check(url) == url
    told = urlsplit(RedirectAllowList.with_outcome(url, status="connected", user_id="a&b=c+d"))
    assert parse_qs(told.query)["user_id"] == ["a&b=c+d"]


async def test_an_oauth_redirect_must_be_registered(service: Service) -> None:
    answer = await service.get("/v1/oauth/authorize", params={"user_id": "ann", "redirect_uri": "https://evil.example/cb"})
    problem(answer, 400, "bad_request", "redirect_uri")
    started = await service.get("/v1/oauth/authorize", params={"user_id": "ann", "redirect_uri": f"{BASE}{PAGE}"})
    assert set(started.json()) == {"authorization_url", "state"}
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Fauth%2Fwhoop%2Fcallback" in started.json()["authorization_url"]


# Ending


async def test_disconnecting_tells_the_provider_and_keeps_the_records(service: Service) -> None:
    await service.connected()
    day = await service.today()
    async with service.working():
        answer = await service.delete(CONNECT)
    assert answer.json() == {
        "user_id": "ann",
        "provider": "whoop",
        "disconnected": True,
        "was_connected": True,
        "revoked": True,
        "data": "keep",
    }
    document = (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()
    assert document["sync"]["state"] == "not_connected"
    assert document["recovery"]["score"] is not None
    tokens = await service.world.rows("select access_token, refresh_token from wearbase.connection")
    assert tokens == [{"access_token": None, "refresh_token": None}]


async def test_disconnecting_without_a_worker_says_that_it_is_pending(service: Service) -> None:
    await service.connected()
    answer = await service.delete("/v1/oauth/disconnect?user_id=ann&provider=whoop")
    assert answer.json()["revoked"] is False


async def test_disconnecting_may_erase_the_records(service: Service) -> None:
    await service.connected()
    headers = await service.key("connect", "erase")
    async with service.working():
        assert (await service.delete(f"{CONNECT}?data=erase", headers=headers)).json()["data"] == "erase"
    assert await service.world.rows("select 1 from wearbase.record") == []
    problem(await service.delete(f"{CONNECT}?data=all"), 422, "invalid_field", "data")


async def test_a_member_erases_by_disconnecting_only_after_signing_in_again(service: Service) -> None:
    await service.connected()
    token = service.token("ann", minutes=30)
    service.world.clock.advance(timedelta(minutes=11))
    for path in (f"{CONNECT}?data=erase", "/v1/oauth/disconnect?user_id=ann&provider=whoop&data=erase"):
        problem(await service.delete(path, headers=token), 403, "sign_in_again")
    assert await service.world.rows("select 1 from wearbase.record") != []
    assert (await service.delete(f"{CONNECT}?data=erase", headers=service.token("ann"))).json()["data"] == "erase"
    assert await service.world.rows("select 1 from wearbase.record") == []


async def test_ending_what_never_was_is_no_error(service: Service) -> None:
    answer = await service.delete(CONNECT)
    assert answer.json() == {
        "user_id": "ann",
        "provider": "whoop",
        "disconnected": True,
        "was_connected": False,
        "revoked": None,
        "data": "keep",
    }


async def test_erasing_leaves_nothing(service: Service) -> None:
    await service.connected()
    async with service.working():
        answer = await service.delete("/api/v1/users/ann", headers=await service.key("erase"))
    assert answer.json()["connections_ended"] == 1
    tables = await service.world.rows(
        "select table_name as t from information_schema.columns where table_schema = 'wearbase' and column_name = 'user_id' "
        "and table_name in (select table_name from information_schema.tables where table_schema = 'wearbase' and table_type = 'BASE TABLE')"
    )
    assert len(tables) > 5
    for table in tables:
        assert await service.world.rows(f"select 1 from wearbase.{table['t']} where user_id = 'ann'") == [], table
    assert (await service.get("/api/v1/whoop/daily-data/ann?date=2026-11-17")).json()["sync"]["state"] == "not_connected"


async def test_an_e_mail_address_is_no_external_id_and_the_answer_says_why(service: Service) -> None:
    answer = await service.post("/api/v1/whoop/connect/ann", json={"external_id": "ann@example.org"})
    assert problem(answer, 422, "invalid_field", "external_id")["details"][0]["message"].endswith("no e-mail address")
    assert "example.org" not in answer.text
