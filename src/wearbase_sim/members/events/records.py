"""What a person does to their records: one function per event, each returns what changed."""

from dataclasses import replace
from random import Random
from typing import Any

from wearbase_sim.members import ids
from wearbase_sim.members.body.effort import make_workout, pace_of, split_zones
from wearbase_sim.members.body.morning import nap_record, need_of, performance_of, recovery_of
from wearbase_sim.members.body.rest import Rest, split_stages, stretch_stages
from wearbase_sim.members.events.found import Change, Impossible, Wish, later, nap_for, night_for, running_night, workout_for
from wearbase_sim.members.facts import PENDING, SCORED, Night, Sleep, Workout
from wearbase_sim.members.person import draw
from wearbase_sim.members.sports import BY_NAME, GENERIC
from wearbase_sim.members.timeline import Timeline
from wearbase_sim.members.zones import HOUR_MS, MINUTE_MS

SHORTEST_NIGHT_MS = 20 * MINUTE_MS


def updated(night: Night, *resources: str) -> list[Change]:
    """Notices of a night's records."""
    key = night.sleep.id if night.sleep else ""
    return [Change(resource, key, "updated") for resource in resources]


def _nth(timeline: Timeline) -> tuple[int, Random]:
    timeline.edits.added += 1
    return timeline.edits.added, draw(timeline.person, "added", timeline.edits.added)


def _identity(timeline: Timeline, nth: int) -> tuple[str, int]:
    person = timeline.person
    return ids.activity_id(person.seed, person.number, what=f"added/{nth}"), person.number * 1_000_000 + 900_000 + nth


# New records.


def workout(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member finishes a workout now."""
    night = running_night(timeline, now_ms)
    nth, rng = _nth(timeline)
    sport = BY_NAME.get(str(wish.get("sport", ""))) or (GENERIC if wish.get("sport") else timeline.person.sports[nth % 4])
    start_ms = now_ms - int(wish.get("minutes", sport.minutes)) * MINUTE_MS - rng.randrange(1000)
    made = make_workout(timeline.person, rng, sport=sport, span=(start_ms, now_ms), created_ms=now_ms, identity=_identity(timeline, nth))
    timeline.edits.workouts[made.id] = replace(made, state=PENDING if wish.get("pending") else made.state)
    return [Change("workout", made.id, "updated"), Change("cycle", night.cycle_id, None)]


def nap(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member gets up from a nap now."""
    night = running_night(timeline, now_ms)
    nth, rng = _nth(timeline)
    start_ms = now_ms - int(wish.get("minutes", 32)) * MINUTE_MS - rng.randrange(1000)
    rest = Rest(start_ms, now_ms, split_stages(now_ms - start_ms, rng))
    made = nap_record(timeline.person, rest, day=night.day, cycle_id=night.cycle_id, identity=_identity(timeline, nth))
    made = replace(made, created_ms=now_ms, updated_ms=now_ms, state=PENDING if wish.get("pending") else SCORED)
    timeline.edits.naps[made.id] = made
    return [Change("sleep", made.id, "updated")]


def wake(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member's night ends now: a new cycle with its sleep and recovery."""
    before = running_night(timeline, now_ms)
    natural = next((night for night in timeline.nights(before.day + 1, before.day + 1) if night.sleep), None)
    if natural and natural.start_ms < now_ms - MINUTE_MS < natural.visible_ms:
        made = _cut_short(timeline, natural, now_ms=now_ms)
    else:
        made = _added_night(timeline, before, now_ms=now_ms)
    made = with_state(made, PENDING) if wish.get("pending") else made
    timeline.edits.nights[made.cycle_id] = made
    closed = Change("cycle", before.cycle_id, None)
    return [*updated(made, "sleep", "recovery"), Change("cycle", made.cycle_id, None), closed]


def _cut_short(timeline: Timeline, natural: Night, *, now_ms: int) -> Night:
    assert natural.sleep
    sleep = replace(natural.sleep, end_ms=now_ms, created_ms=now_ms, updated_ms=now_ms, state=SCORED)
    return rescored(timeline, replace(natural, created_ms=now_ms, state=SCORED), fit(sleep), updated_ms=now_ms)


def _added_night(timeline: Timeline, before: Night, *, now_ms: int) -> Night:
    start_ms = max(before.awake_from_ms + 10 * MINUTE_MS, now_ms - 7 * HOUR_MS)
    if now_ms - start_ms < SHORTEST_NIGHT_MS:
        raise Impossible("the member has only just got up: move the clock on")
    person, (nth, rng) = timeline.person, _nth(timeline)
    day, (key, v1_id) = person.home.local_day(now_ms), _identity(timeline, nth)
    need, stages = need_of(person, day), split_stages(now_ms - start_ms, rng)
    sleep = Sleep(
        id=key,
        v1_id=v1_id,
        cycle_id=ids.extra_cycle_id(person.number, day, nth=nth),
        start_ms=start_ms,
        end_ms=now_ms,
        offset_min=person.home.offset_min(now_ms),
        created_ms=now_ms,
        updated_ms=now_ms,
        state=SCORED,
        stages=stages,
        need=need,
        respiratory_rate=before.sleep.respiratory_rate if before.sleep else person.respiratory_rate,
        performance=performance_of(Rest(start_ms, now_ms, stages), need, consistency=50.0),
        consistency=50.0,
    )
    bare = replace(before, cycle_id=sleep.cycle_id, day=day, start_ms=start_ms, offset_min=sleep.offset_min, created_ms=now_ms)
    return rescored(timeline, replace(bare, state=SCORED, pace=pace_of(person, day), recovery=None), sleep, updated_ms=now_ms)


# Changed records.


def score(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """What was pending gets its score."""
    if wish.get("resource") == "workout":
        return _change_workout(timeline, now_ms, workout_for(timeline, now_ms, wish), state=SCORED)
    if pending := nap_for(timeline, now_ms, wish):
        return _change_nap(timeline, now_ms, pending, state=SCORED)
    night = night_for(timeline, now_ms, wish)
    if night.state != PENDING:
        raise Impossible("this record is not pending")
    return _keep_night(timeline, _touched(with_state(night, SCORED), now_ms))


def rescore(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The provider computes a record again and comes to other values."""
    resource = wish.get("resource", "recovery")
    if resource == "workout":
        found = workout_for(timeline, now_ms, wish)
        return _change_workout(timeline, now_ms, found, strain=round(min(found.strain * 1.07 + 0.1, 20.9), 6))
    night = night_for(timeline, now_ms, wish)
    if resource == "cycle":
        pace = replace(night.pace, load=night.pace.load * 1.1)
        return _keep_cycle(timeline, replace(night, pace=pace, edited_ms=later(now_ms, night.edited_ms)))
    if resource == "sleep":
        return _keep_night(timeline, _resleep(timeline, night, now_ms=now_ms))
    assert night.sleep
    assert night.recovery
    updated_ms = later(now_ms, night.recovery.updated_ms)
    return _keep_night(timeline, rescored(timeline, night, night.sleep, updated_ms=updated_ms), "recovery")


def _resleep(timeline: Timeline, night: Night, *, now_ms: int) -> Night:
    assert night.sleep
    old = night.sleep.stages
    stages = replace(old, rem_ms=old.rem_ms - old.rem_ms // 20, light_ms=old.light_ms + old.rem_ms // 20)
    sleep = replace(night.sleep, stages=stages, updated_ms=later(now_ms, night.sleep.updated_ms))
    return rescored(timeline, night, sleep, updated_ms=sleep.updated_ms)


def extend(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member falls asleep again: the same night ends later."""
    night = night_for(timeline, now_ms, wish)
    assert night.sleep
    by_ms = int(wish.get("minutes", 45)) * MINUTE_MS
    # At least a minute is gained even if the clock has hardly moved since the night ended.
    end_ms = min(night.sleep.end_ms + by_ms, max(now_ms, night.sleep.end_ms + MINUTE_MS))
    return _refit(timeline, now_ms, night, start_ms=night.sleep.start_ms, end_ms=end_ms)


def edit(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member moves the start of a workout, a nap or a night."""
    by_ms = int(wish.get("shift_s", -600)) * 1000
    if wish.get("resource", "workout") == "workout":
        found = workout_for(timeline, now_ms, wish)
        start_ms = min(found.start_ms + by_ms, found.end_ms - MINUTE_MS)
        rates = found.average_heart_rate, found.max_heart_rate
        zones = split_zones(round((found.end_ms - start_ms) * found.recorded), rates, limit=timeline.person.max_heart_rate)
        return _change_workout(timeline, now_ms, found, start_ms=start_ms, zones_ms=zones)
    if known := nap_for(timeline, now_ms, wish):
        start_ms = min(known.start_ms + by_ms, known.end_ms - MINUTE_MS)
        stages = stretch_stages(known.stages, known.end_ms - start_ms)
        return _change_nap(timeline, now_ms, known, start_ms=start_ms, stages=stages)
    night = night_for(timeline, now_ms, wish)
    assert night.sleep
    start_ms = min(night.sleep.start_ms + by_ms, night.sleep.end_ms - MINUTE_MS)
    return _refit(timeline, now_ms, night, start_ms=start_ms, end_ms=night.sleep.end_ms)


def delete(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member deletes a record; with a sleep goes its recovery."""
    return _set_deleted(timeline, now_ms, wish, is_deleted=True)


def revive(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """A deleted record comes back."""
    return _set_deleted(timeline, now_ms, wish, is_deleted=False)


def _set_deleted(timeline: Timeline, now_ms: int, wish: Wish, *, is_deleted: bool) -> list[Change]:
    resource, notice = wish.get("resource", "workout"), "deleted" if is_deleted else "updated"
    wish = wish if is_deleted or wish.get("record_id") else {**wish, "record_id": _last_deleted(timeline, resource)}
    if resource == "workout":
        found = workout_for(timeline, now_ms, wish, with_deleted=not is_deleted)
        return _change_workout(timeline, now_ms, found, notice=notice, is_deleted=is_deleted)
    if known := nap_for(timeline, now_ms, wish):
        return _change_nap(timeline, now_ms, known, notice=notice, is_deleted=is_deleted)
    night = night_for(timeline, now_ms, wish, with_deleted=not is_deleted)
    return _delete_night(timeline, now_ms, night, resource=resource, is_deleted=is_deleted)


def _last_deleted(timeline: Timeline, resource: str) -> str:
    edits = timeline.edits
    if resource == "workout":
        gone = [(workout.updated_ms, workout.id) for workout in edits.workouts.values() if workout.is_deleted]
    else:
        nights = [(night.sleep, night.recovery) for night in edits.nights.values()]
        gone = [(sleep.updated_ms, sleep.id) for sleep, recovery in nights if sleep and recovery and recovery.is_deleted]
        gone += [(nap.updated_ms, nap.id) for nap in edits.naps.values() if nap.is_deleted]
    if not gone:
        raise Impossible("nothing has been deleted")
    return max(gone)[1]


def _delete_night(timeline: Timeline, now_ms: int, night: Night, *, resource: str, is_deleted: bool) -> list[Change]:
    assert night.sleep
    touched = _touched(night, now_ms)
    sleep, recovery = touched.sleep, touched.recovery
    assert sleep
    gone = ("recovery",) if resource == "recovery" else ("sleep", "recovery")
    if "sleep" in gone:
        sleep = replace(sleep, is_deleted=is_deleted)
    recovery = replace(recovery, is_deleted=is_deleted) if recovery else None
    is_cycle_gone = is_deleted if resource == "cycle" else night.is_deleted
    timeline.edits.nights[night.cycle_id] = replace(touched, sleep=sleep, recovery=recovery, is_deleted=is_cycle_gone)
    changes = [Change(name, sleep.id, "deleted" if is_deleted else "updated") for name in gone]
    return changes + ([Change("cycle", night.cycle_id, None)] if resource == "cycle" else [])


# Storing a change.


def _refit(timeline: Timeline, now_ms: int, night: Night, *, start_ms: int, end_ms: int) -> list[Change]:
    assert night.sleep
    sleep = fit(replace(night.sleep, start_ms=start_ms, end_ms=end_ms, updated_ms=later(now_ms, night.sleep.updated_ms)))
    moved_ms = sleep.updated_ms if start_ms != night.start_ms else night.moved_ms
    kept = replace(night, start_ms=start_ms, moved_ms=moved_ms, edited_ms=sleep.updated_ms)
    return _keep_night(timeline, rescored(timeline, kept, sleep, updated_ms=sleep.updated_ms))


def fit(sleep: Sleep) -> Sleep:
    """A sleep whose stages fill its time again."""
    return with_performance(replace(sleep, stages=stretch_stages(sleep.stages, sleep.end_ms - sleep.start_ms)))


def with_performance(sleep: Sleep) -> Sleep:
    """A sleep whose performance fits its stages again."""
    rest = Rest(sleep.start_ms, sleep.end_ms, sleep.stages)
    return replace(sleep, performance=performance_of(rest, sleep.need, consistency=sleep.consistency or 0.0))


def rescored(timeline: Timeline, night: Night, sleep: Sleep, *, updated_ms: int) -> Night:
    """A night with another sleep, and the recovery that follows from it."""
    timeline.edits.added += 1
    before = night.recovery
    recovery = recovery_of(
        timeline.person,
        sleep,
        day=night.day,
        is_calibrating=before.is_calibrating if before else False,
        version=timeline.edits.added,
    )
    is_deleted = before.is_deleted if before else False
    return replace(night, sleep=sleep, recovery=replace(recovery, updated_ms=updated_ms, is_deleted=is_deleted))


def _touched(night: Night, now_ms: int) -> Night:
    assert night.sleep
    sleep = replace(night.sleep, updated_ms=later(now_ms, night.sleep.updated_ms))
    recovery = replace(night.recovery, updated_ms=sleep.updated_ms) if night.recovery else None
    return replace(night, sleep=sleep, recovery=recovery, edited_ms=sleep.updated_ms)


def with_state(night: Night, state: str) -> Night:
    """A night in another state of scoring."""
    sleep = replace(night.sleep, state=state) if night.sleep else None
    recovery = replace(night.recovery, state=state) if night.recovery else None
    return replace(night, state=state, sleep=sleep, recovery=recovery)


def _keep_night(timeline: Timeline, night: Night, *resources: str) -> list[Change]:
    timeline.edits.nights[night.cycle_id] = night
    return updated(night, *(resources or ("sleep", "recovery")))


def _keep_cycle(timeline: Timeline, night: Night) -> list[Change]:
    timeline.edits.nights[night.cycle_id] = night
    return [Change("cycle", night.cycle_id, None)]


def _change_workout(timeline: Timeline, now_ms: int, found: Workout, *, notice: str = "updated", **values: Any) -> list[Change]:
    made = replace(found, updated_ms=later(now_ms, found.updated_ms), **values)
    timeline.edits.workouts[made.id] = made
    return [Change("workout", made.id, notice)]


def _change_nap(timeline: Timeline, now_ms: int, found: Sleep, *, notice: str = "updated", **values: Any) -> list[Change]:
    made = replace(found, updated_ms=later(now_ms, found.updated_ms), **values)
    timeline.edits.naps[made.id] = made
    return [Change("sleep", made.id, notice)]
