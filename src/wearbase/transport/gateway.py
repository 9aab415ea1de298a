"""`send`: one authorised data call, inside the budget."""

from datetime import datetime

from wearbase.domain.clock import Clock
from wearbase.domain.errors import AccessTokenRejected, RateLimited
from wearbase.domain.provider import Request, Response, Send
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Database
from wearbase.store.work import budget
from wearbase.transport.apps import App
from wearbase.transport.grants import Grants, LiveToken
from wearbase.transport.http import Http


class Gateway:
    """Makes `send` functions for connections."""

    def __init__(self, db: Database, clock: Clock, http: Http, grants: Grants) -> None:
        self._db, self._clock, self._http, self.grants = db, clock, http, grants
        self._known_limits: dict[str, dict[int, int]] = {}

    def sender(self, app: App, connection: Connection) -> Send:
        """`send` for one connection: a rejected token is retried once with the newest stored one, then refreshed once.

        It raises what the answer means: RateLimited, ReauthorizationRequired, MissingScope, ResourceGone, ProviderUnavailable, ...
        """

        async def send(request: Request) -> Response:
            token = await self.grants.access_token(app, connection)
            try:
                return await self._once(app, request, token)
            except AccessTokenRejected:
                token = await self.grants.access_token(app, connection, rejected=token)
            try:
                return await self._once(app, request, token)
            except AccessTokenRejected:
                token = await self.grants.access_token(app, connection, rejected=token)
                return await self._once(app, request, token)

        return send

    def sender_with(self, app: App, access_token: str) -> Send:
        """`send` with a token that is not stored yet, or no longer."""

        async def send(request: Request) -> Response:
            return await self._once(app, request, LiveToken(access_token, -1))

        return send

    async def token_call(self, app: App, request: Request) -> Response:
        """One call to the token endpoint, counted apart."""
        async with self._db.transaction() as tx:
            await budget.count_token_call(tx, app.name, app.key)
        return await self._http.call(request, base_url=app.credentials.oauth_url)

    async def _once(self, app: App, request: Request, token: LiveToken) -> Response:
        await self._reserve(app)
        authorized = app.provider.oauth.authorized(request, token.text)
        response = await self._http.call(authorized, base_url=app.credentials.api_url)
        now = self._clock.now()
        await self._learn(app, response)
        try:
            return app.provider.oauth.check(response, now=now)
        except RateLimited as limited:
            await self._close_gate(app, limited.retry_at)
            raise

    async def _reserve(self, app: App) -> None:
        async with self._db.transaction() as tx:
            wait_until = await budget.reserve(
                tx, app.name, app.key, calls=1, now=self._clock.now(), per_minute=app.per_minute, per_day=app.per_day
            )
        if wait_until is not None:
            raise RateLimited(retry_at=wait_until, provider=app.name)

    async def _learn(self, app: App, response: Response) -> None:
        quota = app.provider.oauth.quota(response.headers)
        if quota is not None and self._known_limits.get(app.key) != dict(quota.limits_by_window_s):
            async with self._db.transaction() as tx:
                await budget.learn(tx, app.name, app.key, quota)
            self._known_limits[app.key] = dict(quota.limits_by_window_s)

    async def _close_gate(self, app: App, until: datetime | None) -> None:
        if until is not None:
            async with self._db.transaction() as tx:
                await budget.close(tx, app.name, app.key, until=until)
