"""What nobody living can have: bounds of known quantities, wide enough for everybody who lived."""

import pytest

from wearbase.providers.sahha.bounds import BOUNDS, is_possible
from wearbase.providers.sahha.mapping import METRICS, map_biomarker

LIVED = {  # the furthest that was recorded
    "heart_rate_resting_bpm": (26, 190), "respiratory_rate_per_min": (3, 70), "oxygen_saturation_percent": (34.4, 100),
    "body_temperature_basal_c": (11.8, 46.5), "height_m": (0.55, 2.72), "weight_kg": (2.1, 635), "body_mass_index_kg_per_m2": (7.5, 252),
    "vo2_max_ml_per_kg_min": (5, 97.5), "blood_glucose_mg_per_dl": (1, 2_656), "blood_pressure_systolic_mmhg": (20, 480),
    "blood_pressure_diastolic_mmhg": (5, 350), "steps_count": (0, 320_000), "total_energy_burned_kcal": (400, 20_000),
    "sleep_duration_s": (0, 86_400), "hrv_rmssd_ms": (0, 500),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_is_of_a_known_quantity_and_excludes_what_is_below_nothing(name: str) -> None:
    bound = BOUNDS[name]
    assert name in METRICS
    assert 0 <= bound.low < bound.high
    assert len(bound.reason) > 10
    assert is_possible(name, bound.low, stretch="day")
    assert is_possible(name, bound.high, stretch="day")
    for stretch in ("day", "weekly"):
        assert not is_possible(name, -1, stretch=stretch)
    assert not is_possible(name, bound.high + 1, stretch="day")
    assert is_possible(name, bound.high + 1, stretch="weekly") is bound.is_of_day


@pytest.mark.parametrize("name", LIVED)
def test_whoever_lived_is_possible(name: str) -> None:
    assert all(is_possible(name, value, stretch="day") for value in LIVED[name])


@pytest.mark.parametrize(("type_", "unit", "value"), [
    ("oxygen_saturation", "percentage", "1.01"), ("oxygen_saturation_sleep", "percentage", "0"), ("heart_rate_sleep", "bpm", "0"),
    ("heart_rate_resting", "bpm", "420"), ("sleep_duration", "hour", "-0.1"), ("active_duration", "minute", "1501"),
    ("heart_rate_variability_sdnn", "millisecond", "-1"), ("respiratory_rate", "breath/min", "0"),
])  # fmt: skip
def test_what_is_outside_keeps_its_name_and_what_was_sent(biomarker, type_: str, unit: str, value: str) -> None:
    values = map_biomarker(biomarker(type=type_, value=value, unit=unit, valueType="double")).values
    assert values["name"]
    assert (values["value"], values["value_as_sent"], values["scale"]) == (None, value, None)


def test_a_week_has_no_more_of_a_rate_than_a_day(biomarker) -> None:
    week = map_biomarker(biomarker(type="heart_rate_resting", value="420", unit="bpm", periodicity="weekly")).values
    assert (week["name"], week["value"]) == ("heart_rate_resting_weekly_bpm", None)
    asleep = map_biomarker(biomarker(type="sleep_duration", value="50", unit="hour", periodicity="weekly")).values
    assert asleep["value"] == 180_000


def test_what_has_no_bound_is_taken_as_it_is() -> None:
    assert is_possible("skin_temperature_sleep_c", -3.5, stretch="day")
    assert is_possible("sleep_debt_weekly_s", -3_600, stretch="weekly")
