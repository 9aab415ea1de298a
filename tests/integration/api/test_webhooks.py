"""Deliveries at the door: signed, small, durable; what is unknown is parked, what is not signed is not stored."""

import json
from datetime import timedelta

import pytest

from tests.integration.api.conftest import Service, problem
from wearbase_sim.webhooks.signature import signed_headers

HOOK = "/v1/webhooks/whoop"
SECRET = "sim-client-secret"
SLEEP_ID = "8f0c5e1e-6d1b-5a52-9c0a-0c5a4d0b1a11"


def delivery(user_id: int, event: str = "sleep.updated", **more) -> bytes:
    return json.dumps({"user_id": user_id, "id": SLEEP_ID, "type": event, "trace_id": "t-1", **more}).encode()


def signed(service: Service, body: bytes, *, age: timedelta = timedelta(0), secret: str = SECRET) -> dict[str, str]:
    at = service.world.clock.now() - age
    return signed_headers(secret, timestamp_ms=int(at.timestamp() * 1000), body=body)


async def inbox(service: Service) -> list[dict]:
    return await service.world.rows("select user_id, state, reason, body, external_id, member_hash from wearbase.delivery order by id")


async def test_a_delivery_is_durable_when_it_is_answered(service: Service) -> None:
    account = await service.connected()
    body = delivery(account)
    answer = await service.post(HOOK, content=body, headers=signed(service, body))
    assert (answer.status_code, answer.content) == (204, b"")
    assert [(d["user_id"], d["state"]) for d in await inbox(service)] == [("ann", "open")]
    assert (await service.world.state("sleep"))["reason"] == "delivery"


async def test_nothing_of_an_unsigned_one_is_stored(service: Service) -> None:
    account = await service.connected()
    body = delivery(account)
    good = signed(service, body)
    for headers in (
        {},
        signed(service, body, secret="other"),
        {**good, "X-WHOOP-Signature": good["X-WHOOP-Signature"].lower()},
        signed(service, body + b" "),
        {k: v for k, v in good.items() if "Timestamp" not in k},
    ):
        problem(await service.post(HOOK, content=body, headers=headers), 401, "bad_signature")
    problem(await service.post(HOOK, content=body, headers=signed(service, body, age=timedelta(hours=3))), 401, "stale_delivery")
    assert await inbox(service) == []


async def test_unknown_members_and_types_are_accepted_and_parked(service: Service) -> None:
    account = await service.connected()
    stranger, odd = delivery(999_999), delivery(account, "heart.updated")
    for body in (stranger, odd):
        assert (await service.post(HOOK, content=body, headers=signed(service, body))).status_code == 204
    first, second = await inbox(service)
    assert (first["state"], first["reason"], first["body"], first["external_id"]) == ("parked", "unknown_member", None, None)
    assert first["member_hash"] is not None
    assert (second["user_id"], second["state"], second["reason"]) == ("ann", "parked", "unknown_type")


async def test_a_body_that_cannot_be_read(service: Service) -> None:
    for body in (b"", b"{", b"[]", b'{"user_id": 1}'):
        problem(await service.post(HOOK, content=body, headers=signed(service, body)), 400, "malformed_delivery")
    assert await inbox(service) == []


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_body_over_64_kib_is_not_read(service: Service, is_streamed: bool) -> None:
    body = delivery(1, padding="x" * 70_000)

    async def pieces():
        for at in range(0, len(body), 4096):
            yield body[at : at + 4096]

    content = pieces() if is_streamed else body
    answer = await service.post(HOOK, content=content, headers=signed(service, body))
    problem(answer, 413, "body_too_large")
    assert await inbox(service) == []
    fits = delivery(1, padding="x" * 60_000)
    assert (await service.post(HOOK, content=fits, headers=signed(service, fits))).status_code == 204


async def test_a_repetition_is_accepted_and_changes_nothing(service: Service) -> None:
    account = await service.connected()
    body = delivery(account)
    for _ in range(3):
        assert (await service.post(HOOK, content=body, headers=signed(service, body))).status_code == 204
    assert len(await inbox(service)) == 1


async def test_an_unknown_source_and_another_method(service: Service) -> None:
    problem(await service.post("/v1/webhooks/fitbit", content=b"{}"), 404, "not_found")
    problem(await service.get(HOOK), 405, "method_not_allowed")
