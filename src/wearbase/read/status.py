"""How a member's sources stand, resource by resource."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wearbase.domain.clock import Clock
from wearbase.read.envelope import ResourceState, source_state
from wearbase.store import connections, days, deliveries, records
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Database
from wearbase.store.work import due
from wearbase.store.work.due import SyncState


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source of one member; `resources` as the sync-status answer shows them."""

    state: str
    connection: Connection | None
    resources: dict[str, dict[str, Any]]
    open_deliveries: int
    parked_deliveries: int
    parked_records: list[dict[str, Any]]
    days_stored: int


async def status(db: Database, clock: Clock, user_id: str, provider: str) -> SourceStatus:
    """Everything `sync-status` and `wear status` show. A user never seen has no connection. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        connection = await connections.get(tx, user_id, provider)
        states = await due.states(tx, user_id, provider)
        notices = await deliveries.counts(tx, user_id, provider)
        open_ones = await deliveries.open_by_resource(tx, user_id, provider)
        parked = await records.parked(tx, user_id, provider)
        stored = await days.stored_count(tx, user_id, provider)
    counts = Counts(open_by_resource=open_ones, notices=notices, parked=Counter(p["resource"] for p in parked), days_stored=stored)
    return assembled(connection, states, counts, parked, now=clock.now())


async def days_by_resource(db: Database, user_id: str) -> dict[str, dict[str, int]]:
    """On how many days there is a record, by source and resource. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        return await days.stored_by_resource(tx, user_id)


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
        resources={s.resource: _shown(s, counts) for s in states},
        open_deliveries=counts.notices.get("open", 0),
        parked_deliveries=counts.notices.get("parked", 0),
        parked_records=parked,
        days_stored=counts.days_stored,
    )


def _shown(state: SyncState, counts: Counts) -> dict[str, Any]:
    return {
        "state": _resource_word(state),
        "status": "never" if state.last_attempt_at is None else "failed" if state.error else "success",
        "last_sync_at": rfc3339(state.last_success_at),
        "last_attempt_at": rfc3339(state.last_attempt_at),
        "last_success_at": rfc3339(state.last_success_at),
        "records_synced": state.records_synced,
        "api_calls": state.api_calls,
        "error": state.error,
        "next_due_at": rfc3339(state.due_at),
        "reason": state.reason,
        "backfill": {"is_running": state.backfill_due_at is not None, "pages": state.backfill_pages, "from": rfc3339(state.history_from)},
        "open_deliveries": counts.open_by_resource.get(state.resource, 0),
        "parked_records": counts.parked.get(state.resource, 0),
    }


def _resource_word(state: SyncState) -> str:
    if state.error:
        return "failing"
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
    )


def rfc3339(at: datetime | None) -> str | None:
    """An instant in UTC with milliseconds."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
