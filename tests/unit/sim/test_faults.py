"""Faults by name: each does what it says, at its rate, for its member."""

import base64
import hashlib
import hmac
from typing import Any

import httpx2
import pytest

from tests.unit.sim.harness import CONTROL, Sim, problems
from tests.unit.sim.test_webhooks import URL, Receiver
from wearbase_sim.clock import parse_ms
from wearbase_sim.faults.catalogue import KINDS, NAMED, place_of
from wearbase_sim.members.facts import PENDING

EVENING = "2026-11-21T03:00:00Z"
MORNING = {"to": "next-morning", "scoring_s": 0}


async def hooked(receiver: Receiver, **values: Any) -> Sim:
    sim = Sim(transport=httpx2.MockTransport(receiver), webhook_url=(URL,), **values)
    await sim.connect()
    return sim


def kinds(receiver: Receiver) -> list[str]:
    return [event["type"] for event in receiver.events]


def test_every_kind_has_a_name_and_every_name_a_kind() -> None:
    named = {(place_of(fault["route"]), fault["kind"]) for fault in NAMED.values()}
    assert all(kind in KINDS[place] for place, kind in named)
    for place in ("webhook", "records"):
        assert {kind for known, kind in named if known == place} >= set(KINDS[place]) - {"slow", "status", "cut"}


async def test_names_are_listed_and_unknown_ones_refused() -> None:
    sim = Sim()
    assert set((await sim.control("GET", "/faults/names"))["named"]) == set(NAMED)
    for body in ({"name": "fire"}, {"name": "lose-webhooks", "rate": 0}, {"route": "webhook", "kind": "html"}):
        assert (await sim.http.post("/control/faults", json=body, headers=CONTROL)).status_code == 400


async def test_one_can_be_switched_off_alone() -> None:
    sim = Sim()
    await sim.control("POST", "/faults", name="answer-5xx")
    one, two = await sim.control("POST", "/faults", name="lose-webhooks", rate=0.5)
    assert (one["count"], two["rate"]) == (None, 0.5)
    assert [each["id"] for each in await sim.control("DELETE", f"/faults/{one['id']}")] == [two["id"]]
    assert await sim.control("DELETE", "/faults?name=lose-webhooks") == []
    assert (await sim.http.delete("/control/faults/77", headers=CONTROL)).status_code == 404


async def test_a_rate_is_kept_and_the_same_every_time() -> None:
    async def struck() -> list[int]:
        sim = Sim(quota_minute=1000)
        token = (await sim.connect())["access_token"]
        await sim.control("POST", "/faults", name="answer-5xx", rate=0.3)
        return [(await sim.get("/v2/user/profile/basic", token)).status_code for _ in range(200)]

    first = await struck()
    assert first == await struck()
    assert 35 < first.count(503) < 90


@pytest.mark.parametrize(("name", "status", "body"), [
    ("answer-401", 401, b"Authorization was not valid"), ("answer-403", 403, b""), ("answer-404", 404, b"HTTP 404 Not Found"),
    ("answer-429", 429, b""), ("answer-5xx", 503, b""),
])  # fmt: skip
async def test_statuses(name: str, status: int, body: bytes) -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    await sim.control("POST", "/faults", name=name, count=1)
    struck = await sim.get("/v2/cycle", token)
    assert (struck.status_code, struck.content) == (status, body)
    assert struck.headers["x-ratelimit-remaining"] == ("0" if status == 429 else "99")
    assert (await sim.get("/v2/cycle", token)).status_code == 200


async def test_an_endless_answer_never_ends() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    await sim.control("POST", "/faults", name="endless-answers", count=1)
    with pytest.raises(httpx2.ReadTimeout):
        await sim.get("/v2/cycle", token)


@pytest.mark.parametrize(("flaw", "message"), [("wrong-signatures", b""), ("hex-signatures", b""), ("dotted-signatures", b".")])
async def test_wrong_signatures(flaw: str, message: bytes) -> None:
    receiver = Receiver(401)
    sim = await hooked(receiver)
    await sim.control("POST", "/faults", name=flaw, count=1)
    await sim.event("workout", wait=True)
    await sim.control("POST", "/step", to="+00:02")
    forged, right = receiver.requests
    for request, is_right in ((forged, False), (right, True)):
        timestamp = request.headers["x-whoop-signature-timestamp"].encode()
        digest = hmac.new(b"secret", timestamp + request.content, hashlib.sha256).digest()
        assert (request.headers["x-whoop-signature"] == base64.b64encode(digest).decode()) is is_right
    if message:
        digest = hmac.new(b"secret", forged.headers["x-whoop-signature-timestamp"].encode() + message + forged.content, hashlib.sha256)
        assert base64.b64decode(forged.headers["x-whoop-signature"]) == digest.digest()


async def test_a_stale_signature_is_right_but_old() -> None:
    receiver = Receiver()
    sim = await hooked(receiver)
    await sim.control("POST", "/faults", name="stale-signatures", count=1)
    await sim.event("workout", wait=True)
    assert sim.now_ms() - int(receiver.requests[0].headers["x-whoop-signature-timestamp"]) == 3 * 3_600_000


async def test_late_and_reordered_webhooks() -> None:
    receiver = Receiver()
    sim = await hooked(receiver)
    await sim.control("POST", "/faults", name="reorder-webhooks", count=1)
    first = (await sim.event("workout", wait=True))["changed"][0]["id"]
    assert receiver.events == []
    second = (await sim.event("workout", wait=True))["changed"][0]["id"]
    assert [event["id"] for event in receiver.events] == [second, first]
    await sim.control("POST", "/faults", name="late-webhooks", count=1, delay_s=120)
    third = (await sim.event("workout", wait=True))["changed"][0]["id"]
    assert len(receiver.events) == 2
    await sim.control("POST", "/step", to="+00:02")
    assert receiver.events[2]["id"] == third
    assert [each["fault"] for each in await sim.control("GET", "/deliveries")] == ["reorder", None, "late"]


async def test_a_held_back_webhook_comes_even_if_nothing_overtakes_it() -> None:
    receiver = Receiver()
    sim = await hooked(receiver, now="2026-11-21T09:00:00Z")
    await sim.control("POST", "/faults", name="reorder-webhooks", count=1, delay_s=60)
    await sim.event("workout", wait=True)
    await sim.control("POST", "/step", to="+00:01")
    assert len(receiver.requests) == 1


async def test_strangers_come_beside_the_real_one() -> None:
    receiver = Receiver()
    sim = await hooked(receiver)
    for name in ("unknown-members", "unknown-events"):
        await sim.control("POST", "/faults", name=name, count=1)
        await sim.event("workout", wait=True)
    users, types = {event["user_id"] for event in receiver.events}, kinds(receiver)
    assert users == {20_000_001, 99_999_999}
    assert types.count("workout.updated") == 3
    assert types.count("body_measurement.updated") == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pending-first", ["sleep.updated", "sleep.updated", "recovery.updated"]),
        ("provisional-nights", ["sleep.updated", "recovery.updated"] * 2),
        ("rescored-later", ["sleep.updated", "recovery.updated"] * 2),
        ("extended-later", ["sleep.updated", "recovery.updated"] * 2),
        ("edited-later", ["sleep.updated", "recovery.updated"] * 2),
        ("deleted-later", ["sleep.updated", "recovery.updated", "sleep.deleted", "recovery.deleted"]),
        ("revived-later", ["sleep.updated", "recovery.updated", "sleep.deleted", "recovery.deleted", "sleep.updated", "recovery.updated"]),
        ("merged-later", [*["sleep.updated", "recovery.updated", "sleep.updated"], "sleep.deleted", "sleep.updated", "recovery.updated"]),
    ],
)
async def test_what_becomes_of_a_night(name: str, told: list[str]) -> None:
    receiver = Receiver()
    sim = await hooked(receiver, now=EVENING)
    await sim.control("POST", "/faults", name=name, count=1, delay_s=1500)
    await sim.control("POST", "/step", **MORNING)
    first = (await sim.truth("sleep"))[0]
    await sim.control("POST", "/step", to="+01:00")
    assert [kind for kind in kinds(receiver) if not kind.startswith("workout")] == told
    last = {each["id"]: each for each in await sim.truth("sleep")}.get(first["id"])
    if name == "deleted-later":
        assert last is None
        return
    assert last is not None
    assert last["score_state"] == "SCORED"
    assert last["updated_at"] > first["updated_at"]
    if name in ("provisional-nights", "extended-later", "merged-later"):
        assert last["end"] > first["end"]
    assert (first["score_state"] == PENDING) is (name == "pending-first")


@pytest.mark.parametrize("resource", ["sleep", "workout", "cycle", "recovery"])
async def test_pages_drift_while_one_walks(resource: str) -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    path = {"sleep": "/v2/activity/sleep", "workout": "/v2/activity/workout"}.get(resource, f"/v2/{resource}")
    await sim.control("POST", "/faults", name="drifting-pages", count=1)
    one = (await sim.get(path, token)).json()
    two = (await sim.get(path, token, nextToken=one["next_token"])).json()
    assert two["records"][0] == one["records"][-1], "a record was added on top, so one comes twice"
    await sim.control("POST", "/faults", name="shrinking-pages", count=1)
    one = (await sim.get(path, token)).json()
    two = (await sim.get(path, token, nextToken=one["next_token"])).json()
    everything = await sim.truth(resource)
    assert two["records"][0] != everything[10 - 1], "a record was deleted, so one is never seen"


async def test_a_cursor_can_expire() -> None:
    sim = Sim()
    token = (await sim.connect())["access_token"]
    await sim.control("POST", "/faults", name="expired-cursors")
    page = (await sim.get("/v2/cycle", token)).json()
    assert (await sim.get("/v2/cycle", token, nextToken=page["next_token"])).status_code == 400


async def test_refused_refreshes() -> None:
    sim = Sim()
    pair = await sim.connect()
    await sim.control("POST", "/faults", name="refuse-refresh", count=1)
    assert (await sim.refresh(pair["refresh_token"])).json()["error"] == "invalid_grant"
    pair = (await sim.refresh(pair["refresh_token"])).json()
    await sim.control("POST", "/faults", name="invalid-client", count=1)
    assert (await sim.refresh(pair["refresh_token"])).status_code == 401
    await sim.control("POST", "/faults", name="mass-invalid-grant", count=1)
    for _ in range(2):
        assert (await sim.refresh(pair["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await sim.get("/v2/cycle", pair["access_token"])).status_code == 200, "its access token lives on"


async def test_every_fault_at_once_for_ten_days_and_time_still_passes() -> None:
    receiver = Receiver()
    sim = await hooked(receiver, now=EVENING)
    for name, fault in NAMED.items():
        if place_of(fault["route"]) in ("webhook", "records"):
            await sim.control("POST", "/faults", name=name, rate=0.2)
    await sim.event("sync_off")
    await sim.control("POST", "/step", to="+3d 00:00")
    await sim.event("sync_on")
    await sim.control("POST", "/step", to="+7d 00:00")
    assert set(kinds(receiver)) >= {"sleep.updated", "recovery.updated", "workout.updated", "recovery.deleted"}
    assert sim.now_ms() == parse_ms(EVENING) + 10 * 86_400_000
    for resource in ("cycle", "sleep", "recovery", "workout"):
        assert not [wrong for record in await sim.truth(resource) for wrong in problems(resource.title(), record)]
