"""How a member's sources stand, resource by resource."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from wearbase.domain.clock import Clock
from wearbase.read import envelope
from wearbase.read.envelope import NOT_GRANTED, WAITING, ResourceState, source_state
from wearbase.store import connections, days, deliveries, records
from wearbase.store.connections import Connection
from wearbase.store.member import consents
from wearbase.store.postgres.database import Database, Tx
from wearbase.store.work import copies, due
from wearbase.store.work.due import SyncState


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source of one member; `resources` as the sync-status answer shows them, and those among them that the member did not grant."""

    state: str
    connection: Connection | None
    resources: dict[str, dict[str, Any]]
    open_deliveries: int
    parked_deliveries: int
    parked_records: list[dict[str, Any]]
    days_stored: int
    not_granted: list[str]


async def status(db: Database, clock: Clock, user_id: str, provider: str, *, state: str | None = None) -> SourceStatus:
    """Everything `sync-status` and `wear status` show; `state` if the caller knows better. A user never seen has no connection.

    Raises: DatabaseUnavailable.
    """
    async with db.connection() as tx:
        found = await standing(tx, user_id, provider, now=clock.now())
        copied = await copies.status(tx, user_id, provider)
    return replace(found, **(copied.status if copied else {}), state=state or found.state)


async def standing(tx: Tx, user_id: str, provider: str, *, now: datetime) -> SourceStatus:
    """The same of a connection of our own, in a transaction of the caller's."""
    connection = await connections.get(tx, user_id, provider)
    states = await due.states(tx, user_id, provider)
    notices = await deliveries.counts(tx, user_id, provider)
    open_ones = await deliveries.open_by_resource(tx, user_id, provider)
    parked = await records.parked(tx, user_id, provider)
    stored = await days.stored_count(tx, user_id, provider)
    counts = Counts(open_by_resource=open_ones, notices=notices, parked=Counter(p["resource"] for p in parked), days_stored=stored)
    return assembled(connection, states, counts, parked, now=now)


async def days_by_resource(db: Database, user_id: str) -> dict[str, dict[str, int]]:
    """On how many days there is a record, by source and resource. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        return await days.stored_by_resource(tx, user_id) | await copies.days_by_resource(tx, user_id)


async def consents_of(db: Database, user_id: str) -> dict[str, dict[str, Any]]:
    """What the member agreed to last, by source. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        agreed = await consents.of(tx, user_id)
    return {a.provider: {"version": a.version, "given_at": rfc3339(a.given_at), "given_by": a.given_by} for a in agreed}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many there are of what is counted for a source."""

    open_by_resource: Mapping[str, int]
    notices: Mapping[str, int]
    parked: Mapping[str, int]
    days_stored: int


def assembled(
    connection: Connection | None, states: Sequence[SyncState], counts: Counts, parked: list[dict[str, Any]], *, now: datetime
) -> SourceStatus:
    """One source as it stands, from what was read of it."""
    seen = [_resource_state(s) for s in states]
    return SourceStatus(
        state=source_state(connection.state if connection else None, seen, now=now),
        connection=connection,
        resources={s.resource: _shown(s, counts, now=now) for s in states},
        open_deliveries=counts.notices.get("open", 0),
        parked_deliveries=counts.notices.get("parked", 0),
        parked_records=parked,
        days_stored=counts.days_stored,
        not_granted=[s.resource for s in states if s.error == NOT_GRANTED],
    )


def _shown(state: SyncState, counts: Counts, *, now: datetime) -> dict[str, Any]:
    waits_until = state.waiting_until(now=now)
    return {
        "state": _resource_word(state, now=now),
        "status": "failed" if _has_failed(state) else "success" if state.last_success_at else "never",
        "last_sync_at": rfc3339(state.last_success_at),
        "last_attempt_at": rfc3339(state.last_attempt_at),
        "last_success_at": rfc3339(state.last_success_at),
        "records_synced": state.records_synced,
        "api_calls": state.api_calls,
        "error": state.error or (WAITING if waits_until else None),
        "retry_at": rfc3339(waits_until or (state.due_at if _has_failed(state) else None)),
        "next_due_at": rfc3339(state.due_at),
        "reason": state.reason,
        "backfill": _history(state, now=now),
        "open_deliveries": counts.open_by_resource.get(state.resource, 0),
        "parked_records": counts.parked.get(state.resource, 0),
    }


def _history(state: SyncState, *, now: datetime) -> dict[str, Any]:
    """The reading of history, which fails and waits by itself."""
    return {
        "is_running": state.backfill_due_at is not None,
        "pages": state.backfill_pages,
        "from": rfc3339(state.history_from),
        "wanted_from": rfc3339(state.backfill_start),
        "error": state.backfill_error or (WAITING if state.history_waiting_until(now=now) else None),
        "failures": state.backfill_attempts,
        "next_due_at": rfc3339(state.backfill_due_at),
    }


def _has_failed(state: SyncState) -> bool:
    return state.error not in (None, NOT_GRANTED)


def _resource_word(state: SyncState, *, now: datetime) -> str:
    if state.error:
        return "failing" if _has_failed(state) else "not_granted"
    if state.waiting_until(now=now):
        return "waiting"
    if state.window_start is not None or state.priority == 0:
        return "running"
    return "backfilling" if state.backfill_due_at is not None else "idle"


def _resource_state(state: SyncState) -> ResourceState:
    return ResourceState(
        state.resource,
        rfc3339(state.last_success_at),
        rfc3339(state.due_at),
        state.error,
        state.priority,
        state.backfill_due_at is not None,
        rfc3339(state.waits_until if state.waits_until == state.due_at else None),
    )


def rfc3339(at: datetime | None) -> str | None:
    """An instant in UTC with milliseconds."""
    return None if at is None else envelope.rfc3339(at)
