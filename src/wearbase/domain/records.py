"""Records: one stored fact of one member, in our names and units."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple


class ScoreState(StrEnum):
    SCORED = "SCORED"
    PENDING = "PENDING_SCORE"
    UNSCORABLE = "UNSCORABLE"


class Revision(NamedTuple):
    """Decides which copy of a record wins: rank first, then time."""

    at: datetime
    rank: int = 0

    def is_newer_than(self, other: "Revision") -> bool:
        return (self.rank, self.at) > (other.rank, other.at)


class Dating(StrEnum):
    """Which rule gives a record its local day (`domain/days.py`)."""

    LEADS_GROUP = "leads_group"  # a main sleep: the date it ends, for itself and its group
    FOLLOWS_GROUP = "follows_group"  # a recovery: its group's day, none until the group has one
    OPENS_GROUP = "opens_group"  # a cycle: its group's day; without a leader the date of start + 12 h
    ENDS = "ends"  # a nap
    STARTS = "starts"  # a workout
    GIVEN = "given"  # the provider names the day


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One fact as a provider's mapping made it.

    `group_id` ties records that share one day (WHOOP: the cycle). `parent_id` names the record this one
    exists only with, and by which deliveries may name it (WHOOP recovery: its sleep).
    `is_dated_by_read` says that the provider does not tell when this copy changed: its revision counts as the time of the read that
    brought it, unless an equal copy is stored, which stays as it is. `revision` then only gives the rank.
    `is_tied_by_content` says that copies of one revision may differ and come in any order: the same one of them is then kept whichever
    came first. Else the one that came last is.
    `known_from` is the first local day on which it can be told at all, where a record that is too early, or was made after now, is an error
    of the provider's: it is parked.
    `values` holds our names and units, exactly as they appear in a day document; `raw` is the provider's own record.
    """

    resource: str
    external_id: str
    revision: Revision
    dating: Dating
    score_state: str
    start_at: datetime | None = None
    end_at: datetime | None = None
    utc_offset_min: int | None = None
    given_day: date | None = None
    group_id: str | None = None
    parent_id: str | None = None
    is_dated_by_read: bool = False
    is_tied_by_content: bool = False
    known_from: date | None = None
    external_user_id: str | None = None  # whose it is, where the provider says so
    values: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def is_unsettled(self) -> bool:
        """Whether the provider is still working on it, so that it must be read again."""
        return self.score_state not in (ScoreState.SCORED, ScoreState.UNSCORABLE)


EARLIEST_ZONE = timedelta(hours=14)  # ahead of UTC: where a day begins first
AHEAD_AT_MOST = timedelta(days=1)  # a clock that is wrong, or local time that is said to be UTC


def why_too_early(record: Record, *, now: datetime) -> str | None:
    """Why a record cannot be yet; None for one that can. It would stand above all that comes after it."""
    if record.known_from is None:
        return None
    if record.known_from > (now + EARLIEST_ZONE).date():
        return "its day has not begun anywhere on earth"
    if not record.is_dated_by_read and record.revision.at > now + AHEAD_AT_MOST:
        return "it says that it was made at a time to come"
    return None


@dataclass(frozen=True, slots=True)
class Unmappable:
    """A wire record that could not be understood: kept raw, with the reason, for a person to look at."""

    resource: str
    external_id: str
    reason: str
    raw: Any


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a collection. `next_token` is None on the last page. `doubts` is what a person should look at although all is stored."""

    records: list[Record]
    unmappable: list[Unmappable]
    next_token: str | None = None
    doubts: tuple[str, ...] = ()
