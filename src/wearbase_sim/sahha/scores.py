"""Scores with their factors, archetypes, trends and comparisons."""

import struct
from statistics import mean
from typing import Any

from wearbase_sim.clock import iso
from wearbase_sim.options import Options
from wearbase_sim.sahha.biomarkers import marks
from wearbase_sim.sahha.cloud import Profile, made_id
from wearbase_sim.sahha.days import Day, calendar, stamp

TYPES = ("activity", "sleep", "readiness", "wellbeing", "mental_wellbeing")
STATES = ((0.8, "high"), (0.6, "medium"), (0.4, "low"), (0.0, "minimal"))
# Factor: unit, goal, whether less is better, and the biomarker that it is taken from.
FACTORS: dict[str, tuple[str, float, bool, str]] = {
    "steps": ("count", 10_000, False, "steps"),
    "active_hours": ("hour", 10, False, "active_hours"),
    "active_calories": ("kcal", 500, False, "active_energy_burned"),
    "intense_activity_duration": ("minute", 30, False, "activity_high_intensity_duration"),
    "extended_inactivity": ("minute", 480, True, "activity_sedentary_duration"),
    "floors_climbed": ("count", 10, False, "floors_climbed"),
    "sleep_duration": ("minute", 480, False, "sleep_duration"),
    "sleep_regularity": ("index", 1, False, "sleep_regularity"),
    "sleep_continuity": ("minute", 10, True, "sleep_awake_duration"),
    "sleep_debt": ("hour", 1, True, "sleep_debt"),
    "physical_recovery": ("minute", 90, False, "sleep_deep_duration"),
    "mental_recovery": ("minute", 120, False, "sleep_rem_duration"),
    "resting_heart_rate": ("bpm", 58, True, "heart_rate_resting"),
    "heart_rate_variability": ("ms", 55, False, "heart_rate_variability"),
}
PARTS = {
    "activity": ("steps", "active_hours", "active_calories", "intense_activity_duration", "extended_inactivity", "floors_climbed"),
    "sleep": ("sleep_duration", "sleep_regularity", "sleep_continuity", "sleep_debt", "physical_recovery", "mental_recovery"),
    "readiness": ("sleep_duration", "sleep_debt", "physical_recovery", "mental_recovery", "resting_heart_rate", "heart_rate_variability"),
    "wellbeing": ("steps", "active_hours", "sleep_duration", "sleep_regularity", "sleep_debt"),
    "mental_wellbeing": ("steps", "active_hours", "extended_inactivity", "sleep_regularity"),
}
NEEDS_SLEEP = ("sleep", "readiness")


def scores(profile: Profile, day: Day, options: Options) -> list[dict[str, Any]]:
    """The scores of a day; those of sleep once the night is there."""
    if profile.is_empty:
        return []
    values = {mark.type: mark.value for mark in marks(profile, day, options) if not isinstance(mark.value, str)}
    values["heart_rate_variability"] = values.get("heart_rate_variability_rmssd", values.get("heart_rate_variability_sdnn", 0))
    return [_score(profile, day, kind, values, options) for kind in TYPES if day.sleep or kind not in NEEDS_SLEEP]


def _score(profile: Profile, day: Day, kind: str, values: dict[str, Any], options: Options) -> dict[str, Any]:
    factors = [_factor(profile, day, kind, name, values) for name in PARTS[kind]]
    known = [factor["score"] for factor in factors if factor["score"] is not None]
    number = round(mean(known), 2) if known else None
    created_ms = max(day.sleep.updated_ms if day.sleep else 0, min(day.now_ms, day.timeline.person.home.midnight_ms(day.day + 1)))
    return {
        "id": made_id(profile.id, "score", kind, calendar(day.day)),
        "type": kind,
        "state": state_of(number),
        "score": number,
        "factors": factors,
        "dataSources": ["sleep"] if kind == "sleep" else ["sleep", "activity"] if day.sleep else ["activity"],
        "scoreDateTime": stamp(day.timeline, day.day),
        "createdAt" if options.sahha_style == "2024" else "createdAtUtc": iso(created_ms)[:19] + "+00:00",
        "version": 1,
    }


def _factor(profile: Profile, day: Day, kind: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    unit, goal, is_less_better, source = FACTORS[name]
    value = values.get(source) or None if name == "heart_rate_variability" else values.get(source)
    number = None if value is None else _share(float(value), goal, is_less_better=is_less_better)
    return {
        "id": made_id(profile.id, "factor", kind, name, calendar(day.day)),
        "name": name,
        "value": value,
        "goal": goal,
        "score": number,
        "state": state_of(number),
        "unit": unit,
    }


def _share(value: float, goal: float, *, is_less_better: bool) -> float:
    share = goal / max(value, goal) if is_less_better else min(value / goal, 1.0)
    # As precise as a 32-bit float, as on the wire.
    return struct.unpack("f", struct.pack("f", round(share, 2)))[0]


def state_of(number: float | None) -> str | None:
    """The label that goes with a score."""
    return None if number is None else next(state for floor, state in STATES if number >= floor)


LEVELS = {
    "activity_level": ("sedentary", "lightly_active", "moderately_active", "highly_active"),
    "sleep_duration": ("very_short_sleeper", "short_sleeper", "average_sleeper", "long_sleeper"),
    "sleep_quality": ("poor_sleep_quality", "fair_sleep_quality", "good_sleep_quality", "optimal_sleep_quality"),
    "overall_wellness": ("poor_wellness", "fair_wellness", "good_wellness", "optimal_wellness"),
}
MEASURES = {"activity_level": ("steps", 3500.0), "sleep_duration": ("sleep_duration", 135.0)}


def archetype(profile: Profile, week: list[Day], name: str, periodicity: str, options: Options) -> dict[str, Any] | None:
    """What kind of person a stretch of days makes of a profile. Both ends are stamped midnight; the last day belongs to it."""
    found = [_measure(profile, day, name, options) for day in week]
    known = [value for value in found if value is not None]
    if not known:
        return None
    ordinality = min(int(mean(known)), 3)
    return {
        "id": made_id(profile.id, "archetype", name, periodicity, calendar(week[0].day)),
        "name": name,
        "value": LEVELS[name][ordinality],
        "dataType": "ordinal",
        "ordinality": ordinality,
        "periodicity": periodicity,
        "startDateTime": stamp(week[0].timeline, week[0].day),
        "endDateTime": stamp(week[0].timeline, week[-1].day),
        "version": 1,
    }


def _measure(profile: Profile, day: Day, name: str, options: Options) -> float | None:
    if name in MEASURES:
        kind, step = MEASURES[name]
        values = [float(mark.value) for mark in marks(profile, day, options) if mark.type == kind]
        return values[0] / step if values else None
    kind = "sleep" if name == "sleep_quality" else "wellbeing"
    numbers = [each["score"] for each in scores(profile, day, options) if each["type"] == kind and each["score"] is not None]
    return numbers[0] * 4 if numbers else None


def trend(profile: Profile, weeks: list[list[Day]], name: str, options: Options) -> dict[str, Any] | None:
    """How a score went over four weeks."""
    values = [_mean_score(profile, week, name, options) for week in weeks]
    if None in values:
        return None
    known = [value for value in values if value is not None]
    change = known[-1] - known[0]
    points = []
    for nth, (week, value) in enumerate(zip(weeks, known, strict=True)):
        before = known[nth - 1] if nth else None
        window = {"startDateTime": stamp(week[0].timeline, week[0].day), "endDateTime": stamp(week[0].timeline, week[-1].day + 1, less_s=1)}
        points.append({"value": value, **window, "percentChangeFromPrevious": round(value / before - 1, 4) if before else None})
    return {
        "id": made_id(profile.id, "trend", name, calendar(weeks[0][0].day)),
        "type": "trend",
        "category": "score",
        "name": name,
        "state": "stable" if abs(change) < 0.03 else "increasing" if change > 0 else "decreasing",
        "isHigherBetter": True,
        "unit": "index",
        "periodicity": "weekly",
        "trendStartDateTime": points[0]["startDateTime"],
        "trendEndDateTime": points[-1]["endDateTime"],
        "data": points,
    }


def _mean_score(profile: Profile, week: list[Day], name: str, options: Options) -> float | None:
    numbers = [each["score"] for day in week for each in scores(profile, day, options) if each["type"] == name]
    known = [number for number in numbers if number is not None]
    return round(mean(known), 2) if known else None


def comparison(profile: Profile, day: Day, baseline: list[Day], options: Options) -> dict[str, Any] | None:
    """Sleep against everybody's and the profile's own last weeks."""
    asleep = [float(mark.value) for mark in marks(profile, day, options) if mark.type == "sleep_duration"]
    usual = [mark for each in baseline for mark in marks(profile, each, options) if mark.type == "sleep_duration"]
    if not asleep or not usual:
        return None
    own = round(mean(float(mark.value) for mark in usual), 1)
    points = [_point("global", asleep[0], 420.0, 55), _point("baseline", asleep[0], own, None)]
    return {
        "id": made_id(profile.id, "comparison", "sleep_duration", calendar(day.day)),
        "type": "comparison",
        "category": "biomarker",
        "name": "sleep_duration",
        "value": asleep[0],
        "unit": "minute",
        "isHigherBetter": True,
        "periodicity": "daily",
        "startDateTime": stamp(day.timeline, day.day),
        "endDateTime": stamp(day.timeline, day.day + 1, less_s=1),
        "data": points,
    }


def _point(kind: str, value: float, other: float, percentile: int | None) -> dict[str, Any]:
    share = value / other - 1
    state = "average" if abs(share) < 0.05 else "high" if share > 0 else "low"
    point = {"type": kind, "value": other, "difference": round(value - other, 1), "percentageDifference": round(share, 4), "state": state}
    return point | ({"percentile": percentile} if percentile is not None else {})
