"""Tokens of the app's own identity provider, with its keys behind a real server: rotated, slow, huge, away, and forged in every way."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.access.provider import AUDIENCE, ISSUER, RSA, WEAK_RSA, Provider, ec_key, edwards_key, public, running
from wearbase.access import keyset
from wearbase.access.identity import LONGEST_LIFE, LONGEST_TOKEN, IdentityTokens
from wearbase.access.keyset import ALGORITHMS, ASK_AGAIN_S, AWAY_S, FRESH_S, KEPT_S, IdentityUnavailable, KeySet
from wearbase.domain.clock import SteppedClock
from wearbase.store.member import marks
from wearbase.transport.http import Http

NOW = datetime(2026, 11, 18, 14, tzinfo=UTC)
HOUR = int(timedelta(hours=1).total_seconds())


class Ticks:
    """The process's own time, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(NOW)


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
async def provider(clock: SteppedClock) -> AsyncIterator[Provider]:
    async with running(clock) as made:
        yield made


@pytest.fixture
async def tokens(provider: Provider, clock: SteppedClock, ticks: Ticks) -> AsyncIterator[IdentityTokens]:
    keys = KeySet(provider.url, monotonic=ticks)
    yield IdentityTokens(keys, issuer=ISSUER, audiences=[AUDIENCE, "other-app"], claim="sub", clock=clock)
    await keys.close()


# ---- what is good ----


async def test_a_token_of_the_provider_is_that_members(provider: Provider, tokens: IdentityTokens) -> None:
    found = await tokens.find(provider.token("ann", auth_time=int(NOW.timestamp())))
    assert found is not None
    assert (found.kind, found.user_id, found.key_id, found.issued_at) == ("member", "ann", "identity:key-1", NOW)
    assert found.scopes == {"read", "sync", "connect", "erase"}
    assert await tokens.find(provider.token("ann", aud=["x", "other-app"])) is not None


@pytest.mark.parametrize(
    ("private", "algorithm", "declared"),
    [(RSA, "RS256", None), (RSA, "PS256", "PS256"), (RSA, "RS512", "RS512"), (edwards_key(), "EdDSA", None), (ec_key(), "ES256", "ES256")],
)
async def test_every_asymmetric_kind_is_taken(
    provider: Provider, tokens: IdentityTokens, private: Any, algorithm: str, declared: Any
) -> None:
    provider.publish(public(private, "key-1", **({"alg": declared} if declared else {})))
    found = await tokens.find(provider.token("ann", key=private, algorithm=algorithm))
    assert found is not None
    assert found.user_id == "ann"


async def test_when_the_member_signed_in_is_not_when_the_token_was_renewed(provider: Provider, tokens: IdentityTokens) -> None:
    at = int(NOW.timestamp())
    told: list[tuple[dict[str, Any], datetime | None]] = [
        ({}, None),
        ({"auth_time": at - 60}, NOW - timedelta(seconds=60)),
        ({"amr": [{"method": "password", "timestamp": at - 90}, {"method": "otp", "timestamp": at - 30}]}, NOW - timedelta(seconds=30)),
        ({"amr": ["pwd", "otp"]}, None),
        ({"auth_time": "yesterday", "amr": [{"timestamp": True}]}, None),
    ]
    for claims, expected in told:
        found = await tokens.find(provider.token("ann", **claims))
        assert found is not None
        assert found.issued_at == expected


# ---- what is not ----


def forged(provider: Provider) -> dict[str, str]:
    """Tokens that nobody may come in with, by what is wrong with each."""
    at, good = int(NOW.timestamp()), provider.token("ann")
    head, body, signature = good.split(".")
    spki = public_pem(provider.private)
    return {
        "no algorithm": jwt.encode(claims_of(good), "", algorithm="none", headers={"kid": "key-1"}),
        "no algorithm, capitals": unsigned({"alg": "NONE", "kid": "key-1"}, body),
        "a secret made of the public key": hmac_token(claims_of(good), spki),
        "a secret made of the key set": hmac_token(claims_of(good), provider.body),
        "another key under the same id": provider.token("ann", key=ec_key()),
        "another algorithm than the key's": provider.token("ann", key=RSA, algorithm="RS256"),
        "a key that it brings itself": provider.token("ann", key=(mine := ec_key()), header={"jwk": public(mine, "key-1")}),
        "a key from an address that it names": provider.token("ann", key=ec_key(), header={"jku": provider.url, "x5u": provider.url}),
        "no key id": provider.token("ann", header={"kid": None}),
        "an empty key id": provider.token("ann", header={"kid": ""}),
        "a key id that is a path": provider.token("ann", header={"kid": "../../dev/null"}),
        "an extension that must be understood": provider.token("ann", header={"crit": ["exp"]}),
        "another issuer": provider.token("ann", iss="https://auth.example"),
        "an issuer among others": provider.token("ann", iss=[ISSUER]),
        "no issuer": provider.token("ann", iss=None),
        "another audience": provider.token("ann", aud="another"),
        "no audience": provider.token("ann", aud=None),
        "no end": provider.token("ann", exp=None),
        "over": provider.token("ann", exp=at - 30),
        "an end that is a text": provider.token("ann", exp="soon"),
        "an end that is true": provider.token("ann", exp=True),
        "an end that is no instant": provider.token("ann", exp=10**25),
        "not yet begun": provider.token("ann", nbf=at + 31),
        "made in the future": provider.token("ann", iat=at + 31),
        "no member": provider.token(None),
        "a member who is none": provider.token("a b"),
        "a member of another line": provider.token("ann\n"),
        "a changed member": ".".join([head, b64({**claims_of(good), "sub": "bob"}), signature]),
        "a cut one": good[:-2],
        "no signature": f"{head}.{body}.",
        "five parts": f"{good}.x.y",
        "a head as deep as a well": f"{base64.urlsafe_b64encode(b'[' * 4000).decode()}.{body}.{signature}",
        "longer than any": provider.token("ann", more="x" * LONGEST_TOKEN),
        "nothing": "",
        "no text of ours": "é.é.é",
    }


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def b64(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def unsigned(header: dict[str, Any], body: str) -> str:
    return f"{b64(header)}.{body}."


def public_pem(private: Any) -> bytes:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hmac_token(claims: dict[str, Any], secret: bytes) -> str:
    """Signed with HS256 whatever the secret looks like: the library would refuse one that is a public key."""
    import hashlib
    import hmac

    signed = f"{b64({'alg': 'HS256', 'typ': 'JWT', 'kid': 'key-1'})}.{b64(claims)}"
    digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


async def test_a_forged_token_is_nobodys(provider: Provider, tokens: IdentityTokens) -> None:
    assert await tokens.find(provider.token("ann")) is not None
    let_in = [what for what, token in forged(provider).items() if await tokens.find(token) is not None]
    assert let_in == []
    assert provider.asked == 1, "none of them makes us ask the provider"


async def test_clocks_may_be_half_a_minute_apart(provider: Provider, tokens: IdentityTokens, clock: SteppedClock) -> None:
    at = int(clock.now().timestamp())
    assert await tokens.find(provider.token("ann", exp=at - 29, iat=at + 29, nbf=at + 29)) is not None
    clock.advance(timedelta(seconds=2))
    assert await tokens.find(provider.token("ann", exp=at - 29)) is None


async def test_a_token_tells_when_it_was_made_and_is_not_taken_after_thirty_days(
    provider: Provider, tokens: IdentityTokens, clock: SteppedClock
) -> None:
    """For longer it is known that a member was erased: none can be older than that, and still be believed."""
    at, in_a_year = int(clock.now().timestamp()), int((clock.now() + timedelta(days=365)).timestamp())
    found = await tokens.find(provider.token("ann", auth_time=at - 10, exp=in_a_year))
    assert found is not None
    assert (found.made_at, found.issued_at) == (clock.now(), clock.now() - timedelta(seconds=10))
    unsaid = await tokens.find(provider.token("ann", iat=None))
    assert unsaid is not None
    assert unsaid.made_at == datetime.fromtimestamp(0, UTC)
    assert LONGEST_LIFE < marks.KEPT_FOR
    token = provider.token("ann", exp=in_a_year)
    clock.advance(LONGEST_LIFE)
    assert await tokens.find(token) is not None
    clock.advance(timedelta(seconds=31))
    assert await tokens.find(token) is None


async def test_a_key_that_could_be_guessed_or_is_no_signing_key_is_not_used(provider: Provider, tokens: IdentityTokens) -> None:
    shared = {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYw", "alg": "HS256"}
    whole = {**public(RSA, "whole"), "d": "AQAB"}
    odd = [None, 7, [], {}, {"kty": "EC", "kid": "odd", "crv": "P-256", "x": 5, "y": None}, {"kty": "RSA", "kid": "odd2"}]
    provider.publish(
        shared, whole, public(WEAK_RSA, "weak"), public(RSA, "sealing", use="enc"), public(RSA, None), public(RSA, "es", alg="ES256"),
        public(RSA, "none", alg="none"), *odd, public(provider.private, "key-1"), public(RSA, "key-1"),
    )  # fmt: skip
    await tokens.keys.fetch()
    assert list(tokens.keys.keys) == ["key-1"]
    assert await tokens.find(provider.token("ann")) is not None, "of two keys with one id the first counts"


# ---- keys that change, a provider that is away ----


async def test_a_new_key_is_fetched_when_a_token_names_it_and_the_old_one_is_over(
    provider: Provider, tokens: IdentityTokens, ticks: Ticks
) -> None:
    old = provider.token("ann")
    assert await tokens.find(old) is not None
    ticks.now += ASK_AGAIN_S
    provider.rotate("key-2")
    assert await tokens.find(provider.token("ann")) is not None
    assert await tokens.find(old) is None, "the provider does not publish that key any more"


async def test_a_key_that_is_taken_back_is_refused_without_anybody_asking_for_another(
    provider: Provider, tokens: IdentityTokens, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "FRESH_S", 0.01)
    token = provider.token("ann")
    keeping = asyncio.create_task(tokens.keys.keep())
    async with asyncio.timeout(10):
        assert await tokens.find(token) is not None
        provider.rotate("key-2")
        while await tokens.find(token) is not None:
            ticks.now += ASK_AGAIN_S
            await asyncio.sleep(0.005)
    keeping.cancel()
    assert keyset.FRESH_S < FRESH_S == 300


async def test_unknown_key_ids_of_strangers_cost_one_call_in_ten_seconds(provider: Provider, tokens: IdentityTokens, ticks: Ticks) -> None:
    assert await tokens.find(provider.token("ann")) is not None
    ticks.now += ASK_AGAIN_S
    strange = [provider.token("ann", header={"kid": f"strange-{n}"}) for n in range(50)]
    assert set(await asyncio.gather(*map(tokens.find, strange))) == {None}
    assert provider.asked == 2
    assert [await tokens.find(token) for token in strange[:5]] == [None] * 5
    assert provider.asked == 2
    ticks.now += ASK_AGAIN_S
    await tokens.find(strange[0])
    assert provider.asked == 3


async def test_who_brings_a_known_key_does_not_wait_for_the_provider(provider: Provider, tokens: IdentityTokens, ticks: Ticks) -> None:
    assert await tokens.find(provider.token("ann")) is not None
    provider.held.clear()
    ticks.now += FRESH_S + 1
    stranger = asyncio.create_task(tokens.find(provider.token("ann", header={"kid": "strange"})))
    async with asyncio.timeout(10):
        for _ in range(3):
            assert await tokens.find(provider.token("ann")) is not None
        assert not stranger.done()
        provider.held.set()
        assert await stranger is None
    assert provider.asked == 2


async def test_a_reader_who_leaves_does_not_end_the_fetch_of_the_others(provider: Provider, tokens: IdentityTokens) -> None:
    provider.held.clear()
    leaving, staying = (asyncio.create_task(tokens.find(provider.token("ann"))) for _ in range(2))
    async with asyncio.timeout(10):
        await provider.was_asked.wait()
        leaving.cancel()
        provider.held.set()
        assert await staying is not None
    assert provider.asked == 1


async def test_while_the_provider_is_away_its_keys_are_good_for_six_hours(provider: Provider, tokens: IdentityTokens, ticks: Ticks) -> None:
    assert await tokens.find(provider.token("ann")) is not None
    await provider.stop()
    ticks.now = KEPT_S - 1
    assert await tokens.find(provider.token("ann")) is not None
    await tokens.keys.fetch()
    assert tokens.keys.problem is not None
    with pytest.raises(IdentityUnavailable):
        await tokens.find(provider.token("ann", header={"kid": "perhaps-new"}))
    ticks.now += 1
    with pytest.raises(IdentityUnavailable):
        await tokens.find(provider.token("ann"))
    await provider.start(int(provider.url.split(":")[2].split("/")[0]))
    ticks.now += ASK_AGAIN_S
    assert await tokens.find(provider.token("ann")) is not None
    assert tokens.keys.problem is None


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"x" * 300_000, "away"),
        (200, b'{"keys": [' + b"{}," * 90_000 + b"{}]}", "away"),
        (500, b"{}", "away"),
        (301, b"", "away"),
        (200, b"", "unusable"),
        (200, b"<html>", "unusable"),
        (200, b"[]", "unusable"),
        (200, b"{}", "unusable"),
        (200, b'{"keys": []}', "unusable"),
        (200, b'{"keys": {}}', "unusable"),
        (200, b"\xff\xfe", "unusable"),
        (200, b"[" * 100_000, "unusable"),
        (200, json.dumps({"keys": [{}] * 101}).encode(), "unusable"),
    ],
)
async def test_an_answer_that_is_no_key_set_changes_nothing(
    provider: Provider, tokens: IdentityTokens, ticks: Ticks, status: int, body: bytes, outcome: str
) -> None:
    assert await tokens.find(provider.token("ann")) is not None
    provider.status, provider.body = status, body
    ticks.now += ASK_AGAIN_S
    await tokens.keys.fetch()
    assert tokens.keys.counts == {"ok": 1, "away": 0, "unusable": 0} | {outcome: 1}
    assert await tokens.find(provider.token("ann")) is not None


@pytest.mark.parametrize("body", [b'{"keys": []}', b'{"keys": [{"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"}]}'])
async def test_a_set_without_any_key_takes_all_back_once_it_has_said_so_twice(
    provider: Provider, tokens: IdentityTokens, ticks: Ticks, body: bytes
) -> None:
    token, good = provider.token("ann"), provider.body
    assert await tokens.find(token) is not None
    for answer, waits_s, is_believed in (
        (body, ASK_AGAIN_S, True), (body, ASK_AGAIN_S, True), (good, AWAY_S, True), (body, AWAY_S, True), (b"<html>", AWAY_S, True),
        (body, AWAY_S, False), (good, AWAY_S, True),
    ):  # fmt: skip
        ticks.now += waits_s
        provider.body = answer
        await tokens.keys.fetch()
        assert (await tokens.find(token) is not None) is is_believed, answer


async def test_before_that_a_token_is_neither_believed_nor_refused(provider: Provider, tokens: IdentityTokens, ticks: Ticks) -> None:
    provider.body = b'{"keys": []}'
    for _ in range(2):
        with pytest.raises(IdentityUnavailable):
            await tokens.find(provider.token("ann"))
        ticks.now += ASK_AGAIN_S
    ticks.now += AWAY_S
    assert await tokens.find(provider.token("ann")) is None


async def test_an_answer_that_takes_too_long_is_given_up(provider: Provider, clock: SteppedClock) -> None:
    provider.held.clear()
    keys = KeySet(provider.url, Http(within_s=0.05))
    with pytest.raises(IdentityUnavailable):
        await IdentityTokens(keys, issuer=ISSUER, audiences=[AUDIENCE], claim="sub", clock=clock).find(provider.token("ann"))
    assert keys.counts["away"] == 1
    assert keyset.WITHIN_S <= 5
    await keys.close()


LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3))
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "kty": st.sampled_from(["RSA", "EC", "OKP", "oct"]) | VALUES, "alg": st.sampled_from([*sorted(ALGORITHMS), "none"]) | VALUES,
        "crv": st.sampled_from(["P-256", "Ed25519", "secp256k1"]) | VALUES, "kid": VALUES, "use": VALUES,
        **dict.fromkeys(("n", "e", "x", "y", "key_ops", "oth"), VALUES),
    },
)  # fmt: skip


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(MEMBERS, st.sampled_from([public(RSA, "good"), public(ec_key(), "good"), public(edwards_key(), "good")]))
def test_whatever_is_published_is_used_or_passed_over(odd: dict[str, Any], good: dict[str, Any]) -> None:
    assert "good" in keyset.usable_keys(json.dumps({"keys": [{**good, **odd, "kid": "odd"}, odd, good]}).encode())
