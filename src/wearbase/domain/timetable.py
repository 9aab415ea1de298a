"""When a resource is due at the latest: slots in the member's local time, spread by a stable jitter."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

SPREAD = timedelta(hours=1)
RETRY_PENDING = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=60))


def next_slot(slots: Sequence[int], *, now: datetime, utc_offset_min: int, member: str) -> datetime:
    """The first slot after now; a member's own minute within the hour never changes."""
    offset = timedelta(minutes=utc_offset_min)
    local_midnight = datetime.combine((now + offset).date(), time.min, tzinfo=UTC) - offset
    starts = (local_midnight + timedelta(days=day, hours=hour) + jitter(member) for day in (-1, 0, 1, 2) for hour in sorted(slots))
    return next(start for start in starts if start > now)


def jitter(member: str) -> timedelta:
    """A stable part of the spread, by the member's name."""
    digest = hashlib.blake2b(member.encode(), digest_size=4).digest()
    return SPREAD * (int.from_bytes(digest) / 2**32)


def next_pending_read(reads_so_far: int, *, now: datetime) -> datetime | None:
    """When to ask again for an unscored record; None: leave it to the timetable."""
    return now + RETRY_PENDING[reads_so_far] if reads_so_far < len(RETRY_PENDING) else None
