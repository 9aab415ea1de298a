"""What the provider does to a night of its own accord: holds back its score, stores it too early, joins a nap to it."""

from dataclasses import replace

from wearbase_sim.members.events import records
from wearbase_sim.members.events.found import Change, Impossible, Wish, later, nap_for, night_for, workout_for
from wearbase_sim.members.facts import PENDING, Sleep, Stages
from wearbase_sim.members.timeline import Timeline
from wearbase_sim.members.zones import HOUR_MS, MINUTE_MS

SHORTEST_MS, MISSING_SHARE = 2 * HOUR_MS, 4
FARTHEST_NAP_MS = 8 * HOUR_MS


def withhold(timeline: Timeline, now_ms: int, wish: Wish) -> None:
    """A record that has just appeared has no score yet."""
    if wish.get("resource") == "workout":
        found = workout_for(timeline, now_ms, wish)
        timeline.edits.workouts[found.id] = replace(found, state=PENDING)
    elif nap := nap_for(timeline, now_ms, wish):
        timeline.edits.naps[nap.id] = replace(nap, state=PENDING)
    else:
        night = night_for(timeline, now_ms, wish)
        timeline.edits.nights[night.cycle_id] = records.with_state(night, PENDING)


def shorten(timeline: Timeline, now_ms: int, wish: Wish) -> int:
    """A night is stored before its end; the minutes by which it then has to be extended."""
    night = night_for(timeline, now_ms, wish)
    assert night.sleep
    length_ms = night.sleep.end_ms - night.sleep.start_ms
    missing = max(length_ms - SHORTEST_MS, 0) // MISSING_SHARE // MINUTE_MS
    sleep = records.fit(replace(night.sleep, end_ms=night.sleep.end_ms - missing * MINUTE_MS))
    timeline.edits.nights[night.cycle_id] = records.rescored(timeline, night, sleep, updated_ms=sleep.updated_ms)
    return max(missing, 1)


def merge(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member joins the nap that followed a night to it: one longer sleep, and the nap is gone."""
    night = night_for(timeline, now_ms, wish)
    assert night.sleep
    nap = _nap_after(timeline, night.sleep, now_ms)
    gone = replace(nap, is_deleted=True, updated_ms=later(now_ms, nap.updated_ms))
    timeline.edits.naps[nap.id] = gone
    updated_ms = later(now_ms, night.sleep.updated_ms)
    sleep = replace(night.sleep, end_ms=nap.end_ms, stages=_joined(night.sleep, nap), updated_ms=updated_ms)
    made = records.rescored(timeline, replace(night, edited_ms=updated_ms), records.with_performance(sleep), updated_ms=updated_ms)
    timeline.edits.nights[night.cycle_id] = made
    return [Change("sleep", nap.id, "deleted"), *records.updated(made, "sleep", "recovery")]


def _nap_after(timeline: Timeline, night: Sleep, now_ms: int) -> Sleep:
    day = timeline.person.home.local_day(night.end_ms)
    naps = [nap for nap in timeline.naps(day - 1, day + 1) if not nap.is_deleted and nap.created_ms <= now_ms]
    near = [nap for nap in naps if night.end_ms < nap.start_ms <= night.end_ms + FARTHEST_NAP_MS]
    if not near:
        raise Impossible("no nap follows this night")
    return min(near, key=lambda nap: nap.start_ms)


def _joined(night: Sleep, nap: Sleep) -> Stages:
    one, two = night.stages, nap.stages
    return Stages(
        awake_ms=one.awake_ms + two.awake_ms + nap.start_ms - night.end_ms,
        no_data_ms=one.no_data_ms + two.no_data_ms,
        light_ms=one.light_ms + two.light_ms,
        slow_wave_ms=one.slow_wave_ms + two.slow_wave_ms,
        rem_ms=one.rem_ms + two.rem_ms,
        cycle_count=one.cycle_count + two.cycle_count,
        disturbance_count=one.disturbance_count + two.disturbance_count,
    )
