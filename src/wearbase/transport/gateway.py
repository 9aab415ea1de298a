"""`send`: one authorised data call, inside the budget."""

import random
from datetime import datetime, timedelta

import structlog

from wearbase.domain.clock import Clock
from wearbase.domain.errors import AccessTokenRejected, ClientMisconfigured, ProviderUnavailable, RateLimited, WearbaseError
from wearbase.domain.provider import Request, Response, Send
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Database
from wearbase.store.work import budget
from wearbase.store.work.budget import Purpose, Said
from wearbase.store.work.due import Priority
from wearbase.transport.accounts import Accounts
from wearbase.transport.apps import App
from wearbase.transport.awake import Awake
from wearbase.transport.grants import Grants, LiveToken
from wearbase.transport.http import Http

log = structlog.get_logger()

NOBODY = 0  # whose call it was, where no connection exists yet, or no more
OUTAGE_MEMBERS = 3
OUTAGE_MEMORY = timedelta(minutes=10)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=5)
ACCOUNT_PAUSE = timedelta(minutes=5)
PROBE = timedelta(seconds=10)  # take_calls gives the one that tries so long


class Gateway:
    """Makes `send` functions for connections."""

    def __init__(self, db: Database, clock: Clock, http: Http, grants: Grants) -> None:
        self._db, self._clock, self._http, self.grants = db, clock, http, grants
        self._accounts = Accounts(clock, self.token_call)
        self._awake = Awake()
        self._known_limits: dict[str, dict[int, int]] = {}
        self._said: dict[str, Said] = {}

    def sender(self, app: App, connection: Connection, purpose: Purpose) -> Send:
        """`send` for one connection: a rejected token is retried once with the newest stored one, then refreshed once.

        It raises what the answer means: RateLimited, ReauthorizationRequired, MissingScope, ResourceGone, ProviderUnavailable, ...
        """

        if app.provider.joined_by == "account":
            return self.account_sender(app, purpose, external_user_id=connection.external_user_id or "", member=connection.id)

        async def send(request: Request) -> Response:
            token = await self.grants.access_token(app, connection)
            try:
                return await self._once(app, request, token, purpose, member=connection.id)
            except AccessTokenRejected:
                token = await self.grants.access_token(app, connection, rejected=token)
            try:
                return await self._once(app, request, token, purpose, member=connection.id)
            except AccessTokenRejected:
                token = await self.grants.access_token(app, connection, rejected=token)
                return await self._once(app, request, token, purpose, member=connection.id)

        return send

    def account_sender(self, app: App, purpose: Purpose, *, external_user_id: str, member: int = NOBODY) -> Send:
        """`send` with the app's own token, for the member of that id; a rejected token is renewed once. It raises as `sender` does."""

        async def send(request: Request) -> Response:
            own, token = request.of_member(external_user_id), await self._accounts.token(app)
            try:
                return await self._once(app, own, token, purpose, member=member)
            except AccessTokenRejected:
                token = await self._accounts.token(app, rejected=token)
            return await self._once(app, own, token, purpose, member=member)

        return send

    async def make_ready(self, app: App, connection: Connection) -> None:
        """Makes sure of a live token for this connection. Raises as `send` does."""
        if app.provider.joined_by == "account":
            await self._accounts.token(app)
        else:
            await self.grants.access_token(app, connection)

    def sender_with(self, app: App, access_token: str, *, reason: str) -> Send:
        """`send` with a token that is not stored yet, or no longer, for a person who waits."""
        purpose = Purpose(reason=reason, priority=Priority.PERSON)

        async def send(request: Request) -> Response:
            return await self._once(app, request, LiveToken(access_token, -1), purpose, member=NOBODY)

        return send

    async def token_call(self, app: App, request: Request) -> Response:
        """One call to the token endpoint, for a person who waits."""
        return await self.grants.token_call(app, request, priority=Priority.PERSON)

    async def _once(self, app: App, request: Request, token: LiveToken, purpose: Purpose, *, member: int) -> Response:
        is_troubled = await self._reserve(app, purpose)
        authorized = app.provider.rules.authorized(request, token.text)
        with self._awake.watching() as has_slept:
            try:
                response = await self._http.call(authorized, base_url=app.credentials.api_url)
            except ProviderUnavailable:
                if has_slept():
                    log.info("a call was lost while this process was stopped", provider=app.name)
                else:
                    await self._note_outage(app, member)
                raise
        await self._learn(app, response)
        try:
            answer = app.provider.rules.check(response, now=self._clock.now())
        except RateLimited as limited:
            await self._close_gate(app, limited.retry_at)
            raise
        except ProviderUnavailable:
            await self._note_outage(app, member)
            raise
        except ClientMisconfigured:  # of a data call: it would answer everybody so
            log.error("the provider does not know our account", provider=app.name)
            await self._close_gate(app, self._clock.now() + ACCOUNT_PAUSE)
            raise
        except WearbaseError:
            await self._note_success(app, is_news=is_troubled)  # a refusal is an answer too
            raise
        await self._note_success(app, is_news=is_troubled)
        return answer

    async def _reserve(self, app: App, purpose: Purpose) -> bool:
        async with self._db.connection() as tx:
            answer = await budget.reserve(
                tx, app.name, app.key, purpose, ceilings=app.ceilings, said=self._said.get(app.key), now=self._clock.now()
            )
        if answer.wait_until is not None:
            raise RateLimited(retry_at=answer.wait_until, provider=app.name)
        return answer.is_troubled

    async def _learn(self, app: App, response: Response) -> None:
        quota = app.provider.rules.quota(response.headers)
        if quota is None:
            return
        self._said[app.key] = Said.of(quota, now=self._clock.now())  # told to the budget with the next call
        if self._known_limits.get(app.key) != dict(quota.limits_by_window_s):
            async with self._db.transaction() as tx:
                await budget.learn(tx, app.name, app.key, quota)
            self._known_limits[app.key] = dict(quota.limits_by_window_s)

    async def _close_gate(self, app: App, until: datetime | None) -> None:
        if until is None:
            return
        async with self._db.transaction() as tx:
            was_open = await budget.close(tx, app.name, app.key, until=until, now=self._clock.now())
        if was_open:
            log.warning("gate closed: the provider refuses calls", provider=app.name, until=until.isoformat())

    async def _note_outage(self, app: App, member: int) -> None:
        """Several members' calls failing in a row pause the provider for every process; each pause is longer than the last."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            found = await budget.note_outage(tx, app.name, app.key, member=member, now=now, stale=now - OUTAGE_MEMORY)
            is_outage = found["members"] >= OUTAGE_MEMBERS or found["pauses"] > 0
            is_paused = found["paused_until"] is not None and found["paused_until"] > now + PROBE
            if not is_outage or is_paused:
                return
            wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(found["pauses"], 8)) * random.uniform(0.8, 1.2)  # noqa: S311 only spreads
            await budget.pause(tx, app.name, app.key, until=now + wait)
        log.warning("provider paused", provider=app.name, seconds=round(wait.total_seconds()), pauses=found["pauses"] + 1)

    async def _note_success(self, app: App, *, is_news: bool) -> None:
        if not is_news:
            return
        async with self._db.transaction() as tx:
            was_paused = await budget.note_recovery(tx, app.name, app.key)
        if was_paused:
            log.warning("provider answers again", provider=app.name)
