"""The gate: reads the credential of a request and lets in whom the route's rule names."""

from collections.abc import Sequence

from wearbase.access.caller import Caller, Rule, authorise
from wearbase.access.keys import KeyBook
from wearbase.access.tokens import MemberTokens
from wearbase.domain.errors import Unauthorized

Headers = Sequence[tuple[bytes, bytes]]


class Gate:
    """Knows service keys and member tokens."""

    def __init__(self, keys: KeyBook, tokens: MemberTokens, *, is_development: bool = False) -> None:
        self._keys, self._tokens, self._is_development = keys, tokens, is_development

    async def admit(self, headers: Headers, rule: Rule, user_id: str | None) -> Caller | None:
        """The caller, if the rule lets them in; None where nobody is asked. Raises Unauthorized, Forbidden."""
        if rule.by in ("open", "signature") or (rule.by == "docs" and self._is_development):
            return None
        caller = await self.caller(headers)
        authorise(caller, rule, user_id)
        return caller

    async def caller(self, headers: Headers) -> Caller:
        """Who calls: a service key goes before a member's token. Raises Unauthorized, DatabaseUnavailable."""
        bearer = b""
        for name, value in headers:
            if name == b"x-api-key":
                return _known(await self._keys.find(value))
            if name == b"authorization":
                bearer = value
        kind, _, token = bearer.partition(b" ")
        if kind.lower() != b"bearer":
            raise Unauthorized("Give a service key (X-API-Key) or a member's token (Authorization: Bearer).")
        return _known(self._tokens.find(token.strip().decode("latin-1")))

    async def service(self, headers: Headers) -> Caller | None:
        """The service that calls; None if no good service key came along."""
        try:
            found = await self.caller(headers)
        except Unauthorized:
            return None
        return found if found.is_service else None


def _known(caller: Caller | None) -> Caller:
    if caller is None:
        raise Unauthorized("This credential is unknown, expired or revoked.")
    return caller
