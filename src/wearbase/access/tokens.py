"""Member tokens: short-lived, good for one member, signed here and checked without a query."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from wearbase.access.caller import IN_FULL, MEMBER_SCOPES, Caller
from wearbase.domain.clock import Clock

ISSUER = "wearbase"
AUDIENCE = "wearbase-member"
# Of tokens that may only some things. A process of the version before knows no such audience and refuses them: it would not look at
# their scopes.
IN_PART = "wearbase-member-in-part"
ALGORITHM = "HS256"
DEFAULT_LIFETIME = timedelta(minutes=15)
LONGEST_LIFETIME = timedelta(hours=24)
CLOCKS_APART = timedelta(seconds=60)
_REQUIRED = ["iss", "aud", "sub", "iat", "exp"]


class Unfit(Exception):
    """This token is not good. `reason` is for the log, never for whoever sent it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.InvalidAudienceError, "audience"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidSignatureError, "signature"),
    (jwt.DecodeError, "malformed"),
)
_CLAIMS = {"aud": "audience", "iss": "issuer"}  # a claim that is missing is as one that is wrong


def unfit(error: Exception) -> Unfit:
    """Why a token could not be verified: a word of ours, nothing of the token."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return Unfit(_CLAIMS.get(error.claim, "claims"))
    return Unfit(next((reason for kind, reason in _REASONS if isinstance(error, kind)), "claims"))


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    secret: bytes


class MemberTokens:
    """Signs with the first key; every key verifies, so that keys can be changed without signing anybody out."""

    def __init__(self, signing_keys: Sequence[bytes], clock: Clock) -> None:
        self._clock = clock
        keys = [_Key(hashlib.blake2b(secret, digest_size=6, person=b"wearbase-kid").hexdigest(), secret) for secret in signing_keys]
        self._first = keys[0]
        self._by_id = {key.id: key.secret for key in keys}

    def issue(self, user_id: str, lifetime: timedelta = DEFAULT_LIFETIME, *, by: Caller | None = None) -> str:
        """A token for this member; made by a service, it carries the service's name and never more than the service may."""
        now = self._clock.now()
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "exp": int((now + lifetime).timestamp())}
        claims["iat"] = now.timestamp()  # not cut to the second: a token made just after its member was erased is good
        if by is not None:
            scopes = passed_on(by)
            claims |= {"aud": AUDIENCE if scopes == list(IN_FULL) else IN_PART, "scope": " ".join(scopes), "by": by.name}
        return jwt.encode(claims, self._first.secret, algorithm=ALGORITHM, headers={"kid": self._first.id})

    def find(self, token: str) -> Caller | None:
        """Whose token this is; None if it is not ours, changed, or ended."""
        try:
            return self.judge(token)
        except Unfit:
            return None

    def judge(self, token: str) -> Caller:
        """Whose token this is. Raises Unfit."""
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            secret = self._by_id.get(key_id) if isinstance(key_id, str) else None
            if secret is None:
                raise Unfit("unknown_key")
            # The times are checked below, by the injected clock.
            options = {"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
            claims = jwt.decode(token, secret, algorithms=[ALGORITHM], audience=[AUDIENCE, IN_PART], issuer=ISSUER, options=options)  # type: ignore[arg-type]
            issued_at, ends_at = _instant(claims["iat"]), _instant(claims["exp"])
            scopes, by_key = _scopes(claims), _by_key(claims)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise unfit(error) from error
        now = self._clock.now()
        if ends_at <= now:
            raise Unfit("expired")
        if issued_at > now + CLOCKS_APART or ends_at - issued_at > LONGEST_LIFETIME:
            raise Unfit("times")
        return Caller(
            kind="member", key_id=f"member:{key_id}" if by_key is None else f"member:{key_id}:{by_key}", scopes=scopes,
            user_id=claims["sub"], issued_at=issued_at, made_at=issued_at, by_key=by_key,
        )  # fmt: skip


def passed_on(by: Caller) -> list[str]:
    """The scopes of a token that this service makes."""
    return [scope for scope in IN_FULL if scope in by.scopes]


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """What the token may. One without the claim is of the version before, and its member's in full. Raises ValueError."""
    if "scope" not in claims and claims["aud"] == AUDIENCE:
        return MEMBER_SCOPES
    if not isinstance(said := claims.get("scope"), str):
        raise ValueError("no scopes")
    given = MEMBER_SCOPES.intersection(said.split()).intersection(IN_FULL)
    return MEMBER_SCOPES if given.issuperset(IN_FULL) else given


def _by_key(claims: Mapping[str, Any]) -> str | None:
    """The name of the key that made it. Raises ValueError."""
    if not isinstance(name := claims.get("by"), str | None):
        raise ValueError("not a key's name")
    return name


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
