"""Everything that another wearbase needs for a copy of some days, as they stood at one instant."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from wearbase.domain.clock import Clock
from wearbase.read import status
from wearbase.read.days import DayAnswer, DayReader
from wearbase.read.envelope import last_sync, resources_of
from wearbase.read.status import SourceStatus
from wearbase.store import days
from wearbase.store.days import DayRow
from wearbase.store.postgres.database import Database
from wearbase.store.work import copies, due
from wearbase.store.work.copies import SharedDay, SharedLink, Span
from wearbase.store.work.due import SyncState

COUNTED = ("resources", "open_deliveries", "parked_deliveries", "parked_records", "days_stored", "not_granted")


async def share(db: Database, clock: Clock, reader: DayReader, span: Span) -> dict[str, Any]:
    """The answer, but for the documents themselves: a shared day's `document` is its finished body. Raises DatabaseUnavailable."""
    user_id, provider, start, end = span.key
    async with db.transaction() as tx:
        await copies.begin_snapshot(tx)
        found = await reader.rows(tx, user_id, provider, start, end)
        shared = await copies.shared_days(tx, user_id, provider, start, end)
        link = await copies.shared_link(tx, user_id, provider)
        states = await due.states(tx, user_id, provider)
        standing = await status.standing(tx, user_id, provider, now=clock.now())
        by_resource = (await days.stored_by_resource(tx, user_id)).get(provider, {})
    answers = await reader.answers(found, provider)
    return {
        "user_id": user_id,
        "provider": provider,
        "state": standing.state,
        "start": start,
        "end": end,
        "connection": _connection(link),
        "freshness": _freshness(standing, states, found, by_resource),
        "days": [_day(row, answer, shared.get(row.day)) for row, answer in zip(found, answers, strict=True)],
    }


def _connection(link: SharedLink | None) -> dict[str, Any] | None:
    if link is None:
        return None
    return {
        "state": link.state,
        "connected_at": _exact(link.connected_at),
        "utc_offset_min": link.utc_offset_min,
        "offset_seen_at": _exact(link.offset_seen_at),
        "open_day": link.open_day,
        "first_day": link.first_day,
    }


def _freshness(
    standing: SourceStatus, states: Sequence[SyncState], found: Sequence[DayRow], by_resource: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "last_success_at": last_sync(resources_of(found[0])),
        "resources": {s.resource: _resource(s) for s in states},
        "status": {**{name: getattr(standing, name) for name in COUNTED}, "days_by_resource": by_resource},
    }


def _resource(state: SyncState) -> dict[str, Any]:
    return {
        "last_attempt_at": _exact(state.last_attempt_at),
        "last_success_at": _exact(state.last_success_at),
        "next_due_at": _exact(state.due_at),
        "waits_until": _exact(state.waits_until),
        "history_from": _exact(state.history_from),
        "backfill_until": _exact(state.backfill_end),
        "records_synced": state.records_synced,
        "error": state.error,
    }


def _day(row: DayRow, answer: DayAnswer, shared: SharedDay | None) -> Mapping[str, Any]:
    return {
        "day": row.day,
        "revision": answer.revision,
        "changed_at": _exact(shared.updated_at) if shared else None,
        "has_lead": bool(shared and shared.has_lead),
        "metrics": shared.metrics if shared else {},
        "no_data_reason": answer.no_data_reason,
        "document": answer.body,
    }


def _exact(at: datetime | None) -> str | None:
    """An instant to the microsecond: what is copied is compared as the original is."""
    return at.isoformat().replace("+00:00", "Z") if at else None
