"""When a resource is due at the latest: slots in the member's local time, spread by a stable jitter.

The timetable is a floor on freshness, not a list of calls. A slot is skipped where everything was completely read after the slot
before it; the morning is skipped only by a read of the same morning, because it is the day's reconciliation.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

SPREAD = timedelta(hours=1)
DAY, HALF_DAY = timedelta(days=1), timedelta(hours=12)
NIGHT_OVER = timedelta(hours=4)  # a read before this local hour cannot have seen the night
RETRY_PENDING = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=60))
LONG_EVERY_DAYS = 7
LONG_OVERLAP = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Slot:
    """A due time, and the local hour that it stands for."""

    at: datetime
    hour: int


@dataclass(frozen=True, slots=True)
class Local:
    """A member's own time: the offset last seen, and a part of the spread that never changes."""

    utc_offset_min: int
    member: str

    def day(self, at: datetime) -> date:
        """The local date."""
        return (at + self._offset).date()

    def slot(self, day: date, hour: int) -> Slot:
        """That hour of that local day, with the member's own minute."""
        return Slot(self._midnight(day) + timedelta(hours=hour) + jitter(self.member), hour)

    def morning_begins(self, at: datetime) -> datetime:
        """When the newest local morning at or before that instant began."""
        return self._midnight(self.day(at - NIGHT_OVER)) + NIGHT_OVER

    def is_long_day(self, at: datetime) -> bool:
        """Whether the morning read of this local day looks a month back: once a week, on the member's own weekday."""
        return (self.day(at).toordinal() + _digest(self.member)) % LONG_EVERY_DAYS == 0

    @property
    def _offset(self) -> timedelta:
        return timedelta(minutes=self.utc_offset_min)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, tzinfo=UTC) - self._offset


def next_slot(
    hours: Sequence[int], *, morning: int, local: Local, after: datetime, read_at: datetime | None = None, is_slots_read: bool = False
) -> Slot:
    """The first slot after an instant that is not served already.

    `hours` are local and include the morning; `read_at` is when the last complete read began, and `is_slots_read` says that it
    was made for a slot itself, which serves no other.
    """
    slots = _slots(hours, local, after)
    previous = next(slots)
    for slot in slots:
        if slot.at > after and not _is_served(slot, previous, read_at, local, is_morning=slot.hour == morning, is_slots_read=is_slots_read):
            return slot
        previous = slot
    raise AssertionError("slots do not end")


def idle_slot(*, morning: int, local: Local, read_at: datetime, every: timedelta) -> Slot:
    """The morning at which a member whom nobody looks at is visited again."""
    wanted = read_at + max(every, DAY) - HALF_DAY
    return next(slot for slot in _slots([morning], local, wanted) if slot.at > wanted)


def slot_name(hour: int, resource: str) -> str:
    """A resource's slot, as it is kept and shown: `20:00 workout`."""
    return f"{hour:02}:00 {resource}"


def jitter(member: str) -> timedelta:
    """A stable part of the spread, by the member's name."""
    return SPREAD * (_digest(member) / 2**32)


def next_pending_read(reads_so_far: int, *, now: datetime) -> datetime | None:
    """When to ask again for an unscored record; None: leave it to the timetable."""
    return now + RETRY_PENDING[reads_so_far] if reads_so_far < len(RETRY_PENDING) else None


def previous_slot(hours: Sequence[int], *, local: Local, before: datetime) -> Slot:
    """The last slot that began before that instant."""
    return max((s for d in (-1, 0) for h in hours if (s := local.slot(local.day(before) + d * DAY, h)).at < before), key=lambda s: s.at)


def _slots(hours: Sequence[int], local: Local, around: datetime) -> Iterator[Slot]:
    """All slots from two days before that instant on."""
    day, ordered = local.day(around) - 2 * DAY, sorted(set(hours))
    while True:
        yield from (local.slot(day, hour) for hour in ordered)
        day += DAY


def _is_served(slot: Slot, previous: Slot, read_at: datetime | None, local: Local, *, is_morning: bool, is_slots_read: bool) -> bool:
    if read_at is None:
        return False
    if is_morning:
        return read_at >= local.morning_begins(slot.at)
    return read_at > previous.at and not is_slots_read


def _digest(member: str) -> int:
    return int.from_bytes(hashlib.blake2b(member.encode(), digest_size=4).digest())
