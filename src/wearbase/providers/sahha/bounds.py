"""Values that nobody living can have. What is outside is kept as it was sent and has no value of ours: it is not put right.

Only bounds that nobody could doubt: beyond every record that was ever taken, not beyond what is usual. Where a quantity may be told as a
difference or a balance (skin temperature, sleep debt) there are none.
"""

from typing import NamedTuple


class Bound(NamedTuple):
    """From, to, and why. `is_of_day`: the upper end is of what adds up in a day; a week or a month may have more."""

    low: float
    high: float
    reason: str
    is_of_day: bool = False


_NO_LONGER_THAN_A_DAY = Bound(
    0, 25 * 3600, "no less than nothing, no more than a day with the hour that a change of clocks adds", is_of_day=True
)
_PULSE = Bound(20, 300, "the slowest on record is above 25, no heart's chambers follow faster; 0 is a missing value, 420 was a week's sum")
_VARIABILITY = Bound(0, 2_000, "neighbouring beats of a living heart are not two seconds apart from one another on average")
_BREATHS = Bound(1, 120, "0 is a missing value; nobody breathes twice a second for long")
_OXYGEN = Bound(10, 100, "climbers without oxygen on the highest summit had 34; below 10 is a missing value or another scale")
_ENERGY = Bound(0, 50_000, "several times what anybody was measured to burn in a day", is_of_day=True)
_MASS = Bound(0.5, 700, "the heaviest human on record had 635")

BOUNDS: dict[str, Bound] = {
    **dict.fromkeys(("heart_rate_resting_bpm", "heart_rate_sleep_bpm"), _PULSE),
    **dict.fromkeys(("hrv_rmssd_ms", "hrv_sdnn_ms"), _VARIABILITY),
    **dict.fromkeys(("respiratory_rate_per_min", "respiratory_rate_sleep_per_min"), _BREATHS),
    **dict.fromkeys(("oxygen_saturation_percent", "oxygen_saturation_sleep_percent"), _OXYGEN),
    **dict.fromkeys(
        (
            "active_hours_s", "active_duration_s", "activity_low_intensity_duration_s", "activity_medium_intensity_duration_s",
            "activity_high_intensity_duration_s", "activity_sedentary_duration_s", "exercise_duration_s", "sleep_duration_s",
            "sleep_in_bed_duration_s", "sleep_awake_duration_s", "sleep_light_duration_s", "sleep_rem_duration_s",
            "sleep_deep_duration_s", "sleep_latency_s",
        ),
        _NO_LONGER_THAN_A_DAY,
    ),
    **dict.fromkeys(("active_energy_burned_kcal", "total_energy_burned_kcal", "resting_energy_burned_kcal"), _ENERGY),
    **dict.fromkeys(("weight_kg", "fat_mass_kg", "lean_mass_kg"), _MASS),
    "steps_count": Bound(0, 1_000_000, "more than eleven in every second of a day", is_of_day=True),
    "floors_climbed_count": Bound(0, 100_000, "more than one in every second of a day", is_of_day=True),
    "sleep_interruptions_count": Bound(0, 10_000, "one every few seconds of a night", is_of_day=True),
    "body_temperature_basal_c": Bound(10, 50, "the coldest who lived had 12, the hottest 46.5"),
    "height_m": Bound(0.3, 3, "the smallest grown human on record had 0.55, the tallest 2.72"),
    "waist_circumference_m": Bound(0.1, 5, "the widest on record had 3.02"),
    "body_mass_index_kg_per_m2": Bound(3, 400, "the highest on record is about 250"),
    "vo2_max_ml_per_kg_min": Bound(1, 150, "the highest on record is below 100; 0 is a missing value"),
    "blood_glucose_mg_per_dl": Bound(1, 5_000, "the highest that anybody lived through is 2,656; 0 is a missing value"),
    "blood_pressure_systolic_mmhg": Bound(10, 600, "the highest on record, under load, is 480"),
    "blood_pressure_diastolic_mmhg": Bound(1, 500, "the highest on record, under load, is 350"),
}  # fmt: skip


def is_possible(name: str, value: float, *, stretch: str) -> bool:
    """Whether anybody can have this value. `name` is that of the day's quantity, whatever stretch the value covers."""
    bound = BOUNDS.get(name)
    if bound is None:
        return True
    return bound.low <= value and (value <= bound.high or (bound.is_of_day and stretch != "day"))
