"""Tokens of the app's own identity provider: verified by the keys that it publishes, good for the member whom they name."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from wearbase.access.caller import MEMBER_SCOPES, Caller
from wearbase.access.keyset import ALGORITHMS, KEY_ID, KeySet
from wearbase.access.tokens import Unfit, unfit
from wearbase.access.users import InvalidField, checked_user_id
from wearbase.domain.clock import Clock

LONGEST_TOKEN = 8_192
CLOCKS_APART = timedelta(seconds=30)
LONGEST_LIFE = timedelta(days=30)  # of a token that says when it was made; of an erasure it is known for longer (store/member/marks.py)
_NOT_READ = (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError, RecursionError)


class IdentityTokens:
    """What one identity provider says of members. `claim` holds the user id."""

    def __init__(self, keys: KeySet, *, issuer: str, audiences: Sequence[str], claim: str, clock: Clock) -> None:
        self.keys = keys
        self._issuer, self._audiences, self._claim, self._clock = issuer, list(audiences), claim, clock

    async def find(self, token: str) -> Caller | None:
        """Whose token this is; None if it is not the provider's, not for us, changed, or ended. Raises IdentityUnavailable."""
        try:
            return await self.judge(token)
        except Unfit:
            return None

    async def judge(self, token: str) -> Caller:
        """Whose token this is. Raises Unfit, IdentityUnavailable."""
        key_id = _key_id(token)
        key = await self.keys.key(key_id)
        if key is None:
            raise Unfit("unknown_key")
        try:
            # The times are checked below, by the injected clock.
            options = {"require": ["iss", "aud", "exp"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
            claims = jwt.decode(
                token, key, algorithms=[key.algorithm_name], audience=self._audiences, issuer=self._issuer, options=options  # type: ignore[arg-type]
            )  # fmt: skip
            self._check_times(claims)
            user_id, signed_in_at, made_at = checked_user_id(claims[self._claim]), _signed_in_at(claims), _made_at(claims)
        except (KeyError, InvalidField) as error:
            raise Unfit("user_claim") from error
        except _NOT_READ as error:
            raise unfit(error) from error
        return Caller(
            kind="member", key_id=f"identity:{key_id}"[:50], scopes=MEMBER_SCOPES, user_id=user_id, issued_at=signed_in_at, made_at=made_at
        )  # fmt: skip

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        """Raises Unfit."""
        now = self._clock.now()
        begins = [_instant(claims[name]) for name in ("iat", "nbf") if name in claims]
        is_old = "iat" in claims and now - _instant(claims["iat"]) > LONGEST_LIFE + CLOCKS_APART
        if _instant(claims["exp"]) <= now - CLOCKS_APART:
            raise Unfit("expired")
        if is_old or any(at > now + CLOCKS_APART for at in begins):
            raise Unfit("times")


def _key_id(token: str) -> str:
    """The id of the key that a token says it is signed with. Raises Unfit if no key of ours could be meant."""
    if len(token) > LONGEST_TOKEN:
        raise Unfit("too_long")
    try:
        header = jwt.get_unverified_header(token)
        key_id, is_allowed = header.get("kid"), header.get("alg") in ALGORITHMS
    except _NOT_READ as error:
        raise Unfit("malformed") from error
    if not is_allowed:
        raise Unfit("algorithm")
    if not isinstance(key_id, str) or not KEY_ID.fullmatch(key_id):
        raise Unfit("unknown_key")
    return key_id


def _signed_in_at(claims: Mapping[str, Any]) -> datetime | None:
    """When the member last proved who they are: tokens are renewed without that, so `iat` does not tell."""
    told = [claims.get("auth_time")]
    if isinstance(methods := claims.get("amr"), list):  # where there is no `auth_time` some tell it with each method
        told += [method.get("timestamp") for method in methods if isinstance(method, dict)]
    return max((_instant(at) for at in told if isinstance(at, int) and not isinstance(at, bool)), default=None)


def _made_at(claims: Mapping[str, Any]) -> datetime:
    """When the token was made; where it does not tell, so long ago that it is older than anything."""
    return _instant(claims["iat"]) if "iat" in claims else datetime.fromtimestamp(0, UTC)


def _instant(seconds: object) -> datetime:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("not an instant")
    return datetime.fromtimestamp(seconds, UTC)
