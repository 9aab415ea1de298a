"""The app's own token, which serves every member of a provider joined by account: one per app in this process, asked for once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wearbase.domain.clock import Clock
from wearbase.domain.errors import AccessTokenRejected, ClientMisconfigured, WearbaseError
from wearbase.domain.provider import Request, Response
from wearbase.transport.apps import App
from wearbase.transport.grants import LiveToken

NOT_AGAIN_FOR = timedelta(minutes=1)  # after credentials were refused, or a token that was just given: asking more would not help

TokenCall = Callable[[App, Request], Awaitable[Response]]


@dataclass(slots=True)
class _Held:
    """What is known of one app's token."""

    text: str = field(default="", repr=False)
    version: int = 0
    renew_at: datetime | None = None
    ends_at: datetime | None = None
    under_way: "asyncio.Task[None] | None" = None
    rejected_at: datetime | None = None  # when a token was last renewed because it was rejected
    refused_at: datetime | None = None  # when the credentials were last refused


class Accounts:
    """Gives live tokens of apps. Each process has its own: the provider lets several live side by side."""

    def __init__(self, clock: Clock, token_call: TokenCall) -> None:
        self._clock, self._token_call = clock, token_call
        self._held: dict[str, _Held] = {}

    async def token(self, app: App, *, rejected: LiveToken | None = None) -> LiveToken:
        """The token in use, or a new one where it is near its end or is the one just rejected. Whoever asks meanwhile shares the call.

        Raises: AccessTokenRejected (a new one was rejected too), ClientMisconfigured, RateLimited, ProviderUnavailable.
        """
        held, now = self._held.setdefault(app.key, _Held()), self._clock.now()
        is_rejected = rejected is not None and rejected.version == held.version
        if not is_rejected and held.renew_at is not None and now < held.renew_at:
            return LiveToken(held.text, held.version)
        if held.under_way is None or held.under_way.done():
            if is_rejected and _is_recent(held.rejected_at, now):
                raise AccessTokenRejected(provider=app.name)
            if _is_recent(held.refused_at, now):
                raise ClientMisconfigured(provider=app.name)
            held.rejected_at = now if is_rejected else held.rejected_at
            held.under_way = asyncio.create_task(self._renew(app, held))
        try:
            await asyncio.shield(held.under_way)  # one who leaves must not take the others' token along
        except WearbaseError:
            if is_rejected or held.renew_at is None or now >= held.renew_at:
                raise
        return LiveToken(held.text, held.version)

    async def _renew(self, app: App, held: _Held) -> None:
        rules = app.provider.account
        try:
            grant = rules.token(await self._token_call(app, rules.token_request(app.credentials)))
        except WearbaseError as error:
            now = self._clock.now()
            held.refused_at = now if isinstance(error, ClientMisconfigured) else held.refused_at
            if held.ends_at is not None and now < held.ends_at:  # the one in use is good for a while yet
                held.renew_at = min(held.ends_at, now + NOT_AGAIN_FOR)
            raise
        now = self._clock.now()
        held.text, held.version, held.refused_at = grant.access_token, held.version + 1, None
        held.ends_at = now + timedelta(seconds=grant.expires_in_s)
        held.renew_at = held.ends_at if grant.renew_in_s is None else now + timedelta(seconds=grant.renew_in_s)


def _is_recent(at: datetime | None, now: datetime) -> bool:
    return at is not None and at + NOT_AGAIN_FOR > now
