"""Trends of the invented member: 366 days of any metric, with gaps, against a usual range worked out as the server does."""

from datetime import date, timedelta
from typing import Any

from tests.e2e.app.canned import RECOVERY, SERIES, TODAY, USER
from wearbase.domain.baselines import LENGTHS, baseline

MIDDLE: dict[str, tuple[float, float, str]] = {  # middle, how far it swings, unit
    "hrv_rmssd_ms": (62, 9, "ms"), "recovery_score_percent": (60, 17, "percent"), "asleep_s": (25800, 2900, "s"),
    "resting_heart_rate_bpm": (52, 1.8, "bpm"), "sleep_respiratory_rate_per_min": (14.4, 0.3, "per_min"), "strain": (11.5, 4.1, "strain"),
    "cycle_energy_kcal": (2250, 320, "kcal"), "cycle_steps_count": (8200, 2900, "count"), "sleep_performance_percent": (83, 11, "percent"),
    "sleep_spo2_percent": (96.2, 0.7, "percent"), "skin_temperature_c": (33.7, 0.3, "c"), "sleep_need_s": (28900, 700, "s"),
}  # fmt: skip
RUNNING = {"strain", "cycle_energy_kcal", "cycle_steps_count"}
GAPS = {(date(2026, 11, 11), date(2026, 11, 12)), (date(2026, 10, 4), date(2026, 10, 4)), (date(2026, 5, 2), date(2026, 5, 20))}
Json = dict[str, Any]


def value_of(metric: str, day: date) -> float | None:
    if day > TODAY or any(first <= day <= last for first, last in GAPS) or (day == TODAY and metric in RUNNING):
        return None
    back = (TODAY - day).days
    if metric == "recovery_score_percent" and back < len(RECOVERY):
        return RECOVERY[-1 - back]
    if metric in SERIES and back < 14:
        return SERIES[metric][13 - back]
    middle, swing, _ = MIDDLE.get(metric, (50, 10, "count"))
    wobble = ((back * 37 + len(metric) * 11) % 17 - 8) / 8 + (0.35 if day.weekday() == 5 else -0.5 if day.weekday() == 2 else 0)
    return round(middle + swing * wobble, 2)


def trend(metric: str, start: date, end: date, **changes: Any) -> Json:
    """The answer to one trend."""
    values = {d: v for n in range((end - start).days + 91) if (v := value_of(metric, d := end - timedelta(days=n))) is not None}
    series = []
    for n in range((end - start).days + 1):
        day = start + timedelta(days=n)
        usual, value = baseline(values, day), values.get(day)
        position = None if value is None else usual.position(value)
        series.append({"day": day.isoformat(), "value": value, "source": None if value is None else "whoop", "usual_low": usual.low,
                       "usual_high": usual.high, "position": position})  # fmt: skip
    shown = [baseline(values, end, length) for length in LENGTHS]
    return {
        "user_id": USER, "metric": metric, "unit": MIDDLE.get(metric, (0, 0, "count"))[2], "start": start.isoformat(),
        "end": end.isoformat(), "series": series, "source_changes": [],
        "baselines": [{"days": b.days, "count": b.count, "median": b.median, "low": b.low, "high": b.high} for b in shown],
        "position": None,
    } | changes  # fmt: skip


def answers(path: str, query: dict[str, str], method: str) -> Json | None:
    """For the stand-in: the trends of today."""
    if "/trends/" not in path:
        return None
    return trend(query["metric"], date.fromisoformat(query["start"]), date.fromisoformat(query["end"]))
