"""One member's records at an instant: the generated ones, overlaid with what was changed by hand."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from wearbase_sim.members import ids
from wearbase_sim.members.body.cycles import TICK_MS, Bounds, make_cycle
from wearbase_sim.members.body.effort import workouts_of
from wearbase_sim.members.body.health import is_worn, off_spans
from wearbase_sim.members.body.morning import make_nap, make_night
from wearbase_sim.members.body.rest import has_night, next_bed_ms, night_of
from wearbase_sim.members.facts import Cycle, Night, Recovery, Sleep, Workout
from wearbase_sim.members.person import Person

Record = Cycle | Recovery | Sleep | Workout
FAR_FUTURE_MS = 1 << 60
# How many days around a day hold the nights before and after it, if none is missing, and if some may be.
NEAR_DAYS, GAP_DAYS = 2, 16
# How many days of the past are written down when life takes a turn; a journey moves nothing farther back.
KEPT_DAYS = 2


@dataclass(frozen=True, slots=True)
class Item:
    """A record with the time by which it is listed and windowed."""

    start_ms: int
    end_ms: int | None
    record: Record


@dataclass
class Edits:
    """Everything about a member that does not follow from the seed."""

    nights: dict[int, Night] = field(default_factory=dict)
    naps: dict[str, Sleep] = field(default_factory=dict)
    workouts: dict[str, Workout] = field(default_factory=dict)
    # When the strap was not in touch with the phone; without an end, it still is not.
    uploads: list[tuple[int, int | None]] = field(default_factory=list)
    added: int = 0
    # When the member's life took another turn: what had begun by then is among the edits, and nothing else has.
    turned_ms: int = 0
    # Edits that nobody has been told of, because they had begun but not ended when life took a turn.
    coming: set[str] = field(default_factory=set)


class Timeline:
    """A member's history since the local day `first_day`."""

    def __init__(self, person: Person, first_day: int) -> None:
        self.person = person
        self.first_day = first_day
        self.recovery_delay_ms = 0
        self.edits = Edits()
        # Grows with every change by hand.
        self.version = 0
        self._calm = (0, 0, 0)

    @property
    def reach(self) -> int:
        """Days within which the night before or after another is surely found."""
        return GAP_DAYS if self.person.has_gaps or self.edits.uploads else NEAR_DAYS

    # Facts, whether or not they are visible yet or deleted.

    def nights(self, low_day: int, high_day: int) -> list[Night]:
        """Nights of a range of local days, oldest first."""
        edits = self.edits.nights
        made = {night.cycle_id: night for night in self._generated_nights(low_day, high_day)}
        made.update({key: night for key, night in edits.items() if low_day <= night.day <= high_day})
        return sorted(made.values(), key=lambda night: night.start_ms)

    def naps(self, low_day: int, high_day: int) -> list[Sleep]:
        """Naps of a range of local days."""
        made = {nap.id: nap for nap in self._generated_naps(low_day, high_day)}
        made.update({key: nap for key, nap in self.edits.naps.items() if low_day <= self._day(nap.start_ms) <= high_day})
        return list(made.values())

    def workouts(self, low_day: int, high_day: int) -> list[Workout]:
        """Workouts of a range of local days."""
        made = {workout.id: workout for workout in self._generated_workouts(low_day, high_day)}
        edits = self.edits.workouts
        made.update({key: workout for key, workout in edits.items() if low_day <= self._day(workout.start_ms) <= high_day})
        return list(made.values())

    def is_night(self, key: str, now_ms: int) -> bool:
        """Whether an id is that of a main sleep."""
        day = self.day_of(key, now_ms)
        return day is not None and any(night.sleep and night.sleep.id == key for night in self.nights(day - 2, day + 2))

    def _days(self, low_day: int, high_day: int) -> range:
        return range(max(low_day, self.first_day), high_day + 1)

    def _generated_nights(self, low_day: int, high_day: int) -> Iterator[Night]:
        for day in self._days(low_day, high_day):
            night = make_night(self.person, day, first_day=self.first_day)
            sleep = night.sleep
            if self._is_past(night.start_ms, day) and night.cycle_id not in self.edits.nights:
                continue
            if sleep is None or (has_night(self.person, day) and is_worn(self.person, sleep.start_ms, sleep.end_ms)):
                yield self._uploaded_night(night) if self.edits.uploads else night

    def _generated_naps(self, low_day: int, high_day: int) -> Iterator[Sleep]:
        for day in self._days(low_day, high_day):
            nap = make_nap(self.person, day, first_day=self.first_day)
            if nap and not self._is_past(nap.start_ms, day) and is_worn(self.person, nap.start_ms, nap.end_ms):
                yield self._uploaded(nap) if self.edits.uploads else nap

    def _generated_workouts(self, low_day: int, high_day: int) -> Iterator[Workout]:
        for day in self._days(low_day, high_day):
            for workout in workouts_of(self.person, day):
                if not self._is_past(workout.start_ms, day) and is_worn(self.person, workout.start_ms, workout.end_ms):
                    yield self._uploaded(workout) if self.edits.uploads else workout

    def _is_past(self, start_ms: int, day: int) -> bool:
        """Whether something generated would have begun in a past that is already written."""
        return start_ms < self.edits.turned_ms and day >= self._day(self.edits.turned_ms) - KEPT_DAYS

    def _uploaded_ms(self, made_ms: int) -> int:
        """When the provider gets what it would have had at an instant: in the order of its making, once the strap is in touch."""
        for from_ms, until_ms in self.edits.uploads:
            if until_ms is None and made_ms >= from_ms:
                return FAR_FUTURE_MS
            if until_ms is not None and from_ms <= made_ms < until_ms:
                return until_ms + 1000 + (made_ms - from_ms) // 8640
        return made_ms

    def _uploaded(self, record: "Sleep | Workout") -> Any:
        at_ms = self._uploaded_ms(record.created_ms)
        return record if at_ms == record.created_ms else replace(record, created_ms=at_ms, updated_ms=at_ms)

    def _uploaded_night(self, night: Night) -> Night:
        if not night.sleep or not night.recovery:
            return replace(night, created_ms=self._uploaded_ms(night.created_ms))
        sleep = self._uploaded(night.sleep)
        if sleep is night.sleep:
            return night
        recovery = replace(night.recovery, created_ms=sleep.created_ms, updated_ms=sleep.updated_ms)
        return replace(night, created_ms=sleep.created_ms - 1, sleep=sleep, recovery=recovery)

    def _day(self, at_ms: int) -> int:
        return self.person.home.local_day(at_ms)

    # What the provider shows at an instant.

    def visible_nights(self, now_ms: int, low_day: int, high_day: int) -> list[Night]:
        """Nights whose cycle exists at an instant, oldest first."""
        return [night for night in self.nights(low_day, high_day) if night.visible_ms <= now_ms and not night.is_deleted]

    def newest_night(self, now_ms: int) -> Night | None:
        """The night that opened the running cycle."""
        today = self._day(now_ms)
        return next(reversed(self.visible_nights(now_ms, today - self.reach - 2, today + 1)), None)

    def listed(self, resource: str, now_ms: int, *, low_ms: int | None = None, high_ms: int | None = None) -> list[Item]:
        """Records that overlap a window, newest first."""
        high_ms = now_ms if high_ms is None else high_ms
        low_day = self.first_day if low_ms is None else self._day(low_ms) - self.reach
        high_day = self._day(min(high_ms, now_ms)) + 2
        items = getattr(self, f"_{resource}_items")(now_ms, low_day, high_day)
        kept = [item for item in items if _overlaps(item, low_ms=low_ms, high_ms=high_ms)]
        return sorted(kept, key=lambda item: item.start_ms, reverse=True)

    def find(self, resource: str, now_ms: int, key: str) -> Record | None:
        """A record by its id: cycle id, sleep or workout UUID; a recovery by its cycle or sleep."""
        day = self.day_of(key, now_ms)
        if day is None:
            return None
        items = getattr(self, f"_{resource}_items")(now_ms, day - 2, day + 2)
        return next((item.record for item in items if key in _keys(item.record)), None)

    def day_of(self, key: str, now_ms: int) -> int | None:
        """The local day near which a record with this id lies."""
        if key.isdecimal():
            return ids.cycle_day(int(key)) if len(key) < 16 else None
        if near_ms := self._edited_start_ms(key):
            return self._day(near_ms)
        first, last = self.first_day, self._day(now_ms) + 1
        return ids.locate(self.person.seed, self.person.number, uuid_text=key, first_day=first, last_day=last)

    def _edited_start_ms(self, key: str) -> int | None:
        if known := self.edits.naps.get(key) or self.edits.workouts.get(key):
            return known.start_ms
        nights = self.edits.nights.values()
        return next((night.start_ms for night in nights if night.sleep and night.sleep.id == key), None)

    def _cycle_items(self, now_ms: int, low_day: int, high_day: int) -> Iterator[Item]:
        edge_day = high_day + self.reach
        nights = self.visible_nights(now_ms, low_day, edge_day)
        is_to_the_end = edge_day >= self._day(now_ms)
        # A night without a following one opens the running cycle; unless the range ends before now, then it is only its edge.
        for night, following in pairwise([*nights, None] if is_to_the_end else nights):
            assert night
            if night.day <= high_day:
                cycle = self._cycle(night, following, now_ms=now_ms)
                yield Item(cycle.start_ms, cycle.end_ms, cycle)

    def _cycle(self, night: Night, following: Night | None, *, now_ms: int) -> Cycle:
        now_ms = self._last_heard_ms(now_ms)
        bounds = self._bounds(night, following, now_ms=now_ms)
        end_ms = following.start_ms if following else FAR_FUTURE_MS
        last_day = self._day(following.start_ms) + 1 if following else night.day + self.reach
        inside = [
            workout
            for workout in self.workouts(night.day - 1, last_day)
            if night.start_ms <= workout.start_ms < end_ms and workout.created_ms <= now_ms
        ]
        return make_cycle(self.person, night, bounds, workouts=inside, now_ms=now_ms)

    def _bounds(self, night: Night, following: Night | None, *, now_ms: int) -> Bounds:
        bed_ms = next_bed_ms(self.person, night.day)
        if not self.person.has_gaps:
            return Bounds(following, bed_ms)
        end_ms = min(following.start_ms if following else now_ms, now_ms)
        spans = off_spans(self.person, night.start_ms, end_ms)
        off_ms = max(min(low for low, _ in spans), night.awake_from_ms) if spans else None
        missed = night_of(self.person, night.day + 1)
        is_cut = following is not None and following.day > night.day + 1 and not is_worn(self.person, missed.start_ms, missed.end_ms)
        return Bounds(following, bed_ms, off_ms=off_ms, is_cut=is_cut)

    def _last_heard_ms(self, now_ms: int) -> int:
        """Until when the provider knows anything of a running cycle."""
        away = [from_ms for from_ms, until_ms in self.edits.uploads if until_ms is None]
        return min([now_ms, *away])

    def _sleep_items(self, now_ms: int, low_day: int, high_day: int) -> Iterator[Item]:
        nights = [night.sleep for night in self.visible_nights(now_ms, low_day, high_day)]
        for sleep in (*nights, *self.naps(low_day, high_day)):
            if sleep and not sleep.is_deleted and sleep.created_ms <= now_ms:
                yield Item(sleep.start_ms, sleep.end_ms, sleep)

    def _recovery_items(self, now_ms: int, low_day: int, high_day: int) -> Iterator[Item]:
        ready_ms = now_ms - self.recovery_delay_ms
        for night in self.visible_nights(now_ms, low_day, high_day):
            recovery = night.recovery
            if night.sleep and recovery and not recovery.is_deleted and recovery.created_ms <= ready_ms:
                yield Item(night.sleep.start_ms, night.sleep.end_ms, recovery)

    def _workout_items(self, now_ms: int, low_day: int, high_day: int) -> Iterator[Item]:
        for workout in self.workouts(low_day, high_day):
            if not workout.is_deleted and workout.created_ms <= now_ms:
                yield Item(workout.start_ms, workout.end_ms, workout)

    # What appears by itself as time passes.

    def appearing(self, after_ms: int, until_ms: int) -> list[tuple[int, str, str]]:
        """(instant, resource, id) of generated records that appear in (after, until]."""
        low_day, high_day = self._day(after_ms) - 1, self._day(until_ms) + 1
        held = [self._day(from_ms) - 1 for from_ms, end_ms in self.edits.uploads if end_ms and self._uploaded_ms(end_ms - 1) >= after_ms]
        found = [entry for entry in self._unfolding(min([low_day, *held]), high_day) if after_ms < entry[0] <= until_ms]
        return sorted(found, key=lambda entry: entry[0])

    def next_appearance_ms(self, after_ms: int) -> int:
        """When something next appears by itself."""
        for days in (1, 2, 4, 8):
            if found := self.appearing(after_ms, after_ms + days * 86_400_000):
                return found[0][0]
        return after_ms + 8 * 86_400_000

    def calm_until_ms(self, now_ms: int) -> int:
        """Until when nothing appears by itself and the open cycle does not move."""
        version, from_ms, until_ms = self._calm
        if version != self.version or not from_ms <= now_ms < until_ms:
            until_ms = min((now_ms // TICK_MS + 1) * TICK_MS, self.next_appearance_ms(now_ms))
            self._calm = (self.version, now_ms, until_ms)
        return until_ms

    def _unfolding(self, low_day: int, high_day: int) -> Iterator[tuple[int, str, str]]:
        coming = self.edits.coming
        for night in self.nights(low_day, high_day):
            if night.sleep and (night.cycle_id not in self.edits.nights or night.sleep.id in coming):
                yield night.visible_ms, "sleep", night.sleep.id
                yield night.visible_ms, "recovery", night.sleep.id
        for nap in self.naps(low_day, high_day):
            if nap.id not in self.edits.naps or nap.id in coming:
                yield nap.created_ms, "sleep", nap.id
        for workout in self.workouts(low_day, high_day):
            if workout.id not in self.edits.workouts or workout.id in coming:
                yield workout.created_ms, "workout", workout.id


def _overlaps(item: Item, *, low_ms: int | None, high_ms: int) -> bool:
    if item.start_ms >= high_ms:
        return False
    return low_ms is None or item.end_ms is None or item.end_ms >= low_ms


def _keys(record: Record) -> tuple[str, ...]:
    if isinstance(record, Recovery):
        return str(record.cycle_id), record.sleep_id
    return (str(record.id),)
