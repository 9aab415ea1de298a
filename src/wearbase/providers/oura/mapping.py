"""Oura's documents as our records, and a day's records as its part of the day document. Every unit change is here.

Oura names the day of each document, and says of none when it was changed: a copy counts as of the read that brought it. Numbers
stay Oura's own; what it does not tell is null, never zero.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from wearbase.domain.provider import StoredRecord
from wearbase.domain.quantities import Quantity
from wearbase.domain.records import Dating, Record, Revision, ScoreState
from wearbase.providers.oura.schema import (
    Activity,
    Document,
    LocalTime,
    Oxygen,
    Readiness,
    Scored,
    Sleep,
    SleepScore,
    Workout,
    read,
)

WHOLE_DAY = timedelta(hours=23)  # the shortest that a clock change makes
MAIN, NAPS, NO_SLEEP = "long_sleep", ("sleep", "late_nap"), ("rest", "deleted")


def map_readiness(raw: Any) -> Record:
    """A day's readiness, 1 to 100. Temperatures are differences from the member's own, in °C. Raises UnexpectedPayload."""
    wire = read(Readiness, raw)
    values = {
        **_score(wire),
        "temperature_deviation_c": wire.temperature_deviation,
        "temperature_trend_deviation_c": wire.temperature_trend_deviation,
    }
    return _record("readiness", wire, raw, values, start=wire.timestamp)


def map_sleep_score(raw: Any) -> Record:
    """A day's sleep score, 1 to 100; the sleep itself is in its periods. Raises UnexpectedPayload."""
    wire = read(SleepScore, raw)
    return _record("sleep_score", wire, raw, _score(wire), start=wire.timestamp)


def map_sleep(raw: Any) -> Record:
    """One sleep period. HRV is the mean RMSSD over it, in ms. Raises UnexpectedPayload."""
    wire = read(Sleep, raw)
    values = {
        "id": wire.id,
        "type": wire.type,
        **_span(wire.bedtime_start, wire.bedtime_end),
        "in_bed_s": wire.time_in_bed,
        "asleep_s": wire.total_sleep_duration,
        "light_s": wire.light_sleep_duration,
        "slow_wave_s": wire.deep_sleep_duration,
        "rem_s": wire.rem_sleep_duration,
        "awake_s": wire.awake_time,
        "latency_s": wire.latency,
        "efficiency_percent": wire.efficiency,
        "hrv_rmssd_ms": wire.average_hrv,
        "average_heart_rate_bpm": wire.average_heart_rate,
        "lowest_heart_rate_bpm": wire.lowest_heart_rate,
        "respiratory_rate_per_min": wire.average_breath,
        "restless_period_count": wire.restless_periods,
    }
    return _record("sleep", wire, raw, values, start=wire.bedtime_start, end=wire.bedtime_end)


def map_activity(raw: Any) -> Record:
    """A day's movement. It runs until the whole day is classified, as far as Oura says how much is. Raises UnexpectedPayload."""
    wire = read(Activity, raw)
    values = {
        **_score(wire),
        "is_open": None if wire.class_5_min is None else len(wire.class_5_min) * timedelta(minutes=5) < WHOLE_DAY,
        "steps": wire.steps,
        "active_energy_kcal": wire.active_calories,
        "energy_kcal": wire.total_calories,
        "walking_equivalent_m": wire.equivalent_walking_distance,
        "high_activity_s": wire.high_activity_time,
        "medium_activity_s": wire.medium_activity_time,
        "low_activity_s": wire.low_activity_time,
        "sedentary_s": wire.sedentary_time,
        "resting_s": wire.resting_time,
        "not_worn_s": wire.non_wear_time,
        "inactivity_alert_count": wire.inactivity_alerts,
    }
    return _record("activity", wire, raw, values, start=wire.timestamp)


def map_workout(raw: Any) -> Record:
    """One workout, found by the ring or entered by the member (`source`). Raises UnexpectedPayload."""
    wire = read(Workout, raw)
    values = {
        "id": wire.id,
        "sport": wire.activity,
        "intensity": wire.intensity,
        "source": wire.source,
        **_span(wire.start_datetime, wire.end_datetime),
        "energy_kcal": wire.calories,
        "distance_m": wire.distance,
    }
    return _record("workout", wire, raw, values, start=wire.start_datetime, end=wire.end_datetime)


def map_oxygen(raw: Any) -> Record:
    """A night's oxygen saturation. Raises UnexpectedPayload."""
    wire = read(Oxygen, raw)
    values = {
        "id": wire.id,
        "spo2_percent": wire.spo2_percentage.average if wire.spo2_percentage else None,
        "breathing_disturbance_index": wire.breathing_disturbance_index,
    }
    return _record("oxygen", wire, raw, values)


def _record(
    resource: str, wire: Document, raw: Any, values: dict[str, Any], *, start: LocalTime | None = None, end: LocalTime | None = None
) -> Record:
    placed = start.at if start else datetime(wire.day.year, wire.day.month, wire.day.day, tzinfo=UTC)
    offset = end or start
    return Record(
        resource=resource,
        external_id=wire.id,
        revision=Revision(placed),
        is_dated_by_read=True,
        dating=Dating.GIVEN,
        given_day=wire.day,
        score_state=ScoreState.SCORED,
        start_at=start.at if start else None,
        end_at=end.at if end else None,
        utc_offset_min=offset.offset_min if offset else None,
        values=values,
        raw=raw,
    )


def _score(wire: Scored) -> dict[str, Any]:
    contributors = [{"name": name, "score": score} for name, score in sorted(wire.contributors.items()) if score is not None]
    return {"id": wire.id, "score": wire.score, "contributors": contributors, "utc_offset_min": wire.timestamp.offset_min}


def _span(start: LocalTime, end: LocalTime) -> dict[str, Any]:
    return {"start_at": _instant_text(start), "end_at": _instant_text(end), "utc_offset_min": end.offset_min}


def _instant_text(time: LocalTime) -> str:
    """RFC 3339, UTC, milliseconds."""
    return time.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def empty_day() -> dict[str, Any]:
    """Oura's part of a day without records."""
    alone = ("readiness", "sleep_score", "sleep", "activity", "oxygen")
    return {**dict.fromkeys(alone), "naps": [], "other_sleeps": [], "workouts": []}


def assemble_day(records: Sequence[StoredRecord]) -> dict[str, Any]:
    """Oura's part of a day document. The order of the records does not matter.

    `sleep` is the longest of the day's long sleeps. What the member took back (`rest`, `deleted`) is kept as a record and not shown.
    """
    by_start = sorted(records, key=lambda r: (r.start_at or datetime.min.replace(tzinfo=UTC), r.external_id))
    sleeps = [r for r in by_start if r.resource == "sleep" and r.values["type"] not in NO_SLEEP]
    main = max((r for r in sleeps if r.values["type"] == MAIN), key=lambda r: (r.values["in_bed_s"], r.external_id), default=None)
    others = [r for r in sleeps if r is not main]
    return {
        **{name: _newest(records, name) for name in ("readiness", "sleep_score", "activity", "oxygen")},
        "sleep": main.values if main else None,
        "naps": [r.values for r in others if r.values["type"] in NAPS],
        "other_sleeps": [r.values for r in others if r.values["type"] not in NAPS],
        "workouts": [r.values for r in by_start if r.resource == "workout"],
    }


def _newest(records: Sequence[StoredRecord], resource: str) -> dict[str, Any] | None:
    """A day has one of these; if Oura gave another id to a newer one, that one."""
    found = max((r for r in records if r.resource == resource), key=lambda r: (r.revision_at, r.external_id), default=None)
    return found.values if found else None


QUANTITIES = (
    Quantity("oura_readiness_score", "of_100", "readiness.score", "oura_readiness_score", idea="readiness"),
    Quantity("oura_sleep_score", "of_100", "sleep_score.score", "oura_sleep_score", idea="sleep score"),
    Quantity("oura_activity_score", "of_100", "activity.score", "oura_activity_score"),
    Quantity(
        "oura_temperature_deviation_c", "c", "readiness.temperature_deviation_c", "oura_temperature_deviation_c", idea="skin temperature"
    ),
    Quantity("hrv_rmssd_ms", "ms", "sleep.hrv_rmssd_ms", "hrv_rmssd_ms"),
    Quantity(  # the lowest of a night is another number than a resting heart rate
        "lowest_sleeping_heart_rate_bpm", "bpm", "sleep.lowest_heart_rate_bpm", "lowest_sleeping_heart_rate_bpm", idea="resting heart rate"
    ),
    Quantity("average_sleeping_heart_rate_bpm", "bpm", "sleep.average_heart_rate_bpm", "average_sleeping_heart_rate_bpm"),
    Quantity("sleep_respiratory_rate_per_min", "per_min", "sleep.respiratory_rate_per_min", "respiratory_rate_per_min"),
    Quantity("sleep_spo2_percent", "percent", "oxygen.spo2_percent", "spo2_percent", idea="oxygen saturation"),
    Quantity("sleep_start_at", "instant", "sleep.start_at"),
    Quantity("sleep_end_at", "instant", "sleep.end_at"),
    Quantity("in_bed_s", "s", "sleep.in_bed_s", "in_bed_s"),
    Quantity("asleep_s", "s", "sleep.asleep_s", "asleep_s"),
    Quantity("light_s", "s", "sleep.light_s", "light_s"),
    Quantity("slow_wave_s", "s", "sleep.slow_wave_s", "slow_wave_s"),
    Quantity("rem_s", "s", "sleep.rem_s", "rem_s"),
    Quantity("awake_s", "s", "sleep.awake_s", "awake_s", idea="awake at night"),
    Quantity("oura_sleep_latency_s", "s", "sleep.latency_s", "oura_sleep_latency_s"),
    Quantity("oura_sleep_efficiency_percent", "percent", "sleep.efficiency_percent", "sleep_efficiency_percent", idea="sleep efficiency"),
    Quantity(
        "oura_restless_period_count", "count", "sleep.restless_period_count", "oura_restless_period_count", idea="sleep interruptions"
    ),
    Quantity("oura_energy_kcal", "kcal", "activity.energy_kcal", "oura_energy_kcal", idea="energy of the day"),
    Quantity("oura_active_energy_kcal", "kcal", "activity.active_energy_kcal", "oura_active_energy_kcal"),
    Quantity("oura_steps_count", "count", "activity.steps", "oura_steps_count", idea="steps"),  # from 4 in the morning to 4
)
_OF_ACTIVITY = frozenset(q.name for q in QUANTITIES if q.place.startswith("activity."))


def running(part: Mapping[str, Any]) -> frozenset[str]:
    """Everything of a day's activity, while the day is not over."""
    return _OF_ACTIVITY if (part.get("activity") or {}).get("is_open") else frozenset()


def day_metrics(document: Mapping[str, Any]) -> dict[str, float]:
    """What a day adds to the trends, by metric: its quantities that run no more."""
    still = running(document)
    found = {q.metric: q.value(document) for q in QUANTITIES if q.metric and q.name not in still}
    return {metric: float(value) for metric, value in found.items() if value is not None}
