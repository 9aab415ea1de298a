"""Webhooks: the signature, who gets them, retries, and what can go wrong on the way."""

import base64
import hashlib
import hmac
import json
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sim.harness import EXAMPLES, Sim, problems
from wearbase_sim.webhooks.signature import sign

URL = "http://127.0.0.1:9/hook"
SIGNED = [value for value in EXAMPLES["webhooks"].values() if isinstance(value, dict)]
SIGNED += [step["webhook"] for scenario in EXAMPLES["scenarios"] for step in scenario.get("steps", ()) if "webhook" in step]


class Receiver:
    """An app's webhook endpoint that answers as it is told."""

    def __init__(self, *statuses: int) -> None:
        self.requests: list[httpx2.Request] = []
        self._statuses = list(statuses)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self._statuses.pop(0) if self._statuses else 204)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests]


async def hooked(receiver: Receiver, *, connected: bool = True, **values: Any) -> Sim:
    sim = Sim(transport=httpx2.MockTransport(receiver), **{"webhook_url": (URL,), "client_id": "app", **values})
    if connected:
        await sim.connect()
    return sim


@pytest.mark.parametrize("delivery", SIGNED)
def test_signatures_are_those_of_the_examples(delivery: dict[str, Any]) -> None:
    headers = delivery["headers"]
    timestamp, body = headers["X-WHOOP-Signature-Timestamp"], delivery["raw_body"].encode()
    assert sign(EXAMPLES["webhooks"]["signing_secret"], timestamp=timestamp, body=body) == headers["X-WHOOP-Signature"]


@pytest.mark.parametrize("wrong", EXAMPLES["webhooks"]["must_reject"])
def test_what_a_receiver_must_reject_is_not_what_we_sign(wrong: dict[str, str]) -> None:
    secret = EXAMPLES["webhooks"]["signing_secret"]
    assert sign(secret, timestamp=wrong["timestamp"], body=wrong["raw_body"].encode()) != wrong["signature"]


@given(st.text(min_size=1), st.integers(0, 2**53), st.binary())
def test_the_signature_covers_timestamp_and_body(secret: str, timestamp: int, body: bytes) -> None:
    expected = hmac.new(secret.encode(), str(timestamp).encode() + body, hashlib.sha256).digest()
    assert base64.b64decode(sign(secret, timestamp=str(timestamp), body=body)) == expected


async def test_a_delivery_on_the_wire() -> None:
    receiver = Receiver()
    sim = await hooked(receiver)
    answer = await sim.event("workout", wait=True)
    (request,) = receiver.requests
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    timestamp = request.headers["x-whoop-signature-timestamp"]
    assert timestamp == str(sim.now_ms())
    assert request.headers["x-whoop-signature"] == sign("secret", timestamp=timestamp, body=request.content)
    event = json.loads(request.content)
    assert request.content == json.dumps(event, separators=(",", ":")).encode()
    assert list(event) == ["user_id", "id", "type", "trace_id"]
    assert problems("WebhookEvent", event) == []
    assert (event["user_id"], event["type"], event["id"]) == (20_000_001, "workout.updated", answer["changed"][0]["id"])


async def test_every_url_gets_every_event() -> None:
    receiver = Receiver()
    sim = await hooked(receiver, webhook_url=(URL, URL + "/two"))
    assert len((await sim.event("wake", wait=True))["deliveries"]) == 4
    assert sorted(str(request.url) for request in receiver.requests) == [URL, URL, URL + "/two", URL + "/two"]


async def test_nothing_is_sent_for_members_without_a_grant() -> None:
    receiver = Receiver()
    sim = await hooked(receiver, connected=False)
    assert (await sim.event("workout", wait=True))["deliveries"] == []
    await sim.advance(2 * 86_400, wait=True)
    assert receiver.requests == []


async def test_a_failing_receiver_is_asked_five_more_times_in_an_hour() -> None:
    receiver = Receiver(*[503] * 10)
    sim = await hooked(receiver)
    (delivery,) = (await sim.event("workout", wait=True))["deliveries"]
    counts = []
    for minute in range(1, 41):
        await sim.advance(60, webhooks=False, wait=True)
        if len(receiver.requests) > 1 + len(counts):
            counts.append(minute)
    assert counts == [1, 4, 10, 20, 30]
    (shown,) = await sim.control("GET", "/deliveries")
    assert (shown["id"], shown["state"], shown["next_attempt_at"]) == (delivery, "failed", None)
    assert [attempt["status"] for attempt in shown["attempts"]] == [503] * 6
    assert len({event["trace_id"] for event in receiver.events}) == 1


async def test_a_retry_that_succeeds_ends_it_and_is_signed_anew() -> None:
    receiver = Receiver(500)
    sim = await hooked(receiver)
    await sim.event("workout", wait=True)
    await sim.advance(3600, webhooks=False, wait=True)
    first, second = receiver.requests
    assert first.content == second.content
    assert first.headers["x-whoop-signature"] != second.headers["x-whoop-signature"]
    assert (await sim.control("GET", "/deliveries"))[0]["state"] == "delivered"


async def test_a_retry_may_keep_its_signature() -> None:
    receiver = Receiver(500)
    sim = await hooked(receiver, webhook_retry_signature="kept", webhook_retry_scale=0.5)
    await sim.event("workout", wait=True)
    await sim.advance(30, webhooks=False, wait=True)
    first, second = receiver.requests
    assert first.headers["x-whoop-signature"] == second.headers["x-whoop-signature"]


async def test_faults_on_the_way() -> None:
    receiver = Receiver()
    sim = await hooked(receiver)
    for kind in ("drop", "duplicate", "lost_answer"):
        await sim.control("POST", "/faults", route="webhook", kind=kind)
        await sim.event("workout", wait=True)
    dropped, doubled, lost = await sim.control("GET", "/deliveries")
    assert (dropped["state"], dropped["attempts"]) == ("dropped", [])
    assert (doubled["state"], len(doubled["attempts"])) == ("delivered", 2)
    assert (lost["state"], lost["attempts"][0]["error"]) == ("retrying", "answer lost")
    traces = [event["trace_id"] for event in receiver.events]
    assert traces[0] == traces[1] != traces[2]


async def test_redelivery_repeats_the_body() -> None:
    receiver = Receiver()
    sim = await hooked(receiver)
    (delivery,) = (await sim.event("workout", wait=True))["deliveries"]
    shown = await sim.control("POST", f"/deliveries/{delivery}/redeliver")
    assert len(shown["attempts"]) == 2
    assert receiver.requests[0].content == receiver.requests[1].content


async def test_what_appears_as_time_passes_is_told_once() -> None:
    receiver = Receiver()
    sim = await hooked(receiver, now="2026-11-21T03:00:00Z")
    known = {each["id"] for resource in ("sleep", "workout") for each in await sim.truth(resource)}
    moved = await sim.advance(2 * 86_400, wait=True)
    new = {(resource, each["id"]) for resource in ("sleep", "workout") for each in await sim.truth(resource)}
    new = {entry for entry in new if entry[1] not in known}
    told = [(event["type"].split(".")[0], event["id"]) for event in receiver.events]
    assert len(told) == len(set(told)) == len(moved["deliveries"])
    nights = {each["sleep_id"] for each in await sim.truth("recovery")} - known
    assert set(told) == new | {("recovery", night) for night in nights}
    assert len(nights) == 2
    assert (await sim.advance(0, wait=True))["deliveries"] == []
    assert not any(kind == "cycle" for kind, _ in told)


async def test_webhooks_of_a_jump_can_be_left_out() -> None:
    receiver = Receiver()
    sim = await hooked(receiver)
    moved = await sim.advance(2 * 86_400, webhooks=False, wait=True)
    assert moved["changed"]
    assert (moved["deliveries"], receiver.requests) == ([], [])


async def test_a_night_ended_by_hand_is_not_told_again_when_it_would_have_ended() -> None:
    receiver = Receiver()
    sim = await hooked(receiver, now="2026-11-21T10:30:00Z")
    await sim.event("wake", wait=True)
    await sim.advance(4 * 3600, wait=True)
    assert [event["type"] for event in receiver.events if not event["type"].startswith("workout")] == ["sleep.updated", "recovery.updated"]
