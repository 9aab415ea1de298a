"""OAuth: consent, codes, rotation, and the provider's words for what went wrong."""

import re
from html import unescape

import pytest

from tests.unit.sim.harness import ALL_SCOPES, EXAMPLES, REDIRECT, Sim, problems, returned

HTML = {"Accept": "text/html"}
INVALID_GRANT = EXAMPLES["oauth"]["refresh_reused_token"]["payload"]
ASK = {"response_type": "code", "client_id": "app", "redirect_uri": REDIRECT, "scope": "offline read:sleep", "state": "Zk3v9Qw1"}


async def test_consent_page_names_the_app_the_scopes_and_the_members() -> None:
    sim = Sim()
    page = await sim.http.get("/oauth/oauth2/auth", params=ASK, headers=HTML)
    assert page.status_code == 200
    assert '<html lang="en">' in page.text
    assert 'name="viewport" content="width=device-width' in page.text
    assert '<label for="member">' in page.text
    assert re.search(r'<select id="member" name="member">(<option value="\d+">[^<]+</option>){3}</select>', page.text)
    assert '<button type="submit" name="decision" value="approve">' in page.text
    assert '<button type="submit" name="decision" value="deny">' in page.text
    assert "read:sleep" in page.text
    assert "read:recovery" not in page.text
    assert "src=" not in page.text
    assert "https://" not in page.text, "nothing is loaded from elsewhere"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_the_form_on_the_page_leads_to_a_code() -> None:
    sim = Sim()
    page = await sim.http.get("/oauth/oauth2/auth", params=ASK, headers=HTML)
    form = {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)}
    answer = await sim.http.post("/oauth/oauth2/auth", data=form | {"member": "2", "decision": "approve"})
    assert answer.headers["location"].startswith(REDIRECT + "?")
    back = returned(answer)
    assert set(back) == {"code", "scope", "state"}
    assert (back["scope"], back["state"]) == ("offline read:sleep", "Zk3v9Qw1")
    tokens = (await sim.exchange(back["code"])).json()
    assert problems("TokenResponse", tokens) == []


async def test_everything_on_the_page_is_escaped() -> None:
    nasty = '"><script>alert(1)</script>'
    sim = Sim(client_id=nasty, redirect_uri=(f"https://app.example/?{nasty}",))
    params = ASK | {"client_id": nasty, "redirect_uri": f"https://app.example/?{nasty}", "state": nasty}
    page = await sim.http.get("/oauth/oauth2/auth", params=params, headers=HTML)
    assert page.status_code == 200
    assert "<script" not in page.text


async def test_denial_is_told_to_the_app() -> None:
    back = returned(await Sim().authorize(decision="deny"))
    assert back["error"] == "access_denied"
    assert back["error_description"] == "The resource owner denied the request"
    assert back["state"] == "Zk3v9Qw1"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"state": "short"}, 400, "invalid_state"),
        ({"state": ""}, 400, "invalid_state"),
        ({"client_id": "someone"}, 401, "invalid_client"),
        ({"redirect_uri": "https://evil.example/callback"}, 400, "invalid_request"),
        ({"member": "99"}, 400, "invalid_request"),
        ({"member": "nobody"}, 400, "invalid_request"),
    ],
)
async def test_what_is_not_sent_back_to_the_app(changes: dict[str, str], status: int, error: str) -> None:
    answer = await Sim().authorize(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert problems("OAuthError", answer.json()) == []


async def test_a_weak_state_is_refused_in_the_provider_s_words() -> None:
    sim = Sim()
    answer = await sim.http.get("/oauth/oauth2/auth", params=ASK | {"state": "1234567"})
    expected = EXAMPLES["oauth"]["weak_state"]
    assert (answer.status_code, answer.json()) == (expected["status"], expected["payload"])
    assert "too weak" in (await sim.http.get("/oauth/oauth2/auth", params=ASK | {"state": "1234567"}, headers=HTML)).text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "read:everything"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
async def test_protocol_errors_go_back_to_the_app(changes: dict[str, str], error: str) -> None:
    assert returned(await Sim().authorize(**changes))["error"] == error


async def test_a_registered_redirect_must_match_exactly() -> None:
    sim = Sim(redirect_uri=("https://app.example.com/callback", "whoop://back"))
    for uri, status in (("whoop://back", 302), ("https://app.example.com/callback/", 400), (REDIRECT, 400)):
        assert (await sim.authorize(redirect_uri=uri)).status_code == status, uri


async def test_a_consent_that_the_provider_forbids() -> None:
    sent = returned(await Sim(consent="forbidden").authorize())
    assert sent["error"] == "request_forbidden"
    assert "code" not in sent


async def test_the_member_cap() -> None:
    sim = Sim(member_cap=1)
    await sim.connect(1)
    assert (await sim.authorize(member="1")).status_code == 302, "a member who has a slot may connect again"
    full = await sim.authorize(member="2")
    assert full.status_code == 403
    assert "user limit" in full.text
    await sim.event("deauthorize")
    assert (await sim.authorize(member="2")).status_code == 403, "a slot is not freed by disconnecting"


async def test_tokens_look_like_the_provider_s() -> None:
    tokens = await Sim().connect()
    shape = re.compile(r"[\w-]{43}\.[\w-]{43}")
    assert shape.fullmatch(tokens["access_token"])
    assert shape.fullmatch(tokens["refresh_token"])
    assert (tokens["expires_in"], tokens["token_type"], tokens["scope"]) == (3600, "bearer", ALL_SCOPES)


async def test_without_offline_there_is_no_refresh_token() -> None:
    tokens = await Sim().connect(scope="read:recovery")
    assert set(tokens) == {"access_token", "expires_in", "scope", "token_type"}


async def test_a_code_is_good_once() -> None:
    sim = Sim()
    code = await sim.code()
    tokens = (await sim.exchange(code)).json()
    again = await sim.exchange(code)
    assert (again.status_code, again.json()) == (400, INVALID_GRANT)
    assert (await sim.get("/v2/cycle", tokens["access_token"])).status_code == 200


async def test_a_code_lives_ten_minutes() -> None:
    sim = Sim()
    codes = [await sim.code(), await sim.code()]
    await sim.advance(599)
    assert (await sim.exchange(codes[0])).status_code == 200
    await sim.advance(1)
    assert (await sim.exchange(codes[1])).json() == INVALID_GRANT


async def test_the_exchange_repeats_the_redirect() -> None:
    sim = Sim()
    code = await sim.code()
    assert (await sim.exchange(code, redirect_uri=REDIRECT + "/")).json() == INVALID_GRANT
    assert (await sim.exchange(code)).status_code == 200


async def test_a_refresh_kills_both_old_tokens_at_once() -> None:
    sim = Sim()
    old = await sim.connect()
    new = (await sim.refresh(old["refresh_token"])).json()
    assert new["scope"] == old["scope"]
    assert not {new["access_token"], new["refresh_token"]} & {old["access_token"], old["refresh_token"]}
    assert (await sim.get("/v2/cycle", old["access_token"])).status_code == 401
    again = await sim.refresh(old["refresh_token"])
    assert (again.status_code, again.json()) == (400, INVALID_GRANT)
    assert (await sim.get("/v2/cycle", new["access_token"])).status_code == 200


async def test_reuse_can_end_the_family() -> None:
    sim = Sim(reuse_policy="revoke_family")
    old = await sim.connect()
    new = (await sim.refresh(old["refresh_token"])).json()
    assert (await sim.refresh(old["refresh_token"])).status_code == 400
    assert (await sim.get("/v2/cycle", new["access_token"])).status_code == 401
    assert (await sim.refresh(new["refresh_token"])).json() == INVALID_GRANT


async def test_an_access_token_lives_an_hour() -> None:
    sim = Sim()
    tokens = await sim.connect()
    await sim.advance(3599)
    assert (await sim.get("/v2/cycle", tokens["access_token"])).status_code == 200
    await sim.advance(1)
    assert (await sim.get("/v2/cycle", tokens["access_token"])).status_code == 401
    assert (await sim.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({}, 400, "invalid_request"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "nonsense"}, 400, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "nonsense", "redirect_uri": REDIRECT}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": ""}, 401, "invalid_client"),
    ],
)
async def test_token_errors(form: dict[str, str], status: int, error: str) -> None:
    answer = await Sim().token(**form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_scope_that_was_not_granted_cannot_be_refreshed() -> None:
    sim = Sim()
    tokens = await sim.connect(scope="offline read:sleep")
    assert (await sim.refresh(tokens["refresh_token"], scope="offline read:cycles")).json()["error"] == "invalid_scope"


@pytest.mark.parametrize(("client_auth", "status"), [("post_only", 401), ("any", 200)])
async def test_basic_credentials(client_auth: str, status: int) -> None:
    sim = Sim(client_auth=client_auth)
    form = {"grant_type": "refresh_token", "refresh_token": (await sim.connect())["refresh_token"]}
    answer = await sim.http.post("/oauth/oauth2/token", data=form, auth=("app", "secret"))
    assert answer.status_code == status
    if status == 401:
        assert answer.json() == EXAMPLES["oauth"]["wrong_client_authentication"]["payload"]


async def test_deauthorizing_in_the_app_kills_every_token() -> None:
    sim = Sim(webhook_url=("http://127.0.0.1:9/hook",))
    first, second = await sim.connect(), await sim.connect()
    assert (await sim.event("deauthorize"))["deliveries"] == []
    for tokens in (first, second):
        assert (await sim.get("/v2/cycle", tokens["access_token"])).status_code == 401
        assert (await sim.refresh(tokens["refresh_token"])).json() == INVALID_GRANT
