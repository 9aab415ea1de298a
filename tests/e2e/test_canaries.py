"""A whole life of a member, with everything that can go wrong, and a log that tells none of it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.e2e.canaries import PATTERNS, Sung, search
from tests.e2e.processes import KEY, SECRET, Cloud, Home, approve, cloud, home, pointed_at, wait_for
from wearbase_sim.webhooks.signature import signed_headers

MEMBER = "canary-member"
MAIL = "canary@mail.example"
PLANTED = "planted-0123456789"
HOOK = "/v1/webhooks/whoop"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Home, Cloud]]:
    settings = {"BACKFILL_DAYS": "10", "HOLD_DOWN": "0", "LOG_LEVEL": "debug", "SERVICE_API_KEY_SCOPES": "read,sync,connect,erase,ops"}
    with home(**settings) as place, cloud(place.url, "--days", "10", "--quota-minute", "1000") as sim:
        place.environment |= pointed_at(sim)
        place.start()
        yield place, sim


def numbers(content: Any) -> set[str]:
    """Every number in it that is long enough to be no other by chance."""
    if isinstance(content, dict):
        return set().union(*map(numbers, content.values()))
    if isinstance(content, list):
        return set().union(*map(numbers, content))
    return {text} if isinstance(content, float) and len(text := json.dumps(content)) >= 6 else set()


def test_a_whole_life_leaves_nothing_of_it_in_the_log(running: tuple[Home, Cloud]) -> None:
    place, sim = running
    with place.api as api:
        started = api.post(f"/api/v1/whoop/connect/{MEMBER}").json()
        code = approve(started["authorization_url"], sim.account())
        api.get(f"/auth/whoop/callback?code={PLANTED}&state={PLANTED}")
        assert api.post("/v1/oauth/callback", json={"code": code, "state": started["state"]}).status_code == 200
        wait_for(lambda: all(r["state"] == "idle" for r in place.status(MEMBER)["resources"].values()), "everything is stored")
        assert api.get(f"/v1/data/{MEMBER}/profile").status_code in (200, 409)
        planted = {code, started["state"], MAIL, PLANTED} | went_wrong(api, sim)
        for resource in ("recovery", "sleep", "workout", "cycle"):
            planted |= numbers(sim.truth(sim.account(), resource))
        token = api.post(f"/api/v1/users/{MEMBER}/token").json()["token"]
        link = api.post(f"/api/v1/users/{MEMBER}/link").json()["url"]
        with httpx2.Client(base_url=place.url, headers={"authorization": f"Bearer {token}"}) as member:
            assert member.get(f"/api/v1/health/{MEMBER}").status_code == 200
            assert member.get("/api/v1/health/bob").status_code == 403
            assert member.get(f"/api/v1/health/{MEMBER}", params={"date": PLANTED}).status_code == 422
        assert api.get(f"/api/v1/users/{MEMBER}/export").status_code == 200
        api.request("DELETE", f"/api/v1/users/{MEMBER}", json={"confirm": MEMBER}).raise_for_status()
    search(place.log(), also={*planted, token, link.rpartition("=")[2]})
    assert '"event":"request"' in place.log().replace(" ", "")


def went_wrong(api: httpx2.Client, sim: Cloud) -> set[str]:
    """Bad input with canaries in every place that takes some; the values that were planted besides."""
    body = json.dumps({"user_id": sim.account(), "id": PLANTED, "type": PLANTED, "trace_id": PLANTED, "mail": MAIL}).encode()
    at_ms = int(time.time() * 1000)
    good, bad = (signed_headers(secret, timestamp_ms=at_ms, body=body) for secret in (SECRET, PLANTED))
    assert api.post(HOOK, content=body, headers=good).status_code == 204
    assert api.post(HOOK, content=body, headers=bad).status_code == 401
    assert api.post(HOOK, content=MAIL.encode(), headers=signed_headers(SECRET, timestamp_ms=at_ms, body=MAIL.encode())).status_code == 400
    refused = [
        api.get(f"/nothing/{PLANTED}/{MAIL}"), api.get("/api/v1/trends/bob", params={"metric": PLANTED}),
        api.post(f"/api/v1/whoop/sync/{MEMBER}", json={"data_types": [PLANTED], PLANTED: MAIL}),
        api.put(f"/api/v1/users/{MEMBER}/preferences", json={"precedence": PLANTED}),
        api.get("/v1/oauth/authorize", params={"user_id": MEMBER, "redirect_uri": f"https://{PLANTED}.example"}),
        api.get(f"/api/v1/{PLANTED}/daily-data/{MEMBER}"), api.post("/app/session", json={"link": PLANTED}, headers={"x-wearbase": "app"}),
    ]  # fmt: skip
    assert {answer.status_code for answer in refused} <= {400, 401, 403, 404, 410, 422}
    for headers in ({"x-api-key": PLANTED}, {"authorization": f"Bearer {PLANTED}"}, {"cookie": f"wearbase={PLANTED}"}, {"host": PLANTED}):
        anybody = httpx2.get(f"{api.base_url}/api/v1/health/{MEMBER}", headers=headers)
        assert anybody.status_code in (401, 421)
    return {KEY}


@pytest.mark.parametrize(
    "line",
    [
        f'{{"key":"{KEY}"}}', "wb_abcdefgh_x", SECRET, f"{'a' * 43}.{'b' * 43}", "eyJhbGciOiJI.x", "to ann.a@mail.example",
        'GET /callback?code=x', '{"user": "ann"}', "for ann: nothing", '{"hrv_rmssd_ms": 42.1}', '{"recovery_score":"77"}', PLANTED,
    ],
)  # fmt: skip
def test_a_canary_in_a_log_is_found_and_not_repeated(line: str) -> None:
    with pytest.raises(Sung) as found:
        search(f"one line\n{line}", also=[PLANTED])
    assert "line 2" in str(found.value)
    assert line not in str(found.value)


@pytest.mark.parametrize(
    "line", ['{"event":"request","route":"/api/v1/health/{user_id}","ms":1.2}', "  Key       wb_abcdefgh_secret", "annual"]
)
def test_what_is_no_canary_is_left_alone(line: str) -> None:
    search(line)
    assert PATTERNS
