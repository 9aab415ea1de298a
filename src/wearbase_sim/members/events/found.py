"""What an event is about: the member's record that it names, or the newest."""

from dataclasses import dataclass
from typing import Any

from wearbase_sim.members.facts import Night, Sleep, Workout
from wearbase_sim.members.timeline import Timeline

Wish = dict[str, Any]


class Impossible(Exception):
    """This cannot happen to the member now."""


@dataclass(frozen=True, slots=True)
class Change:
    """A record that changed, and the word for it in a webhook if there is one."""

    resource: str
    id: str | int
    notice: str | None


def later(now_ms: int, before_ms: int) -> int:
    """The instant of a change; always after the one before it, even on a clock that stands still."""
    return max(now_ms, before_ms + 1)


def running_night(timeline: Timeline, now_ms: int) -> Night:
    if night := timeline.newest_night(now_ms):
        return night
    raise Impossible("the member has no records yet")


def night_for(timeline: Timeline, now_ms: int, wish: Wish, *, with_deleted: bool = False) -> Night:
    key = str(wish.get("record_id") or "")
    day = timeline.day_of(key, now_ms) if key else timeline.person.home.local_day(now_ms)
    if day is None:
        raise Impossible("no such record")
    reach = 1 if key else 4
    nights = [night for night in timeline.nights(day - reach, day + 1) if night.sleep and night.visible_ms <= now_ms]
    nights = [night for night in nights if with_deleted or not (night.sleep and night.sleep.is_deleted)]
    if key:
        nights = [night for night in nights if night.sleep and key in (night.sleep.id, str(night.cycle_id))]
    if not nights:
        raise Impossible("no such record")
    return nights[-1]


def workout_for(timeline: Timeline, now_ms: int, wish: Wish, *, with_deleted: bool = False) -> Workout:
    key = str(wish.get("record_id") or "")
    day = timeline.day_of(key, now_ms) if key else timeline.person.home.local_day(now_ms)
    if day is None:
        raise Impossible("no such record")
    workouts = [workout for workout in timeline.workouts(day - 20, day + 1) if workout.created_ms <= now_ms]
    fitting = [workout for workout in workouts if (with_deleted or not workout.is_deleted) and key in ("", workout.id)]
    if not fitting:
        raise Impossible("no such record")
    return max(fitting, key=lambda workout: workout.start_ms)


def nap_for(timeline: Timeline, now_ms: int, wish: Wish) -> Sleep | None:
    key = str(wish.get("record_id") or "")
    day = timeline.day_of(key, now_ms) if key else None
    naps = timeline.naps(day - 1, day + 1) if day is not None else []
    return next((nap for nap in naps if nap.id == key), None)
