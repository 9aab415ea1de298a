"""Oura's numbers beside WHOOP's and Sahha's: what is the same has one value by the order, what is near has two."""

import json
from pathlib import Path

import pytest

from wearbase.domain.combining import Combining
from wearbase.providers.registry import PROVIDERS

FIXTURES = Path(__file__).parents[3] / "fixtures"
REAL = Combining.of(PROVIDERS.values())


@pytest.fixture
def combined():
    parts = {name: json.loads((FIXTURES / name / "day-document.json").read_text()) for name in PROVIDERS}
    return REAL.combine(parts, {})


def test_who_measures_comes_before_who_passes_on_and_whoop_before_oura():
    assert REAL.sources == ("whoop", "oura", "sahha")


@pytest.mark.parametrize("name", ["asleep_s", "light_s", "slow_wave_s", "rem_s", "in_bed_s", "sleep_start_at", "sleep_end_at"])
def test_the_same_quantity_is_taken_from_whoop_with_the_others_beside_it(combined, name):
    assert combined[name]["source"] == "whoop"
    assert [other["source"] for other in combined[name]["others"]] == ["oura", "sahha"]


def test_without_whoop_oura_is_believed_before_sahha(combined):
    parts = {name: json.loads((FIXTURES / name / "day-document.json").read_text()) for name in ("oura", "sahha")}
    found = REAL.combine(parts, {})
    assert (found["asleep_s"]["source"], found["asleep_s"]["value"]) == ("oura", 26130)


def test_both_hrvs_are_rmssd_in_ms(combined):
    assert [combined["hrv_rmssd_ms"]["source"], *(o["source"] for o in combined["hrv_rmssd_ms"]["others"])][:2] == ["whoop", "oura"]
    assert combined["hrv_rmssd_ms"]["others"][0]["value"] == 47


@pytest.mark.parametrize(
    ("mine", "whoops"),
    [
        ("oura_readiness_score", "recovery_score_percent"), ("oura_sleep_score", "sleep_performance_percent"),
        ("lowest_sleeping_heart_rate_bpm", "resting_heart_rate_bpm"), ("oura_temperature_deviation_c", "skin_temperature_c"),
        ("oura_sleep_efficiency_percent", "sleep_efficiency_percent"), ("oura_energy_kcal", "cycle_energy_kcal"),
        ("oura_steps_count", "cycle_steps_count"), ("oura_restless_period_count", "disturbance_count"),
    ],
)  # fmt: skip
def test_what_is_near_stands_side_by_side_and_is_never_merged(combined, mine, whoops):
    assert (combined[mine]["source"], combined[mine]["others"]) == ("oura", [])
    assert (combined[whoops]["source"], combined[whoops]["others"]) == ("whoop", [])
    assert whoops in combined[mine]["near"]
    assert mine in combined[whoops]["near"]


def test_a_wish_for_oura_is_heard():
    parts = {name: json.loads((FIXTURES / name / "day-document.json").read_text()) for name in PROVIDERS}
    assert REAL.combine(parts, {"asleep_s": ["oura"]})["asleep_s"]["source"] == "oura"
