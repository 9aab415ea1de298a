"""Member tokens: short-lived, good for one member, signed here and checked without a query."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from wearbase.access.caller import MEMBER_SCOPES, Caller
from wearbase.domain.clock import Clock

ISSUER = "wearbase"
AUDIENCE = "wearbase-member"
ALGORITHM = "HS256"
DEFAULT_LIFETIME = timedelta(minutes=15)
LONGEST_LIFETIME = timedelta(hours=24)
CLOCKS_APART = timedelta(seconds=60)
_REQUIRED = ["iss", "aud", "sub", "iat", "exp"]


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

    def issue(self, user_id: str, lifetime: timedelta = DEFAULT_LIFETIME) -> str:
        """A token for this member."""
        now = self._clock.now()
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "iat": int(now.timestamp()), "exp": int((now + lifetime).timestamp())}
        return jwt.encode(claims, self._first.secret, algorithm=ALGORITHM, headers={"kid": self._first.id})

    def find(self, token: str) -> Caller | None:
        """Whose token this is; None if it is not ours, changed, or ended."""
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            secret = self._by_id.get(key_id) if isinstance(key_id, str) else None
            if secret is None:
                return None
            # The times are checked below, by the injected clock.
            options = {"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
            claims = jwt.decode(token, secret, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=options)  # type: ignore[arg-type]
            issued_at, ends_at = _instant(claims["iat"]), _instant(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            return None
        now = self._clock.now()
        if ends_at <= now or issued_at > now + CLOCKS_APART or ends_at - issued_at > LONGEST_LIFETIME:
            return None
        return Caller(kind="member", key_id=f"member:{key_id}", scopes=MEMBER_SCOPES, user_id=claims["sub"], issued_at=issued_at)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
