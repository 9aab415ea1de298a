"""A member's days, ready to be drawn: what was recorded, what is running, what is still to come."""

from typing import Any

from wearbase_sim.clock import iso
from wearbase_sim.members.facts import Cycle, Recovery, Sleep, Workout
from wearbase_sim.members.timeline import Timeline
from wearbase_sim.members.zones import DAY_MS

DAYS_BACK, DAYS_AHEAD = 3, 1


def lanes(timeline: Timeline, now_ms: int) -> dict[str, Any]:
    """Five local days around now, in the lanes cycle, sleep, workout and recovery."""
    zone = timeline.person.zone
    first, last = zone.local_day(now_ms) - DAYS_BACK, zone.local_day(now_ms) + DAYS_AHEAD
    low_ms, high_ms = zone.midnight_ms(first), zone.midnight_ms(last + 1)
    return {
        "from_ms": low_ms,
        "to_ms": high_ms,
        "days": [zone.midnight_ms(day) for day in range(first, last + 1)],
        "offset_min": zone.offset_min(now_ms),
        "cycles": [_cycle(item.record) for item in timeline.listed("cycle", now_ms, low_ms=low_ms)],
        "sleeps": [_sleep(item.record) for item in timeline.listed("sleep", now_ms, low_ms=low_ms)] + _planned_sleeps(timeline, now_ms),
        "workouts": [_workout(item.record) for item in timeline.listed("workout", now_ms, low_ms=low_ms)]
        + _planned_workouts(timeline, now_ms),
        "recoveries": [_recovery(item.record, item.end_ms) for item in timeline.listed("recovery", now_ms, low_ms=low_ms)],
    }


def newest_recovery(timeline: Timeline, now_ms: int) -> dict[str, Any] | None:
    """The recovery of the last two days, if there is one."""
    found = timeline.listed("recovery", now_ms, low_ms=now_ms - 2 * DAY_MS)
    return _recovery(found[0].record, found[0].end_ms) if found else None


def _cycle(record: Any) -> dict[str, Any]:
    assert isinstance(record, Cycle)
    strain = round(record.strain, 1) if record.state == "SCORED" else None
    return {"start_ms": record.start_ms, "end_ms": record.end_ms, "strain": strain, "state": record.state}


def _sleep(record: Any) -> dict[str, Any]:
    assert isinstance(record, Sleep)
    return {"start_ms": record.start_ms, "end_ms": record.end_ms, "nap": record.is_nap, "state": record.state, "planned": False}


def _workout(record: Any) -> dict[str, Any]:
    assert isinstance(record, Workout)
    times = {"start_ms": record.start_ms, "end_ms": record.end_ms}
    return times | {"sport": record.sport_name, "strain": round(record.strain, 1), "state": record.state, "planned": False}


def _recovery(record: Any, end_ms: int | None) -> dict[str, Any]:
    assert isinstance(record, Recovery)
    score = round(record.score) if record.state == "SCORED" else None
    return {"at_ms": end_ms, "at": iso(end_ms or 0), "score": score, "state": record.state, "calibrating": record.is_calibrating}


def _planned_sleeps(timeline: Timeline, now_ms: int) -> list[dict[str, Any]]:
    today = timeline.person.zone.local_day(now_ms)
    ahead = [night.sleep for night in timeline.nights(today, today + DAYS_AHEAD) if night.sleep and night.visible_ms > now_ms]
    return [_sleep(sleep) | {"planned": True} for sleep in ahead if not sleep.is_deleted]


def _planned_workouts(timeline: Timeline, now_ms: int) -> list[dict[str, Any]]:
    today = timeline.person.zone.local_day(now_ms)
    ahead = [workout for workout in timeline.workouts(today, today + DAYS_AHEAD) if workout.created_ms > now_ms]
    return [_workout(workout) | {"planned": True} for workout in ahead if not workout.is_deleted]
