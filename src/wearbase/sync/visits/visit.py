"""One worker's turn with one connection, serving everything due."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeAlias

import structlog

from wearbase.domain.errors import (
    AccessDenied,
    ClientMisconfigured,
    ConnectionEnded,
    CursorExpired,
    EndlessListing,
    GrantsRefused,
    LeaseLost,
    MissingScope,
    RateLimited,
    ReauthorizationRequired,
    WearbaseError,
)
from wearbase.domain.provider import Request, Response, Send
from wearbase.domain.timetable import Local
from wearbase.store import deliveries
from wearbase.store.connections import Connection
from wearbase.store.deliveries import OpenDelivery
from wearbase.store.postgres.database import Tx
from wearbase.store.work import budget, due, persons, progress, waiting
from wearbase.store.work.budget import Purpose
from wearbase.store.work.due import Mark
from wearbase.sync.disconnect import needs_reauthorization
from wearbase.sync.engine import Engine
from wearbase.sync.visits import plan
from wearbase.sync.visits.absent import check_absent
from wearbase.sync.visits.fetch import Reading, Seen, restart_walks, take_walk
from wearbase.sync.visits.inbox import store_inbox
from wearbase.sync.visits.keep import hold
from wearbase.sync.visits.plan import Lane, Plan, Situation, Skip, Walk
from wearbase.sync.visits.settle import settle
from wearbase.transport.apps import App

log = structlog.get_logger()

FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=1)
MISCONFIGURED_RETRY = timedelta(minutes=5)
REFUSED_RETRY = timedelta(hours=6)
FIRST_DENIED_RETRY = timedelta(minutes=1)
MOST_NAMED = 20  # requests, in a line of the log
HISTORY_PAGES_A_VISIT = 1  # then whoever is more urgent has a turn

Failures: TypeAlias = dict[str, tuple[Walk | None, WearbaseError]]


async def visit(engine: Engine, connection: Connection) -> None:
    """Reads what is due, settles the deliveries, notes every failure with its resource alone, releases the lease."""
    app = engine.app(connection.provider)
    if app.provider.delivers == "payload" and not await _has_stored_inbox(engine, app, connection):
        return
    states, situation = await _look(engine, app, connection)
    with _for_requests(connection, states, situation):
        await _serve(engine, app, connection, states, situation)


async def _serve(engine: Engine, app: App, connection: Connection, states: Sequence[due.SyncState], situation: Situation) -> None:
    planned, calls = plan.plan(states, situation), Counter[str]()
    readings = _readings(engine, app, connection, planned, situation, calls)
    try:
        failures = await _without_token(engine, app, connection, planned.walks) or await _take(readings, planned.walks)
        failures = await _settle(readings, _within(situation, planned), failed=failures)
        await _skip(engine, app, connection, planned.skips)
        await _note(engine, app, connection, failures)
    except (LeaseLost, ConnectionEnded):
        log.info("visit abandoned", provider=app.name, connection=connection.id)
        return
    async with engine.db.transaction() as tx:
        if for_persons := sum(calls[reason] for reason in plan.CAPPED):
            await persons.count(tx, connection, for_persons, now=engine.clock.now())
        if situation.news:
            await due.await_retries(tx, connection, now=engine.clock.now())
        await due.release(tx, connection)
    await engine.hints.tell()


@contextmanager
def _for_requests(connection: Connection, states: Sequence[due.SyncState], situation: Situation) -> Iterator[None]:
    """Has every line of the visit name the requests that brought it about, and says when it is over, or broken off by a defect."""
    marked = {s.cause for s in states if s.cause and s.due_at is not None and s.due_at <= situation.now}
    requests = sorted(marked | {news.cause for news in situation.news if news.cause})[:MOST_NAMED]
    if not requests:
        yield
        return
    said = "visit broken off"
    with structlog.contextvars.bound_contextvars(requests=requests):
        try:
            yield
            said = "visited"
        finally:
            log.info(said, provider=connection.provider, connection=connection.id)


async def _has_stored_inbox(engine: Engine, app: App, connection: Connection) -> bool:
    """Stores what deliveries have brought, before and apart from all reads; False if this worker may no longer store."""
    try:
        await store_inbox(engine, app, connection)
    except LeaseLost:
        log.info("visit abandoned", provider=app.name, connection=connection.id)
        return False
    return True


async def _look(engine: Engine, app: App, connection: Connection) -> tuple[list[due.SyncState], Situation]:
    """What is due, what is in the inbox and what the forecast allows, before anything is read."""
    now = engine.clock.now()
    async with engine.db.connection() as tx:
        states = await due.states(tx, connection.user_id, connection.provider)
        has_notices = app.provider.delivers == "notice"
        news = await deliveries.open_ones(tx, connection, now=now) if has_notices else []
        forecast = await budget.forecast(tx, app.name, app.key) or {}
    return states, Situation(
        provider=app.provider, local=local_of(connection), now=now, news=news,
        is_idle=connection.is_idle(before=now - engine.idle_after),
        idle_every=timedelta(seconds=forecast["idle_every_s"]) if forecast else engine.visit_idle_every,
        thinned=frozenset(forecast.get("thinned", ())), has_late_mornings=forecast.get("has_late_mornings", False),
        has_companions=forecast.get("has_companions", True),
    )  # fmt: skip


def local_of(connection: Connection) -> Local:
    """The member's own time."""
    return Local(connection.utc_offset_min or 0, f"{connection.user_id}/{connection.provider}")


def _readings(
    engine: Engine, app: App, connection: Connection, planned: Plan, situation: Situation, calls: Counter[str]
) -> dict[str, Reading]:
    """One for each resource, calling for the purpose of its walk; without one, for its deliveries. `calls` counts them by reason."""
    purposes, seen = {walk.resource: walk.purpose for walk in planned.walks}, Seen()
    by_id = Purpose(reason=plan.DELIVERY, priority=due.Priority.TIMETABLE if situation.is_idle else due.Priority.DELIVERY)
    return {
        r.name: Reading(
            engine=engine, app=app, connection=connection, resource=r, seen=seen, situation=situation,
            send=_counted(engine.gateway.sender(app, connection, purpose), purpose, calls),
        )
        for r in app.provider.resources
        for purpose in [purposes.get(r.name, by_id)]
    }  # fmt: skip


def _counted(send: Send, purpose: Purpose, calls: Counter[str]) -> Send:
    async def counted(request: Request) -> Response:
        try:
            return await send(request)
        except RateLimited:
            calls[purpose.reason] -= 1  # none was made
            raise
        finally:
            calls[purpose.reason] += 1

    return counted


def _within(situation: Situation, planned: Plan) -> list[OpenDelivery]:
    """The deliveries that this visit settles: of what it reads or serves, and all that need no read. The others have their own due time."""
    if all(walk.lane is Lane.BACKFILL for walk in planned.walks) and not planned.skips:
        return []
    names = {walk.resource for walk in planned.walks} | {skip.resource for skip in planned.skips if skip.is_served}
    return [news for news in situation.news if news.resource in names or news.action == "deleted"]


async def _skip(engine: Engine, app: App, connection: Connection, skips: Sequence[Skip]) -> None:
    if not skips:
        return
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await hold(tx, connection)
        for skip in skips:
            await progress.skip(tx, connection, skip.resource, marks=skip.marks, until=skip.until)
            if skip.thinned is not None:
                await budget.note_thinned(tx, app.name, app.key, slot=skip.thinned, now=now)


async def _without_token(engine: Engine, app: App, connection: Connection, todo: Sequence[Walk]) -> Failures:
    """Makes sure of a live token before the walks part; without one, all of them have failed."""
    if not todo:
        return {}
    try:
        await engine.gateway.make_ready(app, connection)
    except ConnectionEnded:
        raise
    except WearbaseError as error:
        return {walk.resource: (walk, error) for walk in todo}
    return {}


async def _take(readings: dict[str, Reading], todo: Sequence[Walk]) -> Failures:
    """Takes the walks side by side; a failure of one moves nothing of another."""
    results = await asyncio.gather(*(_walk(readings[walk.resource], walk) for walk in todo))
    for error in results:
        if isinstance(error, (LeaseLost, ConnectionEnded)):
            raise error
    return {walk.resource: (walk, error) for walk, error in zip(todo, results, strict=True) if error is not None}


async def _walk(reading: Reading, walk: Walk) -> WearbaseError | None:
    try:
        is_whole = await take_walk(reading, walk, most_pages=HISTORY_PAGES_A_VISIT if walk.lane is Lane.BACKFILL else None)
        if is_whole and walk.lane is Lane.RECENT and not walk.is_open and reading.app.provider.tells_absence:
            await check_absent(reading, walk.window)
    except (CursorExpired, EndlessListing) as error:
        await restart_walks(reading)
        return error
    except WearbaseError as error:
        return error
    return None


async def _settle(readings: dict[str, Reading], inbox: Sequence[OpenDelivery], *, failed: Failures) -> Failures:
    """Settles each resource's deliveries; what a failed walk may still bring stays open, a deletion needs no read."""
    failures = dict(failed)
    for name, reading in readings.items():
        own = [d for d in inbox if d.resource == name and (name not in failed or d.action == "deleted")]
        try:
            await settle(reading, own, [readings[other] for other in reading.resource.companions if other not in failed])
        except (LeaseLost, ConnectionEnded):
            raise
        except WearbaseError as error:
            failures.setdefault(name, (None, error))
    return failures


async def _note(engine: Engine, app: App, connection: Connection, failures: Failures) -> None:
    """Writes down each failure with when to try again; a proven dead grant ends the connection."""
    for resource, (walk, error) in failures.items():
        if isinstance(error, MissingScope) and _is_granted(app, connection, resource):
            error = AccessDenied(provider=app.name)
        if not isinstance(error, RateLimited):  # waiting for budget is no failure
            log.warning("resource failed", provider=app.name, connection=connection.id, resource=resource, error=error.code)
        if isinstance(error, ReauthorizationRequired):
            if await needs_reauthorization(engine, connection):
                return
            error = GrantsRefused(provider=app.name)
        async with engine.db.transaction() as tx:
            await hold(tx, connection)
            await _note_one(tx, engine, connection, resource, walk, error)


async def _note_one(tx: Tx, engine: Engine, connection: Connection, resource: str, walk: Walk | None, error: WearbaseError) -> None:
    now, in_backfill = engine.clock.now(), walk is not None and walk.lane is Lane.BACKFILL
    if isinstance(error, RateLimited) and error.retry_at is not None:
        retry_at = waiting.again_at(error.retry_at, now=now)
        if walk is not None:
            await waiting.postpone(tx, connection, resource, until=retry_at, in_backfill=in_backfill, now=now)
    else:
        attempts = await progress.attempts(tx, connection, resource, in_backfill=in_backfill)
        retry_at = now + retry_after(error, attempts=attempts)
        await progress.fail(
            tx, connection, resource, error=error.code, retry_at=retry_at if walk else None, in_backfill=in_backfill, now=now
        )
    if walk is None:  # the collection was read; what failed was to settle its deliveries
        wish = Mark(reason=plan.DELIVERY, priority=due.Priority.DELIVERY, due_at=retry_at)
        await due.mark(tx, connection.user_id, connection.provider, [resource], wish)


def _is_granted(app: App, connection: Connection, resource: str) -> bool:
    found = app.provider.resource(resource)
    return found is None or not found.scope or found.scope in connection.scopes


def retry_after(error: WearbaseError, *, attempts: int) -> timedelta:
    """How long to wait after a failure: growing, jittered; long where only a person can help."""
    if isinstance(error, (MissingScope, EndlessListing)):
        return REFUSED_RETRY
    if isinstance(error, AccessDenied):  # a lapsed membership lasts, a hiccup does not
        return min(REFUSED_RETRY, FIRST_DENIED_RETRY * 4 ** min(attempts, 8)) * random.uniform(0.8, 1.2)  # noqa: S311 only spreads retries
    if isinstance(error, ClientMisconfigured):
        return MISCONFIGURED_RETRY
    if isinstance(error, CursorExpired) and attempts < 3:
        return timedelta(0)
    return min(LONGEST_RETRY, FIRST_RETRY * 4 ** min(attempts, 8)) * random.uniform(0.8, 1.2)  # noqa: S311 only spreads retries
