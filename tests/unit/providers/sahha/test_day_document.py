"""A day's records as Sahha's part of its document, and what of it enters the trends."""

import json

import pytest

from wearbase.providers.sahha.mapping import METRICS, assemble_day, day_metrics, map_archetype, map_biomarker, map_score
from wearbase.providers.sahha.quantities import QUANTITIES, running


@pytest.fixture
def day(stored, biomarker):
    """The document of a day that holds those biomarkers, and those scores."""

    def made(*biomarkers, scores=()):
        records = [map_biomarker(biomarker(**changed)) for changed in biomarkers] + [map_score(raw) for raw in scores]
        return assemble_day([stored(record) for record in records])

    return made


STEPS = {"category": "activity", "type": "steps", "value": "8421", "unit": "count"}
DEBT = {"type": "sleep_debt", "value": "0.5", "unit": "hour", "periodicity": "weekly"}


def test_the_examples_day_is_the_document(examples, document, stored):
    records = [map_score(raw) for raw in examples["scores"]] + [map_biomarker(raw) for raw in examples["biomarkers"]]
    made = assemble_day([stored(r) for r in records if str(r.given_day) == document["date"]])
    assert json.dumps(made) == json.dumps({name: value for name, value in document.items() if name not in ("user_id", "date")})


def test_the_documents_numbers_are_the_examples_ones(document):
    """Worked out by hand from what was sent."""
    assert document["sleep"]["sleep_duration_s"] == 437 * 60
    assert document["sleep"]["sleep_in_bed_duration_s"] == 468 * 60
    assert document["sleep"]["sleep_efficiency_percent"] == 93.4
    assert document["sleep"]["sleep_debt_weekly_s"] == 2926.8
    assert document["sleep"]["sleep_start_at"] == "2026-11-17T09:48:00.000Z"
    assert document["vitals"]["oxygen_saturation_sleep_percent"] == 96.4
    assert document["vitals"]["hrv_rmssd_ms"] == 64.2
    assert document["activity"]["total_energy_burned_kcal"] == 2487
    assert {name: score["score"] for name, score in document["scores"].items()} == {
        "activity": 89, "mental_wellbeing": 84, "readiness": 86, "sleep": 91, "wellbeing": 90,
    }  # fmt: skip


def test_the_same_night_in_whoops_units_is_the_same_quantity(document, examples):
    same = examples["whoopConversionVector"]["sameQuantityInSahhaUnits"]
    night = {**document["sleep"], **document["vitals"]}
    for stage in ("light", "deep", "rem", "awake", "in_bed"):
        assert night[f"sleep_{stage}_duration_s"] == same[f"sleep_{stage}_duration_min"] * 60
    assert night["sleep_efficiency_percent"] == pytest.approx(same["sleep_efficiency_fraction"] * 100)
    assert night["oxygen_saturation_sleep_percent"] == pytest.approx(same["oxygen_saturation_sleep_fraction"] * 100)
    assert night["hrv_rmssd_ms"] == same["heart_rate_variability_rmssd_ms"]


def test_a_value_without_a_unit_of_ours_is_shown_as_sent_and_enters_no_trend(day):
    document = day({**STEPS, "unit": "furlong"})
    assert document["activity"] is None
    [kept] = document["other"]
    assert (kept["type"], kept["value_as_sent"], kept["unit_as_sent"]) == ("steps", "8421", "furlong")
    assert day_metrics(document) == {}


def test_a_percentage_beyond_hundred_is_shown_as_sent(day):
    document = day({"category": "vitals", "type": "oxygen_saturation", "value": "964", "unit": "percentage"})
    assert (document["vitals"], document["other"][0]["value_as_sent"]) == (None, "964")


def test_a_category_of_tomorrow_is_shown_beside_the_sections(day):
    document = day({"category": "mood", "type": "calm", "value": "3", "unit": "count"})
    assert [(v["category"], v["name"], v["value"]) for v in document["other"]] == [("mood", "calm_count", 3)]
    assert day_metrics(document) == {}


def test_a_type_of_tomorrow_is_shown_and_enters_no_trend(day):
    document = day({**STEPS, "type": "somersaults"})
    assert document["activity"]["somersaults_count"] == 8421
    assert day_metrics(document) == {}


def test_null_is_shown_as_null(day):
    document = day({**STEPS, "value": None})
    assert document["activity"] == {"utc_offset_min": 780, "steps_count": None}
    assert document["other"] == []
    assert day_metrics(document) == {}


def test_running_values_are_shown_named_and_out_of_the_trends(day):
    document = day({**STEPS, "periodicity": "intraday"}, {})
    assert document["activity"]["steps_count"] == 8421
    assert document["intraday"] == ["steps_count"]
    assert day_metrics(document) == {"sleep_duration_s": 26_220.0}


def test_a_week_that_ends_with_a_running_day_runs_too(day):
    assert day_metrics(day({"periodicity": "intraday"}, DEBT)) == {}
    assert day_metrics(day({}, DEBT)) == {"sleep_duration_s": 26_220.0, "sleep_debt_weekly_s": 1800.0}


def test_scores_enter_the_trends_once_what_they_are_made_of_runs_no_more(day, examples):
    scores = examples["scores"]
    activity = {"sahha_activity_score", "sahha_wellbeing_score", "sahha_mental_wellbeing_score"}
    night = {"sahha_sleep_score", "sahha_readiness_score"}

    def found(*biomarkers):
        return {name for name in day_metrics(day(*biomarkers, scores=scores)) if name.endswith("_score")}

    running = {**STEPS, "periodicity": "intraday"}
    assert found(STEPS, {}) == activity | night
    assert found(running, {}) == night
    assert found(running, {"periodicity": "intraday"}) == set()
    assert found(running, {**STEPS, "type": "floors_climbed"}) == activity | night  # one value that was never closed
    assert found() == activity | night


@pytest.mark.parametrize(
    "biomarkers",
    [
        [{**STEPS, "periodicity": "intraday"}, {}, DEBT],
        [STEPS, {"periodicity": "intraday"}, DEBT],
        [{**STEPS, "periodicity": "intraday"}, {**STEPS, "type": "floors_climbed"}, {}],
        [STEPS, {}, DEBT],
        [],
    ],
)
def test_what_runs_for_the_trends_runs_in_the_combined_day(day, examples, biomarkers):
    part = day(*biomarkers, scores=examples["scores"])
    there = {q.metric: q.name for q in QUANTITIES if q.metric and q.value(part) is not None}
    assert {name for metric, name in there.items() if metric not in day_metrics(part)} == running(part)


def test_the_score_and_the_week_of_a_running_night_run_in_the_combined_day(day, examples):
    part = day(STEPS, {"periodicity": "intraday"}, DEBT, scores=examples["scores"])
    assert running(part) == {"asleep_s", "sleep_debt_weekly_s", "sahha_sleep_score", "sahha_readiness_score"}


def test_no_score_takes_the_place_of_another(day, examples):
    metrics = day_metrics(day(scores=examples["scores"][:1]))
    assert metrics == {"sahha_sleep_score": 91.0}


def test_the_two_statistics_of_variability_never_share_a_series(day):
    both = [{"category": "vitals", "type": f"heart_rate_variability_{s}", "value": "64", "unit": "ms"} for s in ("sdnn", "rmssd")]
    assert day_metrics(day(*both[:1])) == {"hrv_sdnn_ms": 64.0}
    assert day_metrics(day(*both)) == {"hrv_sdnn_ms": 64.0, "hrv_rmssd_ms": 64.0}


def test_a_quantity_in_a_unit_of_another_kind_is_another_series(day):
    assert day_metrics(day({**STEPS, "unit": "minute"})) == {}


def test_every_metric_of_the_examples_is_known(document):
    assert {name for name in day_metrics(document) if not name.startswith("sahha_")} <= METRICS


def test_archetypes_are_listed_whole(stored, examples):
    records = [map_archetype(raw) for raw in examples["archetypes"]]
    made = assemble_day([stored(record) for record in records])
    assert [a["value"] for a in made["archetypes"]] == ["moderately_active", "consistent_early_sleeper"]
    assert made["sleep"] is None
