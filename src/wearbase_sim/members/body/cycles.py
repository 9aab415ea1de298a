"""Cycles: what lies between two nights, computed from them and from the workouts between."""

from collections.abc import Sequence
from dataclasses import dataclass

from wearbase_sim.members.body.effort import load_of, seven_digits, strain_of
from wearbase_sim.members.facts import Cycle, Night, Workout
from wearbase_sim.members.person import Person
from wearbase_sim.members.zones import DAY_MS, HOUR_MS, MINUTE_MS

# The open cycle's values move in steps of this length.
TICK_MS = 10 * MINUTE_MS
FULL_DAY_MS = 15.5 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Bounds:
    """What limits a cycle: the night after it, going to bed, and taking the strap off."""

    following: Night | None
    bed_ms: int
    off_ms: int | None = None
    # The night after it was not recorded, so that it ends before the following one begins.
    is_cut: bool = False


def make_cycle(person: Person, night: Night, bounds: Bounds, *, workouts: Sequence[Workout], now_ms: int) -> Cycle:
    """The cycle that a night opens, closed by the following one or running until now."""
    following = bounds.following
    changed_ms = max([night.edited_ms, *(workout.updated_ms for workout in workouts)])
    if following:
        until_ms = following.start_ms
        updated_ms = max(following.created_ms, following.moved_ms, changed_ms)
    else:
        updated_ms = max(night.visible_ms, now_ms // TICK_MS * TICK_MS, changed_ms)
        # A member who has gone to bed adds nothing more until the next night is processed.
        until_ms = max(min(updated_ms, bounds.bed_ms), night.start_ms + MINUTE_MS)
    end_ms = min(following.start_ms, bounds.bed_ms) if following and bounds.is_cut else following.start_ms if following else None
    until_ms = min(until_ms, *(limit for limit in (end_ms, bounds.off_ms, until_ms) if limit is not None))
    done = [workout for workout in workouts if workout.end_ms <= until_ms and not workout.is_deleted]
    strain, kilojoule, average, peak, steps = _values(person, night, until_ms=until_ms, workouts=done)
    return Cycle(
        id=night.cycle_id,
        start_ms=night.start_ms,
        end_ms=end_ms,
        offset_min=night.offset_min,
        created_ms=night.created_ms,
        updated_ms=updated_ms,
        state=night.state,
        strain=strain,
        kilojoule=kilojoule,
        average_heart_rate=average,
        max_heart_rate=peak,
        steps=None if bounds.off_ms else steps,
    )


def _values(person: Person, night: Night, *, until_ms: int, workouts: Sequence[Workout]) -> tuple[float, float, int, int, int]:
    pace, awake_ms = night.pace, max(until_ms - night.awake_from_ms, 0)
    share = min(awake_ms / FULL_DAY_MS, 1.0)
    load = pace.load * share + 0.85 * sum(load_of(workout.strain) for workout in workouts)
    lasting = person.resting_kilojoule * (until_ms - night.start_ms) / DAY_MS
    kilojoule = lasting + pace.kilojoule * share + 0.85 * sum(workout.kilojoule for workout in workouts)
    calm_peak = pace.awake_heart_rate + (pace.peak_heart_rate - pace.awake_heart_rate) * share
    return (
        strain_of(load),
        seven_digits(kilojoule),
        _average_heart_rate(night, until_ms=until_ms, awake_ms=awake_ms, workouts=workouts),
        max([int(calm_peak), *(workout.max_heart_rate for workout in workouts)]),
        int(pace.steps * share) + sum(workout.steps for workout in workouts),
    )


def _average_heart_rate(night: Night, *, until_ms: int, awake_ms: int, workouts: Sequence[Workout]) -> int:
    total_ms = max(until_ms - night.start_ms, 1)
    beats = (total_ms - awake_ms) * night.pace.asleep_heart_rate + awake_ms * night.pace.awake_heart_rate
    for workout in workouts:
        beats += (workout.end_ms - workout.start_ms) * (workout.average_heart_rate - night.pace.awake_heart_rate)
    return round(beats / total_ms)
