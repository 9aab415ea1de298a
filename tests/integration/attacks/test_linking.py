"""Linking somebody else's account to one's own user: the whole attack, from the consent that mallory starts to victoria's browser, however
it was started. Nothing of victoria's may ever be stored under mallory, and nothing of mallory's under victoria.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.integration.api.conftest import APP_URL, BASE, OWN_APP, Service, problem, serving
from tests.integration.harness import bench

CALLBACK = "/auth/whoop/callback"
FROM_APP = {"x-wearbase": "app", "origin": BASE}
MALLORYS_ACCOUNT, VICTORIAS_ACCOUNT = 0, 1  # at the provider
HOWS = ("with her token", "in the app", "by the app's backend", "by a backend that drives OAuth itself")


class Person:
    """Somebody with a browser that keeps cookies, and sends what browsers send."""

    def __init__(self, service: Service, name: str) -> None:
        self.service, self.name = service, name
        self.browser = httpx2.AsyncClient(transport=httpx2.ASGITransport(service.app), base_url=BASE)

    async def signed_in(self) -> "Person":
        """Signed in to the phone app."""
        link = (await self.service.services.sessions.make_link(self.name, made_by="test")).secret
        assert (await self.browser.post("/app/session", json={"link": link}, headers=FROM_APP)).status_code == 200
        return self

    async def start(self, how: str) -> dict[str, Any]:
        """A consent for this person's own user; whatever cookie goes with it stays in this browser."""
        path = f"/api/v1/whoop/connect/{self.name}"
        if how == "with her token":
            answer = await self.browser.post(path, params={"redirect_url": APP_URL}, headers=self.service.token(self.name))
        elif how == "in the app":
            answer = await self.browser.post(path, params={"redirect_url": OWN_APP}, headers=FROM_APP)
        elif how == "by the app's backend":
            answer = await self.service.post(path, params={"redirect_url": APP_URL})
        else:
            answer = await self.service.get("/v1/oauth/authorize", params={"user_id": self.name, "redirect_url": APP_URL})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def consent_at_the_provider(self, started: dict[str, Any], account: int) -> dict[str, str]:
        """Opens the address, signs in there and agrees: what the browser is sent back to us with."""
        user_id = (await self.service.world.members())[account]["user_id"]
        return {"state": started["state"], "code": await self.service.world.approve(started["authorization_url"], user_id)}

    async def come_back(self, query: dict[str, str]) -> httpx2.Response:
        return await self.browser.get(CALLBACK, params=query, headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})

    async def press(self, page: httpx2.Response, decision: str, **headers: str) -> httpx2.Response:
        """Sends the form of a page of ours."""
        fields = dict(re.findall(r'name="(state|code)" value="([^"]*)"', page.text))
        return await self.browser.post(
            CALLBACK, data={**fields, "decision": decision}, headers={"sec-fetch-site": "same-origin", **headers}
        )


@asynccontextmanager
async def people(database_url: str) -> AsyncIterator[tuple[Service, Person, Person]]:
    async with bench(database_url, has_sahha=True, days=4, backfill_days=4) as world, serving(world) as service:
        yield service, await Person(service, "mallory").signed_in(), await Person(service, "victoria").signed_in()


@pytest.fixture
async def both(database_url: str) -> AsyncIterator[tuple[Service, Person, Person]]:
    async with people(database_url) as made:
        yield made


async def linked(service: Service) -> dict[str, str]:
    """Whose account is stored under whom."""
    members = {str(m["user_id"]): n for n, m in enumerate(await service.world.members())}
    names = {MALLORYS_ACCOUNT: "mallory's account", VICTORIAS_ACCOUNT: "victoria's account"}
    found = await service.world.rows("select user_id, external_user_id from wearbase.connection")
    return {row["user_id"]: names[members[row["external_user_id"]]] for row in found}


async def nothing_is_stored(service: Service) -> bool:
    for table in ("connection", "record", "day_document", "sync_state"):
        if await service.world.rows(f"select user_id from wearbase.{table}"):
            return False
    return True


def outcome(answer: httpx2.Response) -> str | None:
    """What the app is told; None where the browser was not sent on."""
    return parse_qs(urlsplit(answer.headers["location"]).query)["status"][0] if answer.status_code == 303 else None


@pytest.mark.parametrize("how", HOWS)
async def test_a_consent_link_sent_to_somebody_else_links_nothing(both: Any, how: str) -> None:
    service, mallory, victoria = both
    started = await mallory.start(how)
    brought = await victoria.consent_at_the_provider(started, VICTORIAS_ACCOUNT)  # she is deceived, and agrees at the provider
    page = await victoria.come_back(brought)
    if "backend" in how:  # then nothing happens before she has seen for whom
        assert page.status_code == 200
        assert "mallory" in page.text
        assert "app.example" in page.text
        assert page.headers["x-frame-options"] == "DENY", "no other page can put it under her finger"
        assert await nothing_is_stored(service)
        page = await victoria.press(page, "refuse")
    assert outcome(page) in ("failed", "denied")
    assert await nothing_is_stored(service)
    # Should mallory come by the code all the same, it is too late: its state is used up.
    body = problem(await service.post("/v1/oauth/callback", json=brought, headers=service.token("mallory")), 400, "bad_request", "state")
    assert "victoria" not in str(body)
    problem(await service.post("/v1/oauth/callback", json=brought), 400, "bad_request", "state")
    assert (await mallory.come_back(brought)).status_code == 400
    assert await nothing_is_stored(service)


@pytest.mark.parametrize("how", HOWS)
async def test_a_link_that_victoria_leaves_alone_ends_by_itself(both: Any, how: str) -> None:
    service, mallory, victoria = both
    started = await mallory.start(how)
    brought = await victoria.consent_at_the_provider(started, VICTORIAS_ACCOUNT)
    service.world.clock.advance(timedelta(minutes=5))
    assert (await victoria.come_back(brought)).status_code == 400
    assert (await mallory.come_back(brought)).status_code == 400
    problem(await service.post("/v1/oauth/callback", json=brought, headers=service.token("mallory")), 400, "bad_request", "state")
    assert await nothing_is_stored(service)


@pytest.mark.parametrize("how", HOWS)
async def test_a_page_of_mallorys_cannot_press_the_button(both: Any, how: str) -> None:
    """She knows the state, for it is hers, and has victoria's browser send whatever forms send."""
    service, mallory, victoria = both
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}):
        brought = await victoria.consent_at_the_provider(await mallory.start(how), VICTORIAS_ACCOUNT)
        answer = await victoria.browser.post(CALLBACK, data={**brought, "decision": "agree"}, headers=headers)
        assert answer.status_code == 403
        assert await nothing_is_stored(service)


@pytest.mark.parametrize("how", HOWS)
async def test_a_return_of_mallorys_links_nothing_to_victoria(both: Any, how: str) -> None:
    """The other way round: mallory consents for herself and has victoria's browser, signed in here, come back with her code."""
    service, mallory, victoria = both
    own = await victoria.start("in the app")
    brought = await mallory.consent_at_the_provider(await mallory.start(how), MALLORYS_ACCOUNT)
    page = await victoria.come_back(brought)
    if "backend" in how:
        assert "mallory" in page.text
        assert "victoria" not in page.text
        page = await victoria.press(page, "agree")
        assert outcome(page) == "connected"
        assert await linked(service) == {"mallory": "mallory's account"}
    else:
        assert outcome(page) == "failed"
        assert await nothing_is_stored(service)
    # Nor does mallory's code go with victoria's state, which she would have to guess; and victoria's own consent is still good.
    done = await victoria.come_back(await victoria.consent_at_the_provider(own, VICTORIAS_ACCOUNT))
    assert outcome(done) == "connected"
    assert (await linked(service))["victoria"] == "victoria's account"


@pytest.mark.parametrize("how", ["with her token", "in the app"])
async def test_victorias_own_cookie_does_not_complete_what_mallory_started(both: Any, how: str) -> None:
    service, mallory, victoria = both
    await victoria.start("in the app")
    assert victoria.browser.cookies["wearbase_consent"]
    brought = await victoria.consent_at_the_provider(await mallory.start(how), VICTORIAS_ACCOUNT)
    assert outcome(await victoria.come_back(brought)) == "failed"
    problem(await service.post("/v1/oauth/callback", json=brought, headers=service.token("victoria")), 400, "bad_request", "state")
    assert await nothing_is_stored(service)


async def test_nobody_is_signed_in_as_somebody_else_by_another_page(both: Any) -> None:
    """Signed in as mallory without noticing, victoria would connect her account to mallory's user."""
    service, _, victoria = both
    link = (await service.services.sessions.make_link("mallory", made_by="test")).secret
    other_sites: list[dict[str, str]] = [
        {}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"},
        {**FROM_APP, "sec-fetch-site": "cross-site"}, {"x-wearbase": "app", "origin": "https://evil.example"},
    ]  # fmt: skip
    for headers in other_sites:
        problem(await victoria.browser.post("/app/session", json={"link": link}, headers=headers), 403, "forbidden")
        sent = {"content-type": "text/plain", **headers}  # all that a form of another site can send
        assert (await victoria.browser.post("/app/session", content=f'{{"link": "{link}"}}', headers=sent)).status_code in (403, 422)
    page = await victoria.browser.get("/app/sign-in")
    assert "set-cookie" not in page.headers
    assert (await victoria.browser.get("/app/session")).json()["user_id"] == "victoria"
    shown = (await victoria.browser.post("/app/session/peek", json={"link": link}, headers=FROM_APP)).json()
    assert shown["user_id"] == "mallory", "what the page shows before anything happens; the link is still unused"


async def test_no_member_names_whose_account_theirs_is(both: Any) -> None:
    """Where a source is joined by account: with the id of another's, one would read its data."""
    service, mallory, _ = both
    wish = {"external_id": "victorias-account"}
    problem(await service.post("/api/v1/sahha/connect/mallory", json=wish, headers=service.token("mallory")), 403, "forbidden")
    problem(await mallory.browser.post("/api/v1/sahha/connect/mallory", json=wish, headers=FROM_APP), 403, "forbidden")
    assert await nothing_is_stored(service)
