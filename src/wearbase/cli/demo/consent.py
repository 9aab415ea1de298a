"""Connects the demo's member as a person would: our API, the provider's consent page, back to our callback."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx2

from wearbase.cli.demo.folder import MEMBER
from wearbase.cli.exits import Stop

PROVIDER = "whoop"


async def connect(ours: httpx2.AsyncClient, *, account: int) -> None:
    """Real OAuth against the simulated provider. Raises Stop if any step is refused."""
    started = _good(await ours.post(f"/api/v1/{PROVIDER}/connect/{MEMBER}"), "starting the consent").json()
    async with httpx2.AsyncClient(timeout=20, trust_env=False) as browser:
        code = await _approve(browser, started["authorization_url"], account)
    _good(await ours.post("/v1/oauth/callback", json={"code": code, "state": started["state"]}), "bringing the code back")


async def _approve(browser: httpx2.AsyncClient, url: str, account: int) -> str:
    """The code that the consent page sends the browser back with."""
    page = _good(await browser.get(url), "opening the consent page")
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    if action is None:
        raise Stop("The demo could not connect its member: the consent page has no form.")
    form = {**{unescape(name): unescape(text) for name, text in hidden}, "member": str(account), "decision": "approve"}
    answer = await browser.post(str(page.url.join(unescape(action[1]))), data=form)
    query = parse_qs(urlsplit(answer.headers.get("location", "")).query)
    if "code" not in query:
        raise Stop(f"The demo could not connect its member: the consent page answered {answer.status_code} without a code.")
    return query["code"][0]


def _good(answer: httpx2.Response, step: str) -> httpx2.Response:
    if not answer.is_success:
        raise Stop(f"The demo could not connect its member: {step} was answered with {answer.status_code}.")
    return answer
