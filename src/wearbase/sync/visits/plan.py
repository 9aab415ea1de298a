"""What a visit reads: one pure function from what is due, known and affordable to a list of walks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from wearbase.domain.provider import Provider, Resource
from wearbase.domain.timetable import DAY, LONG_OVERLAP, SPREAD, Local, Slot, idle_slot, next_slot, previous_slot, slot_name
from wearbase.domain.windows import Window
from wearbase.store.deliveries import OpenDelivery
from wearbase.store.work.budget import Purpose
from wearbase.store.work.due import Priority, SyncState
from wearbase.store.work.progress import CLOCKS_DIFFER, Next

CAPPED = ("person", "day", "look")  # asked for by persons, for each member only so often
FOR_PERSONS = ("connect", *CAPPED)
TIMETABLE, IDLE, DELIVERY, PENDING = "timetable", "idle", "delivery", "pending"  # why a resource is due
MORNING, COMPANION, BACKFILL = "morning", "companion", "backfill"  # why else it is read


class Lane(Enum):
    RECENT = "recent"  # from the watermark, less the overlap, to now
    ASKED = "asked"  # a range that a person named
    BACKFILL = "backfill"  # history, newest first, after everything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One window of one resource, from the page where it stands. `is_open`: it began in an earlier visit."""

    resource: str
    lane: Lane
    window: Window
    token: str | None
    is_open: bool
    purpose: Purpose
    pages_before: int = 0  # of this history, in earlier visits
    is_slots: bool = False  # made for a slot of the timetable, and serving no other


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A due resource for which nothing need be read now. `thinned` is the slot that the forecast left out."""

    resource: str
    marks: int
    until: Next
    thinned: str | None = None
    is_served: bool = False  # its deliveries need no collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a visit does."""

    walks: list[Walk]
    skips: list[Skip]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of the member and of the budget as the visit begins."""

    provider: Provider
    local: Local
    now: datetime
    is_idle: bool = False
    idle_every: timedelta = DAY
    thinned: frozenset[str] = frozenset()
    has_late_mornings: bool = False
    has_companions: bool = True
    news: Sequence[OpenDelivery] = ()

    def resource(self, state: SyncState) -> Resource:
        found = self.provider.resource(state.resource)
        assert found is not None
        return found

    def next(self, resource: Resource, *, read_at: datetime | None, after: datetime, is_slots_read: bool = False) -> Next:
        """When the timetable has the resource due again."""
        if self.is_idle and read_at is not None:
            slot = self._idle_slot(read_at, after)
            return Next(at=slot.at, reason=IDLE, priority=Priority.BACKFILL, slot=None)
        slot = next_slot(
            (self.provider.morning, *resource.slots), morning=self.provider.morning, local=self.local, after=after, read_at=read_at,
            is_slots_read=is_slots_read,
        )  # fmt: skip
        return Next(at=slot.at, reason=TIMETABLE, priority=Priority.TIMETABLE, slot=slot.hour)

    def is_idle_visit(self, state: SyncState) -> bool:
        """Whether an idle member's resource has waited as long as it may."""
        return state.covered_at is None or self._idle_slot(state.covered_at, state.covered_at).at <= self.now

    def has_morning(self, state: SyncState) -> bool:
        """Whether the resource was completely read this morning, or later."""
        return state.covered_at is not None and state.covered_at >= self.local.morning_begins(self.now)

    @property
    def fresh(self) -> dict[str, datetime]:
        """Resources of which a record not seen before was announced, and when first."""
        found: dict[str, datetime] = {}
        for news in self.news:
            if news.action == "updated" and not news.is_known and news.resource:
                found[news.resource] = min(found.get(news.resource, news.sent_at), news.sent_at)
        return found

    def is_current(self, state: SyncState) -> bool:
        """Whether the resource was read this morning, and since the night was announced."""
        told = [at for name, at in self.fresh.items() if (r := self.provider.resource(name)) and r.tells_morning]
        return self.has_morning(state) and all(state.covered_at is not None and state.covered_at > at + CLOCKS_DIFFER for at in told)

    def _idle_slot(self, read_at: datetime, after: datetime) -> Slot:
        slot = idle_slot(morning=self.provider.morning, local=self.local, read_at=read_at, every=self.idle_every)
        return slot if slot.at > after else idle_slot(morning=self.provider.morning, local=self.local, read_at=after, every=DAY)


def plan(states: Sequence[SyncState], situation: Situation) -> Plan:
    """Everything that is due now, and what is worth reading with it; history only when nothing else is due."""
    known = [s for s in states if situation.provider.resource(s.resource)]
    due = [s for s in known if s.due_at is not None and s.due_at <= situation.now]
    if not due:
        return Plan(walks=[walk for s in known if (walk := _history(s, now=situation.now))], skips=[])
    skips = {s.resource: skip for s in due if (skip := _skipped(s, situation))}
    wanted = [s for s in due if s.resource not in skips]
    walks = [_urgent(s, situation, _own_purpose(s)) for s in wanted]
    if _is_morning(wanted, situation):
        walks = _whole(walks, known, wanted, situation)
    else:
        walks += _companions(known, wanted, situation)
    taken = {walk.resource for walk in walks}
    return Plan(walks=walks, skips=[skip for name, skip in skips.items() if name not in taken])


def _skipped(state: SyncState, situation: Situation) -> Skip | None:
    """A due resource that needs no collection read: thinned out, not looked at, or settled without one."""
    if state.open_window is not None or state.asked is not None:
        return None
    resource, now = situation.resource(state), situation.now
    later = situation.next(resource, read_at=state.covered_at, after=now)
    if situation.is_idle and state.reason in (TIMETABLE, IDLE, PENDING):
        return None if situation.is_idle_visit(state) else Skip(resource=state.resource, marks=state.marks, until=later)
    if state.reason == TIMETABLE and (name := _left_out(state, resource, situation)):
        return Skip(resource=state.resource, marks=state.marks, until=later, thinned=name)
    if state.reason == TIMETABLE and (late := _late_morning(state, situation)):
        return Skip(resource=state.resource, marks=state.marks, until=late)
    is_owed = state.attempts > 0 or (state.waits_until is not None and state.waits_until > now)  # a read that failed, or waits for calls
    needs_none = not any(_needs_collection(n, situation) for n in situation.news if n.resource == state.resource)
    if state.reason == DELIVERY and needs_none and not is_owed:
        # The slot that the delivery came before still counts.
        until = situation.next(resource, read_at=state.covered_at, after=state.covered_at or now)
        return Skip(resource=state.resource, marks=state.marks, until=until, is_served=True)
    return None


def _left_out(state: SyncState, resource: Resource, situation: Situation) -> str | None:
    """The slot's name if the forecast leaves it out, or if a read since the last slot that it does not leave out serves it."""
    if state.slot is None or state.slot == situation.provider.morning or not situation.thinned:
        return None
    name = slot_name(state.slot, resource.name)
    hours = [h for h in (situation.provider.morning, *resource.slots) if slot_name(h, resource.name) not in situation.thinned]
    own = previous_slot([state.slot], local=situation.local, before=situation.now + SPREAD)  # a due time may have been put off since
    previous = previous_slot(hours, local=situation.local, before=own.at)
    is_served = state.covered_at is not None and state.covered_at > previous.at + SPREAD  # within the hour, it was that slot's own read
    return name if name in situation.thinned or is_served else None


def _late_morning(state: SyncState, situation: Situation) -> Next | None:
    """When a morning that nothing has announced is read on a day whose calls are short."""
    if not situation.has_late_mornings or state.slot != situation.provider.morning or situation.has_morning(state):
        return None
    late = situation.local.slot(situation.local.day(situation.now), situation.provider.late_morning)
    if situation.now >= late.at:
        return None
    return Next(at=late.at, reason=TIMETABLE, priority=Priority.TIMETABLE, slot=situation.provider.morning)


def _needs_collection(news: OpenDelivery, situation: Situation) -> bool:
    """Whether the collection may bring the record: a deletion needs no read; what is old, or was asked for before, is read by id."""
    is_old = news.placed_at is not None and news.placed_at < situation.now - situation.provider.overlap
    return news.action == "updated" and not is_old and news.attempts == 0


def _is_morning(wanted: Sequence[SyncState], situation: Situation) -> bool:
    """Whether this is the visit that reads everything: the night is over, or the morning's slot or an idle visit has come."""
    return any(not situation.has_morning(s) and _tells_morning(s, situation) for s in wanted)


def _tells_morning(state: SyncState, situation: Situation) -> bool:
    if state.reason == IDLE or situation.is_idle:
        return True
    if state.reason == TIMETABLE:
        return state.slot == situation.provider.morning
    return state.reason == DELIVERY and state.resource in situation.fresh and situation.resource(state).tells_morning


def _whole(walks: Sequence[Walk], known: Sequence[SyncState], wanted: Sequence[SyncState], situation: Situation) -> list[Walk]:
    """The daily reconciliation: every collection that this morning has not had yet, once a week a month of it."""
    purpose = Purpose(
        reason=IDLE if situation.is_idle else MORNING, priority=Priority(min(Priority.TIMETABLE, *(w.purpose.priority for w in walks)))
    )
    is_slots = any(walk.is_slots for walk in walks)
    more = [_urgent(s, situation, purpose) for s in _others(known, wanted, situation) if not situation.is_current(s)]
    return [_reconciling(walk, purpose, situation, is_slots=is_slots) for walk in (*walks, *more)]


def _reconciling(walk: Walk, purpose: Purpose, situation: Situation, *, is_slots: bool) -> Walk:
    if walk.purpose.reason in FOR_PERSONS:
        purpose = walk.purpose
    window, far = walk.window, situation.now - LONG_OVERLAP
    if walk.lane is Lane.RECENT and not walk.is_open and situation.local.is_long_day(situation.now):
        window = Window(min(window.start, far), window.end)
    return replace(walk, window=window, purpose=purpose, is_slots=is_slots)


def _companions(known: Sequence[SyncState], wanted: Sequence[SyncState], situation: Situation) -> list[Walk]:
    """What moves with the events that were announced, and is never announced itself; with a new night whatever the forecast says."""
    told = [s for s in wanted if s.reason == DELIVERY]
    told = [s for s in told if situation.has_companions or (situation.resource(s).is_of_night and s.resource in situation.fresh)]
    named = {name for s in told for name in situation.resource(s).companions}
    purpose = Purpose(reason=COMPANION, priority=Priority.DELIVERY)
    return [_urgent(s, situation, purpose) for s in _others(known, wanted, situation) if s.resource in named]


def _others(known: Sequence[SyncState], wanted: Sequence[SyncState], situation: Situation) -> Iterator[SyncState]:
    """Resources that are not due and could be read: not without a scope, not while they wait after a failure."""
    names = {s.resource for s in wanted}
    return (s for s in known if s.resource not in names and s.due_at is not None and not (s.attempts and s.due_at > situation.now))


def _own_purpose(state: SyncState) -> Purpose:
    return Purpose(
        reason=state.reason or TIMETABLE, priority=Priority(state.priority if state.priority is not None else Priority.TIMETABLE)
    )


def _urgent(state: SyncState, situation: Situation, purpose: Purpose) -> Walk:
    is_slots = state.reason == TIMETABLE and state.slot is not None
    if state.open_window is not None:
        lane, window = Lane.ASKED if state.window_is_asked else Lane.RECENT, state.open_window
        return Walk(
            resource=state.resource, lane=lane, window=window, token=state.page_token, is_open=True, purpose=purpose, is_slots=is_slots
        )
    now, overlap = situation.now, situation.provider.overlap
    lane = Lane.RECENT if state.asked is None else Lane.ASKED
    recent = Window(min((state.watermark or now), now) - overlap, now)
    window = state.asked or recent
    return Walk(resource=state.resource, lane=lane, window=window, token=None, is_open=False, purpose=purpose, is_slots=is_slots)


def _history(state: SyncState, *, now: datetime) -> Walk | None:
    if state.backfill is None or state.backfill_due_at is None or state.backfill_due_at > now:
        return None
    purpose = Purpose(reason=BACKFILL, priority=Priority.BACKFILL)
    return Walk(
        resource=state.resource, lane=Lane.BACKFILL, window=state.backfill, token=state.backfill_token, is_open=True, purpose=purpose,
        pages_before=state.backfill_pages,
    )  # fmt: skip
