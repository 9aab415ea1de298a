"""The day's calls, foretold: what is left out when they will not suffice."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wearbase.domain.provider import Provider
from wearbase.domain.timetable import DAY, LONG_EVERY_DAYS, SPREAD, Local, slot_name

LONGEST_IDLE = timedelta(days=7)
LONG_READ_EXTRA = 0.75  # of the calls of an ordinary read: a month is about two pages of most collections
SLOTS_TAKEN = 0.8  # of the slots, the others being skipped after events
LATE_SAVES = 0.7  # of the calls for events: what is left when nobody is read before the night is over and again after it
USUAL_EVENTS = 1.6  # calls a member and day for events besides the morning's, before there is a day to go by
USUAL_COMPANIONS = 0.8
FEWEST_EVENTS, MOST_EVENTS = 0.3, 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The members at one UTC offset: `covered` of the active ones have had this morning's reconciliation."""

    utc_offset_min: int
    active: int
    covered: int
    idle: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the last day's calls were spent on, a member: events besides the morning, and what was read with them."""

    events: float = USUAL_EVENTS
    companions: float = USUAL_COMPANIONS

    @classmethod
    def of(cls, used: Mapping[str, int], *, active: int) -> "Habits":
        """From a whole day's calls by reason."""
        if not used or not active:
            return cls()
        events = sum(used.get(reason, 0) for reason in ("delivery", "pending", "person", "token")) / active
        companions = used.get("companion", 0) / active
        return cls(events=min(max(events, FEWEST_EVENTS), MOST_EVENTS), companions=companions or USUAL_COMPANIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the rest of the day needs, what is left of it, and what is left out so that it suffices."""

    needed: int
    left: int
    parts: Mapping[str, int]
    thinned: tuple[str, ...]
    has_late_mornings: bool
    has_companions: bool
    idle_every: timedelta
    active: int
    idle: int

    @property
    def spare(self) -> int:
        return max(0, self.left - self.needed)

    @property
    def is_enough(self) -> bool:
        return self.needed <= self.left


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One way to spend the rest of the day."""

    thinned: tuple[str, ...]
    has_late_mornings: bool
    has_companions: bool
    idle_every: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What remains of the budget's day."""

    now: datetime
    resets_at: datetime
    left: int


def foretell(provider: Provider, crowds: Sequence[Crowd], habits: Habits, *, rest: Rest, idle_every: timedelta) -> Forecast:
    """The first of the plans, the fullest first, that the calls left suffice for; else the barest."""
    now, resets_at, left = rest.now, rest.resets_at, rest.left
    day_part = (resets_at - now) / DAY
    active, idle = sum(c.active for c in crowds), sum(c.idle for c in crowds)
    mornings = _mornings(provider, crowds, now=now, resets_at=resets_at)
    found: Forecast | None = None
    for plan in plans(provider, idle_every):
        parts = {
            "mornings": mornings,
            "events": habits.events * active * day_part * (LATE_SAVES if plan.has_late_mornings else 1),
            "companions": habits.companions * active * day_part if plan.has_companions else 0,
            "slots": _slots(provider, crowds, plan, now=now, resets_at=resets_at),
            "idle": idle * len(provider.resources) * (resets_at - now) / plan.idle_every,
        }
        found = Forecast(
            needed=round(sum(parts.values())), left=left, parts={name: round(n) for name, n in parts.items()}, thinned=plan.thinned,
            has_late_mornings=plan.has_late_mornings, has_companions=plan.has_companions, idle_every=plan.idle_every,
            active=active, idle=idle,
        )  # fmt: skip
        if found.is_enough:
            break
    assert found is not None
    return found


def plans(provider: Provider, idle_every: timedelta) -> Iterator[Plan]:
    """Idle members wait longer first, then slots thin one by one, then the mornings come later, then nothing more is read with events,
    and last goes the last of the slots. One complete read a day always stays.
    """
    every = max(idle_every, DAY)
    longest = max(idle_every, LONGEST_IDLE)
    full = Plan(thinned=(), has_late_mornings=False, has_companions=True, idle_every=longest)
    while every < longest:
        yield replace(full, idle_every=every)
        every += DAY
    steps = [tuple(slot_name(hour, name) for name in names) for hour, names in provider.thinning]
    for count in range(len(steps)):
        yield replace(full, thinned=sum(steps[:count], ()))
    late = replace(full, thinned=sum(steps[:-1], ()), has_late_mornings=True)
    yield late
    yield replace(late, has_companions=False)
    yield replace(late, has_companions=False, thinned=sum(steps, ()))


def _mornings(provider: Provider, crowds: Sequence[Crowd], *, now: datetime, resets_at: datetime) -> float:
    """Calls for the reconciliations that fall before the reset: those still missing this morning, and the next ones."""
    count = 0.0
    for crowd in crowds:
        local = Local(crowd.utc_offset_min, "")
        this = local.slot(local.day(local.morning_begins(now)), provider.morning).at
        count += (crowd.active - crowd.covered) * (1.0 if this <= now else _part_before(this, resets_at))
        count += crowd.active * _part_before(this + DAY, resets_at)
    return count * len(provider.resources) * (1 + LONG_READ_EXTRA / LONG_EVERY_DAYS)


def _slots(provider: Provider, crowds: Sequence[Crowd], plan: Plan, *, now: datetime, resets_at: datetime) -> float:
    hours = [hour for r in provider.resources for hour in r.slots if slot_name(hour, r.name) not in plan.thinned]
    calls = 0.0
    for crowd in crowds:
        local = Local(crowd.utc_offset_min, "")
        for hour, readers in Counter(hours).items():
            at = local.slot(local.day(now), hour).at
            at = at if at > now else at + DAY
            calls += crowd.active * readers * SLOTS_TAKEN * _part_before(at, resets_at)
    return calls


def _part_before(at: datetime, resets_at: datetime) -> float:
    """The part of a slot, spread over its hour, that falls before the reset."""
    return min(1.0, max(0.0, (resets_at - at) / SPREAD))
