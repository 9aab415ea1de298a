"""The moving part of an answer: how the source stands, spliced onto a stored body."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import orjson

from wearbase.store.days import DayRow

NOT_GRANTED = "missing_scope"
WAITING = "waiting_for_calls"
STALE_AFTER = timedelta(hours=26)  # a day's complete read is due every 24 hours, spread over one


class ResourceState(NamedTuple):
    """One resource's freshness as the day query gives it."""

    name: str
    last_success_at: str | None
    next_due_at: str | None
    error: str | None
    priority: int | None
    in_backfill: bool
    waits_until: str | None  # when calls are to be had again; past, or None, if it does not wait for any

    def waits(self, now: str) -> bool:
        """Whether it is due and no call is to be had. `now` is as the instants here."""
        return self.waits_until is not None and self.waits_until > now


class Standing(NamedTuple):
    """How the source stands, as one answer tells it."""

    state: str
    no_data_reason: str | None
    source: str


def resources_of(row: DayRow) -> list[ResourceState]:
    """The states joined to a day row."""
    return [ResourceState(r[0], instant(r[1]), instant(r[2]), r[3], r[4], r[5], instant(r[6])) for r in row.resources or ()]


def instant(text: str | None) -> str | None:
    """PostgreSQL's JSON form of a UTC instant (`2026-05-14T13:20:47.1`) as RFC 3339 with milliseconds.

    Cut, not parsed: eight of them in every read took a fifth of its time.
    """
    return None if text is None else f"{text[:19]}.{text[20:23]:0<3}Z"


def rfc3339(at: datetime) -> str:
    """An instant in UTC with milliseconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def source_state(connection_state: str | None, resources: Sequence[ResourceState], *, now: datetime) -> str:
    """`ok`, `running`, `stale`, `not_connected`, `needs_reauthorization` or `unavailable`, by what the store knows.

    What a person waits for and cannot be had makes a source `stale`; what else waits for calls does so only by its age. What was
    never granted does not count.
    """
    if connection_state is None or connection_state == "disconnected":
        return "not_connected"
    if connection_state == "needs_reauthorization":
        return "needs_reauthorization"
    read, at = [r for r in resources if r.error != NOT_GRANTED], rfc3339(now)
    held_up = [r for r in read if r.error or r.waits(at)]
    if any(r.last_success_at is None for r in read):
        return "unavailable" if held_up else "running"
    if any(r.priority == 0 for r in read if r not in held_up):
        return "running"
    oldest = min((r.last_success_at for r in read if r.last_success_at), default=None)
    is_old = oldest is not None and datetime.fromisoformat(oldest) < now - STALE_AFTER
    return "stale" if is_old or any(r.error or r.priority == 0 for r in held_up) else "ok"


def last_sync(resources: Sequence[ResourceState]) -> str | None:
    """The newest success of any resource."""
    return max((r.last_success_at for r in resources if r.last_success_at), default=None)


def today_of(row: DayRow, *, now: datetime) -> date:
    """The current date at the member's newest offset."""
    return (now + timedelta(minutes=row.utc_offset_min or 0)).date()


def is_not_yet(row: DayRow, *, now: datetime) -> bool:
    """Whether it is today, and the member has not woken into it."""
    return not row.has_lead and row.day == today_of(row, now=now) and row.state is not None


def spliced(row: DayRow, resources: Sequence[ResourceState], body: str, standing: Standing, *, now: datetime) -> bytes:
    """The whole answer: the stored body with the envelope on its end."""
    at = rfc3339(now)
    envelope = {
        "last_sync": last_sync(resources),
        "data_source": standing.source,
        "sync": {
            "state": standing.state,
            "not_yet": is_not_yet(row, now=now),
            "no_data_reason": standing.no_data_reason,
            "open_cycle_day": row.open_day.isoformat() if row.open_day else None,
            "resources": {
                r.name: {
                    "last_success_at": r.last_success_at,
                    "next_due_at": r.next_due_at,
                    "error": r.error or (WAITING if r.waits(at) else None),
                }
                for r in resources
            },
        },
    }
    return (body[:-1] + ",").encode() + orjson.dumps(envelope)[1:]


def etag(row: DayRow, resources: Sequence[ResourceState], standing: Standing, *, now: datetime) -> str:
    """Changes with the body, the state, the last success, and with what a change of date changes."""
    parts = (
        row.revision or "none",
        standing.state,
        last_sync(resources) or "",
        str(row.open_day),
        standing.no_data_reason or "",
        str(is_not_yet(row, now=now)),
    )
    return f'"{hashlib.blake2b("/".join(parts).encode(), digest_size=12).hexdigest()}"'
