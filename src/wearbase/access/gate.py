"""The gate: reads the credential of a request and lets in whom the route's rule names."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal, TypedDict
from urllib.parse import SplitResult, urlsplit

from starlette.responses import Response

from wearbase.access.caller import Caller, Rule, authorise
from wearbase.access.identity import IdentityTokens
from wearbase.access.keys import KeyBook
from wearbase.access.keyset import IdentityUnavailable
from wearbase.access.sessions import Sessions
from wearbase.access.tokens import MemberTokens, Unfit
from wearbase.domain.errors import Forbidden, Unauthorized

Headers = Sequence[tuple[bytes, bytes]]
Credential = tuple[bytes, bytes]  # the header it came in, and itself: of a cookie only the session's
Before = Callable[[Credential | None], None]  # told what will be judged; what it raises keeps the gate from looking
UNKNOWN = "This credential is unknown, expired or revoked."
MISSING = "Give a service key (X-API-Key) or a member's token (Authorization: Bearer), or sign in."


SAFE_METHODS = ("GET", "HEAD")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Attributes(TypedDict):
    """How a session's cookie is kept."""

    path: str
    secure: bool
    httponly: bool
    samesite: Literal["strict"]


class Gate:
    """Knows service keys, member tokens (ours, and those of the app's identity provider) and members' sessions."""

    def __init__(
        self, keys: KeyBook, tokens: MemberTokens, sessions: Sessions, *, identity: IdentityTokens | None = None, public_url: str = "",
        is_development: bool = False,
    ) -> None:  # fmt: skip
        self._keys, self._tokens, self._sessions, self._identity = keys, tokens, sessions, identity
        self._is_development = is_development
        ours = urlsplit(public_url)
        self._origin, self._scheme, is_https = _origin(ours), ours.scheme, ours.scheme == "https"
        self._attributes: Attributes = {"path": "/", "secure": is_https, "httponly": True, "samesite": "strict"}
        self.cookie_name = "__Host-wearbase" if is_https else "wearbase"
        self._cookie = self.cookie_name.encode() + b"="

    async def admit(
        self, headers: Headers, rule: Rule, user_id: str | None, *, method: str = "POST", before: Before | None = None
    ) -> Caller | None:  # fmt: skip
        """The caller, if the rule lets them in; None where nobody is asked. Raises Unauthorized, Forbidden."""
        if rule.by in ("open", "signature") or (rule.by == "docs" and self._is_development):
            return None
        judged = self._session_of(headers) if rule.by == "session" else self._judged(headers)
        if before is not None:
            before(judged)
        caller = await self._judge(judged, headers, method)
        try:
            authorise(caller, rule, user_id)
        except Forbidden as refused:
            refused.fields["caller"] = caller.for_logs  # for the log: whose credential was good, but not for this
            raise
        return caller

    async def _judge(self, judged: Credential | None, headers: Headers, method: str) -> Caller:
        """Whose it is. Raises Unauthorized, DatabaseUnavailable, IdentityUnavailable."""
        if judged is None:
            raise Unauthorized(MISSING, reason="missing")
        name, value = judged
        if name == b"x-api-key":
            if (service := await self._keys.find(value)) is None:
                raise Unauthorized(UNKNOWN, **self._keys.why_not(value))
            return service
        if name == b"cookie":
            return await self._in_browser(value, headers, method)
        kind, _, token = value.partition(b" ")
        if kind.lower() != b"bearer":
            raise Unauthorized(MISSING, reason="missing")
        found = await self._member(token.strip().decode("latin-1"))
        if await self._keys.has_taken_back(found):
            raise Unauthorized(UNKNOWN, reason="revoked", caller=f"key:{found.by_key}")
        return found

    async def _member(self, token: str) -> Caller:
        """Whose token it is, ours or the identity provider's. Raises Unauthorized, IdentityUnavailable."""
        try:
            return self._tokens.judge(token)
        except Unfit as ours:
            reason = ours.reason
        if self._identity is not None:
            try:
                return await self._identity.judge(token)
            except Unfit as theirs:
                reason = theirs.reason if reason == "unknown_key" else reason  # one that names a key of ours was ours
        raise Unauthorized(UNKNOWN, reason=reason)

    async def service(self, headers: Headers, *, before: Before) -> Caller | None:
        """The service that calls; None if somebody else does. Raises Unauthorized, DatabaseUnavailable, and what `before` raises."""
        judged = self._judged(headers)
        before(judged)
        try:
            found = await self._judge(judged, headers, "POST")
        except IdentityUnavailable:
            return None
        return found if found.is_service else None

    def _judged(self, headers: Headers) -> Credential | None:
        """The one credential that counts: a service key goes before a member's token, and that before a session.

        Raises Unauthorized for two keys.
        """
        key = bearer = None
        for pair in headers:
            if pair[0] == b"x-api-key":
                if key is not None:
                    raise Unauthorized("Give one service key (X-API-Key), not several.", reason="several")
                key = pair
            elif pair[0] == b"authorization":
                bearer = pair
        return key or bearer or self._session_of(headers)

    def _session_of(self, headers: Headers) -> Credential | None:
        cookie = self.cookie_of(headers)
        return None if cookie is None else (b"cookie", cookie)

    def cookie_of(self, headers: Headers) -> bytes | None:
        """The session's cookie."""
        for name, value in headers:
            if name == b"cookie":
                for pair in value.split(b";"):
                    if (pair := pair.strip()).startswith(self._cookie):
                        return pair[len(self._cookie) :]
        return None

    def keep_cookie(self, response: Response, cookie: str, *, lifetime: timedelta) -> None:
        """Has the browser keep a session's cookie. The app's page needs none, only what it asks for: none need come from another site."""
        response.set_cookie(self.cookie_name, cookie, max_age=int(lifetime.total_seconds()), **self._attributes)

    def drop_cookie(self, response: Response) -> None:
        """Has the browser forget it."""
        response.delete_cookie(self.cookie_name, **self._attributes)

    def is_from_app(self, headers: Headers) -> bool:
        """Whether a page of ours sent this: it says so, which no other site can make a browser say, and so does the browser."""
        given = dict(headers)
        if given.get(b"x-wearbase") != b"app" or given.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
            return False
        origin = given.get(b"origin")
        if origin is None:
            return b"sec-fetch-site" in given
        sent, host = urlsplit(origin.decode("latin-1")), given.get(b"host", b"").decode("latin-1")
        if not sent.netloc or sent.scheme != self._scheme:
            return False
        return _origin(sent) == self._origin or sent.netloc == host

    async def _in_browser(self, cookie: bytes, headers: Headers, method: str) -> Caller:
        if method not in SAFE_METHODS and not self.is_from_app(headers):
            raise Unauthorized("A session changes something only from the app's own pages (X-Wearbase: app, same origin).", reason="origin")
        return await self._sessions.find(cookie)


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.removesuffix(_DEFAULT_PORTS.get(parts.scheme, ''))}".lower()
