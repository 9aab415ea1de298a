"""Records as the provider writes them."""

from collections.abc import Callable
from random import Random
from typing import Any

from wearbase_sim.clock import iso, parse_ms
from wearbase_sim.members.facts import PENDING, SCORED, Cycle, Recovery, Sleep, Workout
from wearbase_sim.members.person import Person
from wearbase_sim.members.timeline import Record
from wearbase_sim.options import Options

STEPS_SINCE_MS = parse_ms("2026-09-23T00:00:00Z")
ODD_STATE = "CALCULATING"
ZONE_NAMES = ("zero", "one", "two", "three", "four", "five")
Json = dict[str, Any]


def offset_text(offset_min: int) -> str:
    """An offset as `Z`, `+hh:mm` or `-hh:mm`."""
    if offset_min == 0:
        return "Z"
    hours, minutes = divmod(abs(offset_min), 60)
    return f"{'-' if offset_min < 0 else '+'}{hours:02d}:{minutes:02d}"


def record(person: Person, value: Record, options: Options) -> Json:
    """A record in the shape that the switches ask for."""
    made = _SHAPES[type(value)](person, value, options)
    if options.extra_members == "on":
        made |= {"source_device": {"generation": 5}, "confidence": 0.5}
    made = _without_nulls(made) if options.nulls == "absent" else made
    return _shuffled(made) if options.member_order == "shuffled" else made


def profile(person: Person) -> Json:
    """A member's name and address."""
    names = {"first_name": person.first_name, "last_name": person.last_name}
    return {"user_id": person.user_id, "email": person.email, **names}


def body(person: Person) -> Json:
    """A member's measurements."""
    return {"height_meter": person.height_m, "weight_kilogram": person.weight_kg, "max_heart_rate": person.max_heart_rate}


def page(records: list[Json], next_token: str | None, options: Options) -> Json:
    """One page of a collection."""
    made: Json = {"records": records, "next_token": next_token}
    return _without_nulls(made) if options.nulls == "absent" else made


def _cycle(person: Person, cycle: Cycle, options: Options) -> Json:
    score = {
        "strain": cycle.strain,
        "kilojoule": cycle.kilojoule,
        "average_heart_rate": cycle.average_heart_rate,
        "max_heart_rate": cycle.max_heart_rate,
    }
    made = {
        "id": cycle.id,
        "user_id": person.user_id,
        **_instants(cycle.created_ms, cycle.updated_ms),
        "start": iso(cycle.start_ms),
        "end": iso(cycle.end_ms) if cycle.end_ms is not None else None,
        "timezone_offset": offset_text(cycle.offset_min),
        **_scored(cycle.state, score, options),
    }
    steps = cycle.steps if cycle.state == SCORED else None
    return made | (_switched("step_count", steps, options.step_count) if cycle.start_ms >= STEPS_SINCE_MS else {})


def _sleep(person: Person, sleep: Sleep, options: Options) -> Json:
    return {
        "id": sleep.id,
        "cycle_id": sleep.cycle_id,
        **_switched("v1_id", sleep.v1_id, options.v1_id),
        "user_id": person.user_id,
        **_instants(sleep.created_ms, sleep.updated_ms),
        "start": iso(sleep.start_ms),
        "end": iso(sleep.end_ms),
        "timezone_offset": offset_text(sleep.offset_min),
        "nap": sleep.is_nap,
        **_scored(sleep.state, _sleep_score(sleep), options),
    }


def _sleep_score(sleep: Sleep) -> Json:
    stages, need = sleep.stages, sleep.need
    return {
        "stage_summary": {
            "total_in_bed_time_milli": stages.in_bed_ms,
            "total_awake_time_milli": stages.awake_ms,
            "total_no_data_time_milli": stages.no_data_ms,
            "total_light_sleep_time_milli": stages.light_ms,
            "total_slow_wave_sleep_time_milli": stages.slow_wave_ms,
            "total_rem_sleep_time_milli": stages.rem_ms,
            "sleep_cycle_count": stages.cycle_count,
            "disturbance_count": stages.disturbance_count,
        },
        "sleep_needed": {
            "baseline_milli": need.baseline_ms,
            "need_from_sleep_debt_milli": need.debt_ms,
            "need_from_recent_strain_milli": need.strain_ms,
            "need_from_recent_nap_milli": need.nap_ms,
        },
        "respiratory_rate": sleep.respiratory_rate,
        "sleep_performance_percentage": sleep.performance,
        "sleep_consistency_percentage": sleep.consistency,
        "sleep_efficiency_percentage": float(f"{100 * stages.asleep_ms / stages.in_bed_ms:.8g}"),
    }


def _recovery(person: Person, recovery: Recovery, options: Options) -> Json:
    score = {
        "user_calibrating": recovery.is_calibrating,
        "recovery_score": recovery.score,
        "resting_heart_rate": recovery.resting_heart_rate,
        "hrv_rmssd_milli": recovery.hrv_ms,
        "spo2_percentage": recovery.spo2,
        "skin_temp_celsius": recovery.skin_celsius,
    }
    return {
        "cycle_id": recovery.cycle_id,
        "sleep_id": recovery.sleep_id,
        "user_id": person.user_id,
        **_instants(recovery.created_ms, recovery.updated_ms),
        **_scored(recovery.state, score, options),
    }


def _workout(person: Person, workout: Workout, options: Options) -> Json:
    return {
        "id": workout.id,
        **_switched("v1_id", workout.v1_id, options.v1_id),
        "user_id": person.user_id,
        **_instants(workout.created_ms, workout.updated_ms),
        "start": iso(workout.start_ms),
        "end": iso(workout.end_ms),
        "timezone_offset": offset_text(workout.offset_min),
        "sport_name": workout.sport_name,
        **_scored(workout.state, _workout_score(workout, options), options),
        **_sport_id(workout.sport_id, options),
    }


def _workout_score(workout: Workout, options: Options) -> Json:
    factor = 100 if options.percent_recorded == "percent" else 1
    zones = "zone_duration" if options.zone_member == "v1" else "zone_durations"
    return {
        "strain": workout.strain,
        "average_heart_rate": workout.average_heart_rate,
        "max_heart_rate": workout.max_heart_rate,
        "kilojoule": workout.kilojoule,
        "percent_recorded": float(f"{workout.recorded * factor:.8g}"),
        "distance_meter": workout.distance_m,
        "altitude_gain_meter": workout.gain_m,
        "altitude_change_meter": workout.change_m,
        zones: {f"zone_{name}_milli": ms for name, ms in zip(ZONE_NAMES, workout.zones_ms, strict=True)},
    }


_SHAPES: dict[type, Callable[[Person, Any, Options], Json]] = {
    Cycle: _cycle,
    Sleep: _sleep,
    Recovery: _recovery,
    Workout: _workout,
}


def _instants(created_ms: int, updated_ms: int) -> Json:
    return {"created_at": iso(created_ms), "updated_at": iso(updated_ms)}


def _scored(state: str, score: Json, options: Options) -> Json:
    if state == PENDING and options.odd_state == "on":
        return {"score_state": ODD_STATE, "score": None}
    if state != SCORED and options.score_unscored == "absent":
        return {"score_state": state}
    is_shown = state == SCORED or options.score_unscored == "present"
    return {"score_state": state, "score": score if is_shown else None}


def _switched(name: str, value: Any, switch: str) -> Json:
    if switch == "absent":
        return {}
    return {name: value if switch == "present" else None}


def _sport_id(sport_id: int, options: Options) -> Json:
    """The old number; some say that those of v2 cannot be relied on."""
    if options.sport_id == "wrong":
        return {"sport_id": sport_id + 1 if sport_id >= 0 else 71}
    return _switched("sport_id", sport_id, options.sport_id)


def _without_nulls(value: Json) -> Json:
    kept = {name: part for name, part in value.items() if part is not None}
    return {name: _without_nulls(part) if isinstance(part, dict) else part for name, part in kept.items()}


def _shuffled(value: Json) -> Json:
    names = list(value)
    Random(str(value.get("id", value.get("sleep_id", len(names))))).shuffle(names)
    return {name: _shuffled(value[name]) if isinstance(value[name], dict) else value[name] for name in names}
