"""Member tokens: good for one member, for a while, under our own keys only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from wearbase.access.caller import MEMBER_SCOPES, Caller
from wearbase.access.tokens import AUDIENCE, IN_PART, ISSUER, MemberTokens
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


def key(*scopes: str) -> Caller:
    return Caller(kind="service", key_id="an-id", prefix="k3v9x0aa", scopes=frozenset(scopes))


@pytest.mark.parametrize(
    ("of_the_key", "of_the_token"),
    [
        (["connect"], {"connect"}),
        (["connect", "erase", "ops"], {"connect"}),
        (["connect", "read"], {"connect", "read"}),
        (["connect", "sync", "erase"], {"connect", "sync"}),
        (["connect", "read", "sync"], MEMBER_SCOPES),
        (["connect", "read", "sync", "erase", "ops"], MEMBER_SCOPES),
    ],
)
def test_a_token_may_no_more_than_the_key_that_made_it(clock: SteppedClock, of_the_key: list[str], of_the_token: set[str]) -> None:
    tokens = MemberTokens([OLD], clock)
    found = tokens.find(tokens.issue("ann", by=key(*of_the_key)))
    assert found is not None
    assert found.scopes == of_the_token
    assert found.credential == "member:k3v9x0aa"


def test_a_token_in_part_is_nobodys_to_a_process_that_does_not_look_at_its_scopes(clock: SteppedClock) -> None:
    """As the version before verifies them, beside which this one runs while it is updated."""
    tokens = MemberTokens([OLD], clock)

    def verified(token: str) -> Any:
        key = MemberTokens([OLD], clock)._first.secret
        options = {"require": ["iss", "aud", "sub", "iat", "exp"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        return jwt.decode(token, key, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER, options=options)  # type: ignore[arg-type]

    assert verified(tokens.issue("ann", by=key("read", "sync", "connect")))["sub"] == "ann"
    with pytest.raises(jwt.InvalidAudienceError):
        verified(tokens.issue("ann", by=key("connect", "read")))


def test_a_token_of_the_version_before_is_good_for_all(clock: SteppedClock) -> None:
    found = MemberTokens([OLD], clock).find(forged(iat=int(NOW.timestamp())))
    assert found is not None
    assert (found.scopes, found.by_key, found.credential) == (MEMBER_SCOPES, None, "member")


def test_a_token_tells_when_it_was_made_to_less_than_a_second(clock: SteppedClock) -> None:
    clock.advance(timedelta(milliseconds=250))
    tokens = MemberTokens([OLD], clock)
    found = tokens.find(tokens.issue("ann", timedelta(hours=24)))
    assert found is not None
    assert found.made_at == NOW + timedelta(milliseconds=250)


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
        forged(aud=IN_PART),
        forged(scope=["read"]),
        forged(scope=None),
        forged(by=7),
        jwt.encode({"sub": "ann"}, "", algorithm="none"),
        "",
        "a.b.c",
        "é",
    ],
)
def test_what_we_did_not_sign_is_nobody(clock: SteppedClock, token: str) -> None:
    assert MemberTokens([OLD], clock).find(token) is None


@pytest.mark.parametrize("scope", ["", "erase ops", "everything", "ERASE"])
def test_scopes_that_a_token_cannot_have_are_none(clock: SteppedClock, scope: str) -> None:
    found = MemberTokens([OLD], clock).find(forged(scope=scope, aud=IN_PART))
    assert found is not None
    assert found.scopes == frozenset()


def test_the_unforged_one_is_good(clock: SteppedClock) -> None:
    assert MemberTokens([OLD], clock).find(forged()) is not None
