"""Member tokens: good for one member, for a while, under our own keys only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from wearbase.access.tokens import MemberTokens
from wearbase.domain.clock import SteppedClock

NOW = datetime(2026, 11, 18, 14, tzinfo=UTC)
OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(NOW)


def forged(key: bytes = OLD, *, kid: Any = None, algorithm: str = "HS256", **claims: Any) -> str:
    real = MemberTokens([OLD], SteppedClock(NOW)).issue("ann")
    header = jwt.get_unverified_header(real)
    base = jwt.decode(real, options={"verify_signature": False})
    return jwt.encode({**base, **claims}, key, algorithm=algorithm, headers={"kid": kid or header["kid"]})


def test_a_token_names_its_member_until_it_ends(clock: SteppedClock) -> None:
    tokens = MemberTokens([OLD], clock)
    token = tokens.issue("ann", timedelta(minutes=15))
    found = tokens.find(token)
    assert found is not None
    assert (found.user_id, found.kind, found.issued_at) == ("ann", "member", NOW)
    assert found.scopes == {"read", "sync", "connect", "erase"}
    clock.advance(timedelta(minutes=15))
    assert tokens.find(token) is None


def test_a_new_key_in_front_signs_nobody_out(clock: SteppedClock) -> None:
    token = MemberTokens([OLD], clock).issue("ann")
    both = MemberTokens([NEW, OLD], clock)
    assert both.find(token) is not None
    assert MemberTokens([NEW], clock).find(both.issue("ann")) is not None
    assert MemberTokens([NEW], clock).find(token) is None


@pytest.mark.parametrize(
    "token",
    [
        forged(b"x" * 32),
        forged(iss="other"),
        forged(aud="other"),
        forged(exp=int((NOW + timedelta(days=2)).timestamp())),
        forged(iat=int((NOW + timedelta(hours=1)).timestamp()), exp=int((NOW + timedelta(hours=2)).timestamp())),
        forged(exp="soon"),
        forged(exp=10**20),
        forged(kid="other"),
        forged(algorithm="HS384"),
        forged(sub=5),
        jwt.encode({"sub": "ann"}, "", algorithm="none"),
        "",
        "a.b.c",
        "é",
    ],
)
def test_what_we_did_not_sign_is_nobody(clock: SteppedClock, token: str) -> None:
    assert MemberTokens([OLD], clock).find(token) is None


def test_the_unforged_one_is_good(clock: SteppedClock) -> None:
    assert MemberTokens([OLD], clock).find(forged()) is not None
