"""One worker's turn with one connection, serving everything due."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeAlias

import structlog

from wearbase.domain.errors import (
    ClientMisconfigured,
    ConnectionEnded,
    CursorExpired,
    LeaseLost,
    MissingScope,
    RateLimited,
    ReauthorizationRequired,
    WearbaseError,
)
from wearbase.store import deliveries
from wearbase.store.connections import Connection
from wearbase.store.deliveries import OpenDelivery
from wearbase.store.postgres.database import Tx
from wearbase.store.work import due, progress
from wearbase.store.work.budget import Purpose
from wearbase.sync.disconnect import needs_reauthorization
from wearbase.sync.engine import Engine
from wearbase.sync.visits import plan
from wearbase.sync.visits.fetch import Reading, Seen, restart_walks, take_walk
from wearbase.sync.visits.keep import hold
from wearbase.sync.visits.plan import Lane, Walk
from wearbase.sync.visits.settle import settle
from wearbase.transport.apps import App

log = structlog.get_logger()

FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=1)
MISCONFIGURED_RETRY = timedelta(minutes=5)
REFUSED_RETRY = timedelta(hours=6)
HISTORY_PAGES_A_VISIT = 1  # then whoever is more urgent has a turn

Failures: TypeAlias = dict[str, tuple[Walk | None, WearbaseError]]


async def visit(engine: Engine, connection: Connection) -> None:
    """Reads what is due, settles the deliveries, notes every failure with its resource alone, releases the lease."""
    app = engine.app(connection.provider)
    states, inbox = await _look(engine, connection)
    readings = _readings(engine, app, connection)
    todo = [w for w in plan.walks(states, now=engine.clock.now(), overlap=app.provider.overlap) if w.resource in readings]
    try:
        failures = await _without_token(engine, app, connection, todo) or await _take(readings, todo)
        if any(walk.lane is not Lane.BACKFILL for walk in todo):
            failures = await _settle(readings, inbox, failed=failures)
        await _note(engine, app, connection, failures)
    except (LeaseLost, ConnectionEnded):
        log.info("visit abandoned", provider=app.name, connection=connection.id)
        return
    async with engine.db.transaction() as tx:
        await due.release(tx, connection)


def _readings(engine: Engine, app: App, connection: Connection) -> dict[str, Reading]:
    seen, send = Seen(), engine.gateway.sender(app, connection, Purpose(reason="visit", priority=due.Priority.PERSON))
    return {
        r.name: Reading(engine=engine, app=app, connection=connection, resource=r, send=send, seen=seen) for r in app.provider.resources
    }


async def _look(engine: Engine, connection: Connection) -> tuple[list[due.SyncState], list[OpenDelivery]]:
    """What is due and what is in the inbox, before anything is read."""
    async with engine.db.connection() as tx:
        states = await due.states(tx, connection.user_id, connection.provider)
        return states, await deliveries.open_ones(tx, connection, now=engine.clock.now())


async def _without_token(engine: Engine, app: App, connection: Connection, todo: Sequence[Walk]) -> Failures:
    """Makes sure of a live token before the walks part; without one, all of them have failed."""
    try:
        await engine.gateway.grants.access_token(app, connection)
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
        await take_walk(reading, walk, most_pages=HISTORY_PAGES_A_VISIT if walk.lane is Lane.BACKFILL else None)
    except CursorExpired as error:
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
            await settle(reading, own)
        except (LeaseLost, ConnectionEnded):
            raise
        except WearbaseError as error:
            failures.setdefault(name, (None, error))
    return failures


async def _note(engine: Engine, app: App, connection: Connection, failures: Failures) -> None:
    """Writes down each failure with when to try again; a proven dead grant ends the connection."""
    for resource, (walk, error) in failures.items():
        log.warning("resource failed", provider=app.name, connection=connection.id, resource=resource, error=error.code)
        if isinstance(error, ReauthorizationRequired):
            return await needs_reauthorization(engine, connection)
        async with engine.db.transaction() as tx:
            await hold(tx, connection)
            await _note_one(tx, engine, connection, resource, walk, error)


async def _note_one(tx: Tx, engine: Engine, connection: Connection, resource: str, walk: Walk | None, error: WearbaseError) -> None:
    now, in_backfill = engine.clock.now(), walk is not None and walk.lane is Lane.BACKFILL
    if isinstance(error, RateLimited) and error.retry_at is not None:
        return await progress.postpone(tx, connection, resource, until=error.retry_at, in_backfill=in_backfill)
    attempts = await progress.attempts(tx, connection, resource)
    retry_at = now + retry_after(error, attempts=attempts)
    await progress.fail(tx, connection, resource, error=error.code, retry_at=retry_at, in_backfill=in_backfill, now=now)


def retry_after(error: WearbaseError, *, attempts: int) -> timedelta:
    """How long to wait after a failure: growing, jittered; long where only a person can help."""
    if isinstance(error, MissingScope):
        return REFUSED_RETRY
    if isinstance(error, ClientMisconfigured):
        return MISCONFIGURED_RETRY
    if isinstance(error, CursorExpired) and attempts < 3:
        return timedelta(0)
    return min(LONGEST_RETRY, FIRST_RETRY * 4 ** min(attempts, 8)) * random.uniform(0.8, 1.2)  # noqa: S311 only spreads retries
