"""What of Sahha's part of a day has a common name (reference/sahha-api.md 7). Its days are calendar days, its scores its own.

HRV by SDNN shares neither name nor idea with HRV by RMSSD: no factor leads from one to the other.
"""

from collections.abc import Mapping
from typing import Any

from wearbase.domain.quantities import Quantity, in_section
from wearbase.providers.sahha.mapping import still_running

_SAME = (
    Quantity("hrv_rmssd_ms", "ms", "vitals.hrv_rmssd_ms", "hrv_rmssd_ms"),
    Quantity(
        "sleep_spo2_percent", "percent", "vitals.oxygen_saturation_sleep_percent", "oxygen_saturation_sleep_percent",
        idea="oxygen saturation",
    ),
    Quantity("sleep_respiratory_rate_per_min", "per_min", "vitals.respiratory_rate_sleep_per_min", "respiratory_rate_sleep_per_min"),
    Quantity("sleep_start_at", "instant", "sleep.sleep_start_at"),
    Quantity("sleep_end_at", "instant", "sleep.sleep_end_at"),
    Quantity("in_bed_s", "s", "sleep.sleep_in_bed_duration_s", "sleep_in_bed_duration_s"),
    Quantity("asleep_s", "s", "sleep.sleep_duration_s", "sleep_duration_s"),
    Quantity("light_s", "s", "sleep.sleep_light_duration_s", "sleep_light_duration_s"),
    Quantity("slow_wave_s", "s", "sleep.sleep_deep_duration_s", "sleep_deep_duration_s"),
    Quantity("rem_s", "s", "sleep.sleep_rem_duration_s", "sleep_rem_duration_s"),
)  # fmt: skip
_NEAR = (  # as named here, unit, section, what it is about
    ("heart_rate_resting_bpm", "bpm", "vitals", "resting heart rate"),
    ("oxygen_saturation_percent", "percent", "vitals", "oxygen saturation"),  # of the whole day
    ("skin_temperature_sleep_c", "c", "vitals", "skin temperature"),
    ("sleep_awake_duration_s", "s", "sleep", "awake at night"),
    ("sleep_interruptions_count", "count", "sleep", "sleep interruptions"),
    ("sleep_regularity_weekly_percent", "percent", "sleep", "sleep regularity"),
    ("sleep_regularity_weekly_index", "index", "sleep", "sleep regularity"),
    ("sleep_debt_weekly_s", "s", "sleep", "sleep debt"),
    ("total_energy_burned_kcal", "kcal", "activity", "energy of the day"),
    ("steps_count", "count", "activity", "steps"),
)
_EFFICIENCY = Quantity(  # another fraction than the one that a wearable of its own calls so
    "sleep_duration_efficiency_percent", "percent", "sleep.sleep_efficiency_percent", "sleep_efficiency_percent", idea="sleep efficiency"
)
_ALONE = (
    *in_section("sleep", [("sleep_latency_s", "s")]),
    *in_section(
        "activity",
        [
            ("floors_climbed_count", "count"), ("active_hours_s", "s"), ("active_duration_s", "s"), ("active_energy_burned_kcal", "kcal"),
            ("activity_low_intensity_duration_s", "s"), ("activity_medium_intensity_duration_s", "s"),
            ("activity_high_intensity_duration_s", "s"), ("activity_sedentary_duration_s", "s"), ("exercise_duration_s", "s"),
        ],
    ),
    *in_section(
        "vitals",
        [
            ("hrv_sdnn_ms", "ms"), ("heart_rate_sleep_bpm", "bpm"), ("respiratory_rate_per_min", "per_min"),
            ("vo2_max_ml_per_kg_min", "ml_per_kg_min"), ("blood_glucose_mg_per_dl", "mg_per_dl"),
            ("blood_pressure_systolic_mmhg", "mmhg"), ("blood_pressure_diastolic_mmhg", "mmhg"), ("body_temperature_basal_c", "c"),
        ],
    ),
    *in_section(
        "body",
        [
            ("height_m", "m"), ("waist_circumference_m", "m"), ("weight_kg", "kg"), ("fat_mass_kg", "kg"), ("lean_mass_kg", "kg"),
            ("body_mass_index_kg_per_m2", "kg_per_m2"), ("body_fat_percent", "percent"), ("resting_energy_burned_kcal", "kcal"),
        ],
    ),
)  # fmt: skip
_SCORES = {"readiness": "readiness", "sleep": "sleep score", "activity": None, "wellbeing": None, "mental_wellbeing": None}

QUANTITIES = (
    *_SAME,
    *(Quantity(name, unit, f"{section}.{name}", name, idea=idea) for name, unit, section, idea in _NEAR),
    _EFFICIENCY,
    *_ALONE,
    *(Quantity(f"sahha_{k}_score", "of_100", f"scores.{k}.score", f"sahha_{k}_score", idea=idea) for k, idea in _SCORES.items()),
)
_NAMES = {
    f"sahha_{q.place.split('.')[1]}_score" if q.place.startswith("scores.") else q.place.rpartition(".")[2]: q.name for q in QUANTITIES
}


def running(part: Mapping[str, Any]) -> frozenset[str]:
    """What is not final, by the rule of the trends."""
    return frozenset(_NAMES[name] for name in still_running(part) if name in _NAMES)
