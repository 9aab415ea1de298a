"""The member's local day of a record, from the record's own UTC offset."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from wearbase.domain.records import Dating

HALF_DAY = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """What the day rule needs to know of a record."""

    resource: str
    external_id: str
    dating: Dating
    start_at: datetime | None
    end_at: datetime | None
    utc_offset_min: int | None
    given_day: date | None = None
    parent_id: str | None = None


def local_date(instant: datetime, utc_offset_min: int) -> date:
    """The calendar date at an offset from UTC."""
    return (instant + timedelta(minutes=utc_offset_min)).date()


def lone_day(record: Dated) -> date | None:
    """The day of a record that belongs to no group, or of a group's member judged alone."""
    if record.dating is Dating.GIVEN:
        return record.given_day
    if record.utc_offset_min is None or record.start_at is None:
        return None
    if record.dating is Dating.OPENS_GROUP:
        return local_date(record.start_at + HALF_DAY, record.utc_offset_min)
    if record.dating in (Dating.LEADS_GROUP, Dating.ENDS):
        return local_date(record.end_at or record.start_at, record.utc_offset_min)
    if record.dating is Dating.STARTS:
        return local_date(record.start_at, record.utc_offset_min)
    return None


def leader_of(group: Iterable[Dated]) -> Dated | None:
    """The main sleep that gives a group its day.

    Several main sleeps in one group (a night in two parts): the one its recovery names, else the longest.
    """
    members = list(group)
    leaders = [m for m in members if m.dating is Dating.LEADS_GROUP and m.start_at is not None]
    named = {m.parent_id for m in members if m.dating is Dating.FOLLOWS_GROUP and m.parent_id}
    return max(leaders, key=lambda m: (m.external_id in named, _length(m), m.external_id), default=None)


def group_days(group: Iterable[Dated]) -> dict[tuple[str, str], date | None]:
    """The day of each record that shares one group, by (resource, external id).

    The leading main sleep dates itself, its recovery and its cycle by the local date on which it ends; without one
    the cycle takes the local date of its start plus 12 hours, and the recovery follows it.
    """
    members = list(group)
    head = _head_of(members)
    shared = lone_day(head) if head else None
    return {(m.resource, m.external_id): shared if m.dating in _SHARES_DAY else lone_day(m) for m in members}


def group_place(group: Iterable[Dated]) -> datetime | None:
    """Where a record without times of its own stands in time: at the start of its group's leader or opener."""
    head = _head_of(list(group))
    return head.start_at if head else None


_SHARES_DAY = (Dating.LEADS_GROUP, Dating.FOLLOWS_GROUP, Dating.OPENS_GROUP)


def _length(record: Dated) -> timedelta:
    if record.start_at is None or record.end_at is None:
        return timedelta(0)
    return record.end_at - record.start_at


def _head_of(members: list[Dated]) -> Dated | None:
    return leader_of(members) or next((m for m in members if m.dating is Dating.OPENS_GROUP), None)
