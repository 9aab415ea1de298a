"""An identity provider's token over HTTP: a member like one with our own token, and a plain answer when nobody can tell."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import structlog

from tests.integration.access.provider import AUDIENCE, ISSUER, Provider, running
from tests.integration.api.conftest import Service, problem, serving
from tests.integration.harness import bench
from wearbase.access.gate import UNKNOWN
from wearbase.access.identity import IdentityTokens
from wearbase.access.keyset import KeySet
from wearbase.access.tokens import MemberTokens
from wearbase.cli.examining import of_identity
from wearbase.settings import load
from wearbase.store.sealing import KeyRing

OWN = "/api/v1/whoop/sync-status/ann"


class Now:
    """The process's own time, moved by hand."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[tuple[Service, Provider, Now]]:
    async with bench(database_url) as world, running(world.clock) as provider:
        now = Now()
        keys = KeySet(provider.url, monotonic=now)
        identity = IdentityTokens(keys, issuer=ISSUER, audiences=[AUDIENCE], claim="sub", clock=world.clock)
        async with serving(world, identity=identity) as service:
            yield service, provider, now
        await keys.close()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_token_is_good_for_its_member_only_and_is_no_service_key(here: Any) -> None:
    service, provider, _ = here
    token = bearer(provider.token("ann"))
    assert (await service.get(OWN, headers=token)).status_code == 200
    problem(await service.get(OWN.replace("ann", "bob"), headers=token), 403, "forbidden")
    problem(await service.post("/api/v1/users/ann/token", headers=token), 403, "forbidden")
    problem(await service.get("/metrics", headers=token), 403, "forbidden")
    assert (await service.get(OWN, headers=service.token("ann"))).status_code == 200, "our own are good beside it"
    problem(await service.get(OWN, headers=bearer(provider.token("ann", aud="x"))), 401, "unauthorized")
    service.world.clock.advance(timedelta(hours=1, seconds=30))
    problem(await service.get(OWN, headers=token), 401, "unauthorized")


async def test_who_signed_in_long_ago_must_do_it_again_to_erase(here: Any) -> None:
    service, provider, _ = here
    at = int(service.world.clock.now().timestamp())
    for claims in ({}, {"auth_time": at - 601}):
        answer = await service.call("DELETE", "/api/v1/users/ann", headers=bearer(provider.token("ann", **claims)), json={"confirm": "ann"})
        problem(answer, 403, "sign_in_again")
    fresh = bearer(provider.token("ann", auth_time=at - 590))
    assert (await service.call("DELETE", "/api/v1/users/ann", headers=fresh, json={"confirm": "ann"})).status_code == 200


async def test_what_cannot_be_told_is_a_503_and_never_a_401(here: Any) -> None:
    service, provider, now = here
    await provider.stop()
    answer = await service.get(OWN, headers=bearer(provider.token("ann")))
    problem(answer, 503, "identity_unavailable")
    assert "retry-after" in answer.headers
    assert "key-1" not in answer.text
    ready = await service.get("/health/ready", headers=bearer(provider.token("ann")))
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "demo": False})
    told = (await service.get("/metrics", headers=await service.key("ops"))).text
    assert 'wearbase_identity_fetches_total{outcome="away"} 1.0' in told
    assert "wearbase_identity_keys_age_seconds +Inf" in told
    problem(await service.get(OWN, headers=bearer("not.a.token")), 401, "unauthorized")
    now.at += 10


async def test_doctor_says_whether_the_keys_can_be_had(here: Any) -> None:
    _, provider, _ = here
    settings = load(auth_jwks_url=provider.url, auth_issuer=ISSUER, auth_audience=AUDIENCE)
    (found,) = [finding async for finding in of_identity(settings)]
    assert (found.level, found.text) == ("ok", f"1 keys (ES256) at {provider.url}, for tokens of {ISSUER}")
    provider.publish()
    (found,) = [finding async for finding in of_identity(settings)]
    assert found.level == "fail"
    assert "None of its 0 keys verifies a signature" in found.text
    assert "Supabase" in (found.todo or "")
    assert [finding async for finding in of_identity(load())] == []


async def test_our_own_tokens_stay_good_while_the_key_that_signed_them_is_in_the_ring(here: Any) -> None:
    """`TOKEN_ENCRYPTION_KEYS`, changed as docs/operations.md says: behind, in front, alone."""
    service, _, _ = here
    old, new = bytes(range(32)), bytes(range(1, 33))

    def with_ring(*keys: bytes) -> MemberTokens:
        return MemberTokens(KeyRing(list(keys)).signing_keys, service.world.clock)

    before, behind, front, alone = with_ring(old), with_ring(old, new), with_ring(new, old), with_ring(new)
    processes = [[before, behind], [behind, front], [front]]  # those that run side by side, step by step
    for made_by in (ring for step in processes for ring in step):
        for step in processes:
            if made_by in step:
                assert all(reader.find(made_by.issue("ann")) is not None for reader in step)
    assert behind.find(front.issue("ann")) is not None
    assert alone.find(behind.issue("ann")) is None, "once it is taken out its tokens are nobody's"
    assert alone.find(front.issue("ann")) is not None


async def test_the_log_says_why_a_credential_was_refused_and_the_answer_does_not(here: Any) -> None:
    service, provider, _ = here
    book, clock = service.services.keys, service.world.clock
    ended = await book.create("ended", ["read"], clock.now() + timedelta(hours=1))
    revoked = await book.create("revoked", ["read"])
    old, late = service.token("ann"), provider.token("ann")
    await book.revoke(revoked.stored.prefix)
    clock.advance(timedelta(hours=2))
    fresh = service.token("ann")["authorization"]
    with_key = {"x-api-key": ended.secret}
    asked: list[tuple[dict[str, str], str, str | None]] = [
        ({}, "missing", None),
        (with_key, "ended", f"key:{ended.stored.prefix}"),
        ({"x-api-key": revoked.secret}, "revoked", f"key:{revoked.stored.prefix}"),
        ({"x-api-key": f"wb_{revoked.stored.prefix}_guessed"}, "unknown", None),
        (bearer(provider.token("ann", aud="x")), "audience", None),
        (bearer(provider.token("ann", iss="x")), "issuer", None),
        (bearer(provider.token("ann", sub="not a user's id")), "user_claim", None),
        (bearer(provider.token("ann")[:-8] + "AAAAAAAA"), "signature", None),
        (bearer(late), "expired", None),
        (bearer(provider.token("ann", header={"kid": "key-9"})), "unknown_key", None),
        (bearer("a.b.c"), "malformed", None),
        (old, "expired", None),
        ({"authorization": fresh[:-8] + "AAAAAAAA"}, "signature", None),
        (bearer(MemberTokens([b"x" * 32], clock).issue("ann")), "algorithm", None),
    ]
    for headers, reason, caller in asked:
        with structlog.testing.capture_logs() as logs:
            answer = await service.get(OWN, headers=headers)
        problem(answer, 401, "unauthorized")
        line = next(entry for entry in logs if entry["event"] == "request")
        assert (line["reason"], line["caller"]) == (reason, caller)
        assert set(answer.json()["error"]) == {"code", "message", "request_id"}
        if headers:
            assert answer.json()["error"]["message"] == UNKNOWN


async def test_a_token_that_ended_with_its_key_names_that_key_in_the_log(here: Any) -> None:
    service, _, _ = here
    book = service.services.keys
    maker = await book.create("maker", ["connect", "read"])
    made = await service.post("/api/v1/users/ann/token", headers={"x-api-key": maker.secret})
    await book.revoke(maker.stored.prefix)
    with structlog.testing.capture_logs() as logs:
        problem(await service.get(OWN, headers=bearer(made.json()["token"])), 401, "unauthorized")
    line = next(entry for entry in logs if entry["event"] == "request")
    assert (line["reason"], line["caller"]) == ("revoked", f"key:{maker.stored.prefix}")
