"""The stored grant: opened, and refreshed by one process at a time.

A refresh has three steps: a short transaction writes the mark, the call goes out with no transaction open, a short
transaction stores the new pair. Everybody else waits for the row to change (whoop-api.md 2.3).
"""

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import stamina
import structlog

from wearbase.domain.clock import Clock
from wearbase.domain.errors import (
    ClientMisconfigured,
    ConnectionEnded,
    DatabaseUnavailable,
    GrantBusy,
    GrantsRefused,
    ProviderUnavailable,
    RateLimited,
    ReauthorizationRequired,
    RequestRefused,
    SettingsError,
)
from wearbase.domain.provider import Grant, Request, Response
from wearbase.domain.timetable import SPREAD, jitter
from wearbase.store import connections
from wearbase.store.connections import Connection, SealedPair, StoredGrant
from wearbase.store.postgres.database import Database, Tx
from wearbase.store.sealing import KeyRing
from wearbase.store.work import budget
from wearbase.store.work.budget import Purpose
from wearbase.store.work.due import Priority
from wearbase.transport.apps import App
from wearbase.transport.http import Http, NotSent

log = structlog.get_logger()

TOO_MANY = 429
REFRESH_LEASE = timedelta(seconds=60)  # longer than any call may take
WAIT_FOR_OTHERS_S = 25.0
WAIT_STEP_S = 0.05
UNKNOWN_OUTCOMES_AT_ONCE = 2
SLOW_RETRY = timedelta(hours=1)
REFUSED_PAUSE = timedelta(minutes=10)  # between two attempts with a token that was refused and not given up
STORE_PATIENCE_S = 45.0  # for a database that is away: the answer is the only copy of the new pair, and ours until the lease ends
SHORTEST_KEEPALIVE, LONGEST_KEEPALIVE = timedelta(hours=1), timedelta(days=7)
KEEPALIVE_FROM, KEEPALIVE_TO = 0.6, 0.95  # the part of the interval after which a grant is refreshed, by the member


@dataclass(frozen=True, slots=True)
class LiveToken:
    """An access token and the version of the stored pair that it belongs to."""

    text: str
    version: int


class Grants:
    """Gives live access tokens of one app's connections.

    Raises: SettingsError for an interval that is out of bounds, here and not once a pair has been spent.
    """

    def __init__(self, db: Database, clock: Clock, keys: KeyRing, http: Http, *, keepalive: timedelta = timedelta(days=1)) -> None:
        if not SHORTEST_KEEPALIVE <= keepalive <= LONGEST_KEEPALIVE:
            raise SettingsError(f"TOKEN_KEEPALIVE must be from {SHORTEST_KEEPALIVE} to {LONGEST_KEEPALIVE}, not {keepalive}.")
        self._db, self._clock, self._keys, self._http, self._keepalive = db, clock, keys, http, keepalive

    async def access_token(self, app: App, connection: Connection, *, rejected: LiveToken | None = None) -> LiveToken:
        """A token to call with; the stored one if it is live and is not the one just rejected, else a refreshed one.

        Raises: ReauthorizationRequired (proven dead), GrantsRefused (and not believed), GrantBusy, RateLimited, ProviderUnavailable,
        ClientMisconfigured, ConnectionEnded.
        """
        async with self._db.connection() as reader:
            stored = await self._stored(reader, connection, lock=False)
        if token := self._live(app, connection, stored, rejected=rejected, now=self._clock.now()):
            return token
        return await self._refreshed(app, connection, rejected, priority=Priority.DELIVERY)

    async def keep_alive(self, app: App, connection: Connection) -> None:
        """Refreshes the grant although its access token may live. Raises as `access_token` does."""
        async with self._db.connection() as reader:
            stored = await self._stored(reader, connection, lock=False)
        await self._refreshed(app, connection, LiveToken("", stored.token_version), priority=Priority.TIMETABLE)

    async def token_call(self, app: App, request: Request, *, priority: Priority) -> Response:
        """One call to the token endpoint: counted apart, and first reserved where the provider counts it with the data calls.

        Raises: RateLimited, NotSent, ProviderUnavailable.
        """
        async with self._db.transaction() as tx:
            if until := await budget.tokens_closed_until(tx, app.name, app.key, now=self._clock.now()):
                raise RateLimited(retry_at=until, provider=app.name)
            if app.counts_token_calls:
                purpose = Purpose(reason=budget.TOKEN, priority=priority)
                answer = await budget.reserve(tx, app.name, app.key, purpose, ceilings=app.ceilings, now=self._clock.now())
                if answer.wait_until is not None:
                    raise RateLimited(retry_at=answer.wait_until, provider=app.name)
            await budget.count_token_call(tx, app.name, app.key)
        response = await self._http.call(request, base_url=app.credentials.oauth_url)
        if response.status == TOO_MANY:
            await self._pause(app, response)
        return response

    async def _pause(self, app: App, response: Response) -> None:
        """One token call too many: nobody makes another until the provider's reset, and no data call where both are counted together."""
        now = self._clock.now()
        try:
            app.provider.rules.check(response, now=now)
        except RateLimited as limited:
            if limited.retry_at is not None:
                async with self._db.transaction() as tx:
                    await budget.close_tokens(tx, app.name, app.key, until=limited.retry_at)
                    is_news = app.counts_token_calls and await budget.close(tx, app.name, app.key, until=limited.retry_at, now=now)
                log.warning(
                    "token calls refused as too many", provider=app.name, until=limited.retry_at.isoformat(), data_calls_too=is_news
                )
            raise

    async def _refreshed(self, app: App, connection: Connection, rejected: LiveToken | None, *, priority: Priority) -> LiveToken:
        waited, began = 0.0, self._clock.now()
        while True:
            holder = uuid.uuid4().hex
            async with self._db.transaction() as tx:
                stored = await self._stored(tx, connection)
                now = self._clock.now()
                if token := self._live(app, connection, stored, rejected=rejected, now=now):
                    return token
                if waited and stored.refused_at is not None and stored.refused_at >= began:
                    raise ReauthorizationRequired(provider=connection.provider, connection=connection.id)  # what we waited for is proof
                is_mine = await self._take(tx, connection, stored, holder=holder, now=now)
            if is_mine:
                return await _to_its_end(self._refresh(app, connection, stored, holder=holder, priority=priority))
            if waited >= WAIT_FOR_OTHERS_S:
                raise GrantBusy(provider=connection.provider, connection=connection.id)
            await asyncio.sleep(WAIT_STEP_S)
            waited += WAIT_STEP_S

    async def store(self, tx: Tx, connection: Connection, grant: Grant) -> None:
        """Keeps a pair, sealed for this connection."""
        who = {"user_id": connection.user_id, "provider": connection.provider}
        now = self._clock.now()
        pair = SealedPair(
            access_token=self._keys.seal(grant.access_token, **who, kind="access"),
            refresh_token=self._keys.seal(grant.refresh_token, **who, kind="refresh") if grant.refresh_token else None,
            expires_at=now + timedelta(seconds=grant.expires_in_s),
            scopes=list(grant.scopes) or connection.scopes,
            keepalive_due_at=self._keepalive_due(connection, now) if grant.refresh_token else None,
        )
        await connections.put_grant(tx, **who, pair=pair)

    def _keepalive_due(self, connection: Connection, now: datetime) -> datetime:
        """Within the interval, and spread: each member has an own pace, so that those who connected together part."""
        part = jitter(f"{connection.user_id}/{connection.provider}") / SPREAD
        return now + self._keepalive * (KEEPALIVE_FROM + (KEEPALIVE_TO - KEEPALIVE_FROM) * part)

    async def _stored(self, tx: Tx, connection: Connection, *, lock: bool = True) -> StoredGrant:
        stored = await connections.grant(tx, connection.user_id, connection.provider, for_update=lock)
        if stored is None or stored.generation != connection.generation or stored.state != "connected":
            raise ConnectionEnded(provider=connection.provider, connection=connection.id)
        return stored

    def _live(
        self, app: App, connection: Connection, stored: StoredGrant, *, rejected: LiveToken | None, now: datetime
    ) -> LiveToken | None:
        if stored.access_token is None or stored.token_expires_at is None:
            return None
        if rejected is not None and rejected.version == stored.token_version:
            return None
        if stored.refresh_started_at is not None and (stored.refresh_until or now) > now:
            return None  # a refresh is under way: it kills this token at any moment
        if stored.token_expires_at - app.provider.refresh_early <= now and stored.refresh_token is not None:
            return None
        if stored.token_expires_at <= now:
            return None
        return LiveToken(self._open(connection, stored.access_token, "access"), stored.token_version)

    async def _take(self, tx: Tx, connection: Connection, stored: StoredGrant, *, holder: str, now: datetime) -> bool:
        """Writes the mark if the refresh is ours to do; False if another process is at it."""
        if stored.refresh_token is None:
            raise ReauthorizationRequired("The grant has no refresh token and its access token has ended.", provider=connection.provider)
        if stored.refused_at is not None and stored.refused_at + REFUSED_PAUSE > now:
            raise GrantsRefused(provider=connection.provider, connection=connection.id)
        if stored.refresh_started_at is not None and stored.refresh_until is not None:
            if stored.refresh_until > now:
                return False
            # The answers to the last attempts were lost. One further attempt is free; later ones are spent slowly, only to
            # get the proof without which no connection is given up.
            if stored.refresh_attempts >= UNKNOWN_OUTCOMES_AT_ONCE and stored.refresh_started_at + SLOW_RETRY > now:
                raise ProviderUnavailable("The outcome of the last token refresh is unknown; it is tried again within the hour.")
        self._open(connection, stored.refresh_token, "refresh")  # what no key opens is not spent: no mark, no attempt
        await connections.mark_refresh(tx, connection.user_id, connection.provider, holder=holder, now=now, until=now + REFRESH_LEASE)
        return True

    async def _refresh(self, app: App, connection: Connection, stored: StoredGrant, *, holder: str, priority: Priority) -> LiveToken:
        assert stored.refresh_token is not None
        spent = self._open(connection, stored.refresh_token, "refresh")
        request = app.provider.oauth.refresh_request(app.credentials, refresh_token=spent)
        try:
            grant = app.provider.oauth.grant(await self.token_call(app, request, priority=priority))
        except ReauthorizationRequired:
            return await self._succeeded_elsewhere(app, connection, stored)
        except (NotSent, ClientMisconfigured, RequestRefused, RateLimited):
            await self._unmark(connection, stored, holder)
            raise
        except ProviderUnavailable:
            await self._free(connection, holder)
            raise
        # A block of its own: what stamina writes to the log would else name the member.
        async for attempt in stamina.retry_context(DatabaseUnavailable, attempts=None, timeout=STORE_PATIENCE_S, wait_initial=0.2):
            with attempt:
                return await self._keep(connection, stored, grant)
        raise AssertionError("the attempts end with an error")

    async def _keep(self, connection: Connection, stored: StoredGrant, grant: Grant) -> LiveToken:
        async with self._db.transaction() as tx:
            newest = await self._stored(tx, connection)
            if newest.token_version != stored.token_version:
                raise GrantBusy(provider=connection.provider, connection=connection.id)
            if grant.refresh_token is None:
                raise ProviderUnavailable("The token answer held no refresh token.")
            await self.store(tx, connection, grant)
        return LiveToken(grant.access_token, stored.token_version + 1)

    async def _succeeded_elsewhere(self, app: App, connection: Connection, stored: StoredGrant) -> LiveToken:
        """After `invalid_grant`: another's newer token if there is one; else the grant is proven dead, which is written down."""
        async with self._db.transaction() as tx:
            newest = await self._stored(tx, connection)
            is_dead = newest.token_version == stored.token_version
            if is_dead:
                await connections.refuse(tx, connection.user_id, connection.provider, now=self._clock.now())
        if is_dead:
            raise ReauthorizationRequired(provider=connection.provider, connection=connection.id)
        return await self.access_token(app, connection)

    async def _unmark(self, connection: Connection, stored: StoredGrant, holder: str) -> None:
        async with self._db.transaction() as tx:
            await connections.unmark_refresh(tx, connection.user_id, connection.provider, holder=holder, before=stored)

    async def _free(self, connection: Connection, holder: str) -> None:
        """Lets the others go on at once; the mark stays, because the token may be spent."""
        async with self._db.transaction() as tx:
            await connections.end_refresh_lease(tx, connection.user_id, connection.provider, holder=holder, now=self._clock.now())

    def _open(self, connection: Connection, sealed: bytes, kind: str) -> str:
        return self._keys.open(sealed, user_id=connection.user_id, provider=connection.provider, kind=kind)


async def _to_its_end(refresh: Coroutine[Any, Any, LiveToken]) -> LiveToken:
    """What the refresh gives. Whoever is told to stop meanwhile waits for it first: its answer is the only copy of a token."""
    task = asyncio.create_task(refresh)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
