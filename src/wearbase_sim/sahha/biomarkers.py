"""Biomarkers of a day: one value per type, in the wire's styles of several years."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wearbase_sim.members.body.rest import night_of
from wearbase_sim.members.facts import Sleep
from wearbase_sim.members.zones import HOUR_MS, MINUTE_MS
from wearbase_sim.options import Options
from wearbase_sim.sahha.cloud import Profile, made_id
from wearbase_sim.sahha.days import Day, calendar, local, stamp

CATEGORIES = ("activity", "sleep", "vitals", "body", "characteristic")
Value = int | float | str


@dataclass(frozen=True, slots=True)
class Mark:
    """One quantity of a day."""

    category: str
    type: str
    unit: str
    value: Value
    aggregation: str = "total"
    is_weekly: bool = False


def marks(profile: Profile, day: Day, options: Options) -> list[Mark]:
    """Everything measured on a day."""
    if profile.is_empty:
        return []
    found = [*_activity(profile, day), *_body(day)]
    if day.sleep:
        found += [*_sleep(profile, day.sleep, day, options), *_weekly(day, options)]
        found += _vitals(profile, day) if profile.source != "phone" else []
    return found


def shown(profile: Profile, day: Day, mark: Mark, options: Options) -> dict[str, Any]:
    """A quantity as it goes over the wire."""
    start, end = _window(day, mark, options)
    periodicity = "weekly" if mark.is_weekly else "intraday" if day.is_open else "daily"
    age = periodicity if options.sahha_ids == "changed" else ""
    kind, value = _typed(mark.value, options)
    return {
        "id": made_id(profile.id, "biomarker", mark.category, mark.type, calendar(day.day), age),
        "category": mark.category,
        "type": mark.type,
        "periodicity": periodicity,
        "aggregation": mark.aggregation,
        "value": value,
        "unit": mark.unit,
        "valueType": "datetime" if mark.unit == "datetime" else kind,
        "startDateTime": start,
        "endDateTime": end,
    }


def _typed(value: Value, options: Options) -> tuple[str, Value]:
    if isinstance(value, str):
        return "datetime", value
    if options.sahha_style == "2026":
        return "double", value
    if isinstance(value, int):
        return "long" if options.sahha_style == "2024" else "integer", str(value)
    text = f"{value:.6g}"
    return "double", f"{int(value)}." if options.sahha_style == "2024" and value == int(value) else text


def _window(day: Day, mark: Mark, options: Options) -> tuple[str, str]:
    less_s = 0 if options.sahha_style == "2024" else 1
    is_sleep = mark.category == "sleep"
    first = day.day - (8 if options.sahha_style != "2024" else 7) if mark.is_weekly else day.day - (1 if is_sleep else 0)
    hour, last = (18, day.day) if is_sleep else (0, day.day + 1)
    return stamp(day.timeline, first, hour=hour), stamp(day.timeline, last, hour=hour, less_s=less_s)


def _activity(profile: Profile, day: Day) -> Iterator[Mark]:
    hard, middle, easy = day.minutes_in(4, 5), day.minutes_in(2, 3), day.minutes_in(0, 1)
    moving = hard + middle + easy + day.steps // 105
    yield Mark("activity", "steps", "count", day.steps)
    yield Mark("activity", "floors_climbed", "count", day.steps // 900)
    yield Mark("activity", "active_hours", "hour", min(moving // 25, 14))
    yield Mark("activity", "active_duration", "minute", moving)
    yield Mark("activity", "activity_low_intensity_duration", "minute", moving - hard - middle)
    yield Mark("activity", "activity_medium_intensity_duration", "minute", middle)
    yield Mark("activity", "activity_high_intensity_duration", "minute", hard)
    yield Mark("activity", "activity_sedentary_duration", "minute", max(int(day.share * 1440) - 450 - moving, 0))
    if profile.source != "phone":
        active = sum(workout.kilojoule for workout in day.workouts) / 4.184 + day.steps * 0.035
        yield Mark("activity", "active_energy_burned", "kcal", round(active, 1))
        yield Mark("activity", "total_energy_burned", "kcal", round(active + day.share * day.timeline.person.resting_kilojoule / 4.184, 1))


def _sleep(profile: Profile, sleep: Sleep, day: Day, options: Options) -> Iterator[Mark]:
    stages, with_seconds = sleep.stages, options.sahha_style == "2024"
    middle_ms = (sleep.start_ms + sleep.end_ms) // 2
    for name, at_ms in (("start", sleep.start_ms), ("mid", middle_ms), ("end", sleep.end_ms)):
        yield Mark("sleep", f"sleep_{name}_time", "datetime", local(day.timeline, at_ms, with_seconds=with_seconds), "none")
    light, deep, rem = (_minutes(each) for each in (stages.light_ms, stages.slow_wave_ms, stages.rem_ms))
    awake = _minutes(stages.awake_ms + stages.no_data_ms)
    asleep = light + deep + rem
    yield Mark("sleep", "sleep_duration", "minute", asleep)
    yield Mark("sleep", "sleep_in_bed_duration", "minute", asleep + awake)
    if profile.source != "phone":
        parts = (("awake", awake), ("light", light), ("rem", rem), ("deep", deep), ("latency", 2 + awake // 6))
        for name, minutes in parts:
            yield Mark("sleep", f"sleep_{name}" + ("" if name == "latency" else "_duration"), "minute", minutes)
        yield Mark("sleep", "sleep_interruptions", "count", stages.disturbance_count)
        yield Mark("sleep", "sleep_efficiency", "percentage", round(asleep / (asleep + awake), 3), "average")


def _weekly(day: Day, options: Options) -> Iterator[Mark]:
    person = day.timeline.person
    lacks = [max(person.need_ms - night_of(person, day.day - back).stages.asleep_ms, 0) for back in range(7)]
    is_old = options.sahha_style == "2024"
    yield Mark("sleep", "sleep_debt", "hour", round(sum(lacks) / 7 / HOUR_MS, 3), "average" if is_old else "total", is_weekly=True)
    share = round((day.sleep.consistency or 0) / 100, 3) if day.sleep else 0.0
    yield Mark("sleep", "sleep_regularity", "index" if is_old else "percentage", share, "average", is_weekly=True)


def _vitals(profile: Profile, day: Day) -> Iterator[Mark]:
    assert day.sleep
    yield Mark("vitals", "respiratory_rate_sleep", "count/minute", round(day.sleep.respiratory_rate, 2), "average")
    if not day.recovery:
        return
    recovery = day.recovery
    yield Mark("vitals", "heart_rate_resting", "bpm", round(recovery.resting_heart_rate), "average")
    yield Mark("vitals", "heart_rate_sleep", "bpm", round(recovery.resting_heart_rate + 4), "average")
    # A watch with an iPhone gives SDNN only, everything else RMSSD only: two statistics, no factor between them.
    statistic, factor = ("sdnn", 1.21) if profile.source == "iphone" else ("rmssd", 1.0)
    yield Mark("vitals", f"heart_rate_variability_{statistic}", "millisecond", round(recovery.hrv_ms * factor, 1), "average")
    if recovery.spo2 is not None and recovery.skin_celsius is not None:
        yield Mark("vitals", "oxygen_saturation_sleep", "percentage", round(recovery.spo2 / 100, 4), "average")
        yield Mark("vitals", "skin_temperature_sleep", "celsius", round(recovery.skin_celsius, 2), "average")


def _body(day: Day) -> Iterator[Mark]:
    person = day.timeline.person
    if person.has_body_values and day.day % 7 == 0:
        yield Mark("body", "height", "meter", round(person.height_m, 2), "none")
        yield Mark("body", "weight", "kilogram", person.weight_kg, "none")


def _minutes(duration_ms: int) -> int:
    return round(duration_ms / MINUTE_MS)
