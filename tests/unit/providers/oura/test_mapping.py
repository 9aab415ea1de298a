"""Oura's documents as our records: its day, its numbers, and null where it says nothing."""

from datetime import UTC, date, datetime, timedelta

import pytest

from wearbase.domain.errors import UnexpectedPayload
from wearbase.domain.records import Dating
from wearbase.providers.oura.mapping import (
    QUANTITIES,
    assemble_day,
    day_metrics,
    empty_day,
    map_activity,
    map_oxygen,
    map_readiness,
    map_sleep,
    map_sleep_score,
    map_workout,
    running,
)


def test_a_night_keeps_ouras_numbers_under_names_that_end_with_their_unit(examples):
    record = map_sleep(examples["sleep"]["night"])
    assert record.values == {
        "id": "1c1e5d10-0003-4f00-8000-000000000001", "type": "long_sleep", "start_at": "2026-05-13T20:58:40.000Z",
        "end_at": "2026-05-14T04:52:10.000Z", "utc_offset_min": 120, "in_bed_s": 28410, "asleep_s": 26130, "light_s": 14100,
        "slow_wave_s": 5520, "rem_s": 6510, "awake_s": 2280, "latency_s": 540, "efficiency_percent": 92, "hrv_rmssd_ms": 47,
        "average_heart_rate_bpm": 54.5, "lowest_heart_rate_bpm": 48, "respiratory_rate_per_min": 14.25, "restless_period_count": 187,
    }  # fmt: skip
    assert (record.start_at, record.end_at) == (
        datetime(2026, 5, 13, 20, 58, 40, tzinfo=UTC),
        datetime(2026, 5, 14, 4, 52, 10, tzinfo=UTC),
    )


def test_the_parts_of_the_synthetic_night_add_up(examples):
    night = map_sleep(examples["sleep"]["night"]).values
    assert night["light_s"] + night["slow_wave_s"] + night["rem_s"] == night["asleep_s"]
    assert night["asleep_s"] + night["awake_s"] == night["in_bed_s"]


@pytest.mark.parametrize(
    ("read", "example"),
    [
        (map_readiness, "readiness/full"), (map_sleep_score, "sleep_score/full"), (map_sleep, "sleep/night"),
        (map_activity, "activity/full"), (map_workout, "workout/full"), (map_oxygen, "oxygen/full"),
    ],
)  # fmt: skip
def test_the_day_is_the_one_that_oura_names_and_the_copy_counts_as_of_its_read(examples, read, example):
    kind, name = example.split("/")
    record = read({**examples[kind][name], "day": "2026-05-20"})
    assert (record.dating, record.given_day, record.is_dated_by_read) == (Dating.GIVEN, date(2026, 5, 20), True)
    assert record.external_user_id is None
    assert not record.is_unsettled


def test_a_period_without_measurements_has_its_time_in_bed_and_nulls(examples):
    values = map_sleep(examples["sleep"]["bare"]).values
    assert values["in_bed_s"] == 28410
    assert {name for name, value in values.items() if value is not None} == {"id", "start_at", "end_at", "utc_offset_min", "in_bed_s"}


def test_a_score_of_null_stays_null_beside_what_was_measured(examples):
    record = map_readiness({**examples["readiness"]["full"], "score": None})
    assert record.values["score"] is None
    assert record.values["temperature_deviation_c"] == -0.12


def test_zero_is_a_value(examples):
    assert map_activity({**examples["activity"]["full"], "steps": 0}).values["steps"] == 0
    assert map_readiness({**examples["readiness"]["full"], "temperature_deviation": 0}).values["temperature_deviation_c"] == 0


def test_contributors_that_say_nothing_are_left_out(examples):
    names = [c["name"] for c in map_readiness(examples["readiness"]["full"]).values["contributors"]]
    assert "previous_day_activity" not in names
    assert names == sorted(names)
    assert map_sleep_score({**examples["sleep_score"]["full"], "contributors": None}).values["contributors"] == []


def test_whole_numbers_may_come_with_a_decimal_part_and_fractions_may_not(examples):
    assert map_sleep({**examples["sleep"]["night"], "time_in_bed": 28410.0}).values["in_bed_s"] == 28410
    with pytest.raises(UnexpectedPayload, match="time_in_bed"):
        map_sleep({**examples["sleep"]["night"], "time_in_bed": 28410.5})


@pytest.mark.parametrize(
    "time", ["2026-05-14T06:52:10", "2026-05-14T06:52:10+19:00", "06:52", 1778741500, None, "0001-01-01T00:00:00+00:00"]
)
def test_a_time_without_the_members_offset_is_not_guessed_at(examples, time):
    with pytest.raises(UnexpectedPayload, match="bedtime_end"):
        map_sleep({**examples["sleep"]["night"], "bedtime_end": time})


@pytest.mark.parametrize(("known", "is_open"), [(288, False), (276, False), (275, True), (1, True), (0, True)])
def test_a_days_movement_runs_until_the_whole_day_is_classified(examples, known, is_open):
    """A day has 23 hours where a clock goes forward."""
    assert map_activity({**examples["activity"]["full"], "class_5_min": "1" * known}).values["is_open"] is is_open


def test_where_oura_does_not_say_how_much_is_known_nothing_is_claimed(examples):
    assert map_activity(examples["activity"]["how_much_is_not_said"]).values["is_open"] is None


def test_the_members_own_words_for_a_workout_are_not_shown(examples):
    assert "evening" not in str(map_workout(examples["workout"]["entered"]).values)


def day_of(stored, *records):
    return assemble_day([stored(record) for record in records])


def test_the_day_is_the_document(examples, document, stored):
    made = day_of(
        stored, map_readiness(examples["readiness"]["full"]), map_sleep_score(examples["sleep_score"]["full"]),
        map_sleep(examples["sleep"]["night"]), map_sleep(examples["sleep"]["nap"]), map_activity(examples["activity"]["full"]),
        map_workout(examples["workout"]["full"]), map_oxygen(examples["oxygen"]["full"]),
    )  # fmt: skip
    assert {name: made[name] for name in document if name not in ("user_id", "date")} == {
        name: value for name, value in document.items() if name not in ("user_id", "date")
    }


def test_the_main_sleep_is_the_longest_of_the_long_ones(examples, stored):
    night = examples["sleep"]["night"]
    short = map_sleep({**night, "id": "z-short", "time_in_bed": 11_000})
    nap = map_sleep({**night, "id": "z-nap", "time_in_bed": 40_000, "type": "sleep"})
    made = day_of(stored, short, nap, map_sleep(night))
    assert made["sleep"]["id"] == night["id"]
    assert [s["id"] for s in made["naps"]] == ["z-nap"]
    assert [s["id"] for s in made["other_sleeps"]] == ["z-short"]


def test_a_day_with_naps_only_has_no_night(examples, stored):
    made = day_of(stored, map_sleep(examples["sleep"]["nap"]))
    assert made["sleep"] is None
    assert len(made["naps"]) == 1


@pytest.mark.parametrize("type_", ["rest", "deleted"])
def test_what_the_member_took_back_is_not_shown(examples, stored, type_):
    assert day_of(stored, map_sleep({**examples["sleep"]["night"], "type": type_})) == empty_day()


def test_a_type_of_tomorrow_is_shown_and_taken_for_no_night(examples, stored):
    made = day_of(stored, map_sleep(examples["sleep"]["type_of_tomorrow"]))
    assert made["sleep"] is None
    assert [s["type"] for s in made["other_sleeps"]] == ["daydream"]


def test_of_two_documents_for_one_day_the_one_read_last_is_shown(examples, stored):
    old = map_readiness(examples["readiness"]["full"])
    new = map_readiness({**examples["readiness"]["full"], "id": "0-newer", "score": 71})
    later = old.revision.at + timedelta(days=1)
    made = assemble_day([stored(new, revision_at=later), stored(old, revision_at=old.revision.at)])
    assert made["readiness"]["score"] == 71


def test_a_running_day_shows_its_movement_and_adds_none_of_it_to_the_trends(examples, stored):
    part = day_of(stored, map_activity(examples["activity"]["open"]), map_sleep(examples["sleep"]["night"]))
    assert part["activity"]["steps"] == 812
    assert "oura_steps_count" in running(part)
    metrics = day_metrics(part)
    assert "oura_steps_count" not in metrics
    assert metrics["hrv_rmssd_ms"] == 47.0
    assert running(empty_day()) == frozenset()


def test_no_score_of_ouras_has_the_name_of_anothers():
    assert all(q.name.startswith("oura_") for q in QUANTITIES if "score" in q.name)
