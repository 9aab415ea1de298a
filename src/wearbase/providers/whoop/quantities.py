"""What of WHOOP's part of a day has a common name. Scores and what runs from sleep to sleep are WHOOP's alone, and at most near."""

from collections.abc import Mapping
from typing import Any

from wearbase.domain.quantities import Quantity

QUANTITIES = (
    Quantity("recovery_score_percent", "percent", "recovery.score", "recovery_score_percent", idea="readiness"),
    Quantity("hrv_rmssd_ms", "ms", "recovery.hrv_rmssd_ms", "hrv_rmssd_ms"),
    Quantity("resting_heart_rate_bpm", "bpm", "recovery.resting_heart_rate_bpm", "resting_heart_rate_bpm", idea="resting heart rate"),
    Quantity("sleep_spo2_percent", "percent", "recovery.spo2_percent", "spo2_percent", idea="oxygen saturation"),
    Quantity("skin_temperature_c", "c", "recovery.skin_temperature_c", "skin_temperature_c", idea="skin temperature"),
    Quantity("sleep_start_at", "instant", "sleep.start_at"),
    Quantity("sleep_end_at", "instant", "sleep.end_at"),
    Quantity("in_bed_s", "s", "sleep.in_bed_s", "in_bed_s"),
    Quantity("asleep_s", "s", "sleep.asleep_s", "asleep_s"),
    Quantity("light_s", "s", "sleep.light_s", "light_s"),
    Quantity("slow_wave_s", "s", "sleep.slow_wave_s", "slow_wave_s"),
    Quantity("rem_s", "s", "sleep.rem_s", "rem_s"),
    Quantity("awake_s", "s", "sleep.awake_s", "awake_s", idea="awake at night"),
    Quantity("disturbance_count", "count", "sleep.disturbance_count", "disturbance_count", idea="sleep interruptions"),
    Quantity("sleep_cycle_count", "count", "sleep.cycle_count", "sleep_cycle_count"),
    Quantity("sleep_respiratory_rate_per_min", "per_min", "sleep.respiratory_rate_per_min", "respiratory_rate_per_min"),
    Quantity("sleep_efficiency_percent", "percent", "sleep.efficiency_percent", "sleep_efficiency_percent", idea="sleep efficiency"),
    Quantity("sleep_consistency_percent", "percent", "sleep.consistency_percent", "sleep_consistency_percent", idea="sleep regularity"),
    Quantity("sleep_performance_percent", "percent", "sleep.performance_percent", "sleep_performance_percent", idea="sleep score"),
    Quantity("sleep_need_s", "s", "sleep.need_s.total", "sleep_need_s"),
    Quantity("sleep_need_from_debt_s", "s", "sleep.need_s.debt", idea="sleep debt"),
    Quantity("strain", "strain", "cycle.strain", "strain"),
    Quantity("cycle_energy_kcal", "kcal", "cycle.energy_kcal", "energy_kcal", idea="energy of the day"),
    Quantity("cycle_steps_count", "count", "cycle.steps", "steps", idea="steps"),
    Quantity("cycle_average_heart_rate_bpm", "bpm", "cycle.average_heart_rate_bpm", "average_heart_rate_bpm"),
    Quantity("cycle_max_heart_rate_bpm", "bpm", "cycle.max_heart_rate_bpm", "max_heart_rate_bpm"),
)
_OF_CYCLE = frozenset(q.name for q in QUANTITIES if q.place.startswith("cycle."))


def running(part: Mapping[str, Any]) -> frozenset[str]:
    """Everything of a cycle, while it is open."""
    return _OF_CYCLE if (part.get("cycle") or {}).get("is_open") else frozenset()
