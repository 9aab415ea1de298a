"""WHOOP's part of a day document, and what a day adds to the trends."""

import itertools
import json
from dataclasses import replace

import pytest

from wearbase.domain.records import ScoreState
from wearbase.providers.whoop.mapping import assemble_day, day_metrics, empty_day, map_cycle, map_recovery, map_sleep, map_workout

OFFSET = "+02:00"
NOT_WHOOPS = ("user_id", "date", "last_sync", "data_source", "sync")


def wire_cycle(number, start, end, strain=9.84, **changes):
    return map_cycle({
        "id": number, "user_id": 20000001, "updated_at": "2026-05-14T13:20:44.881Z", "start": start, "end": end, "timezone_offset": OFFSET,
        "score_state": "SCORED", "step_count": 6120,
        "score": {"strain": strain, "kilojoule": 7402.5, "average_heart_rate": 67, "max_heart_rate": 151}, **changes,
    })  # fmt: skip


def wire_recovery(number, sleep_id, score=66.0, **changes):
    return map_recovery({
        "cycle_id": number, "sleep_id": sleep_id, "user_id": 20000001, "updated_at": "2026-05-14T05:04:11.120Z", "score_state": "SCORED",
        "score": {"user_calibrating": False, "recovery_score": score, "resting_heart_rate": 52.0, "hrv_rmssd_milli": 58.31,
                  "spo2_percentage": 96.1, "skin_temp_celsius": 33.42}, **changes,
    })  # fmt: skip


def wire_sleep(sleep_id, number, start, end, *, nap=False, **changes):
    return map_sleep({
        "id": sleep_id, "cycle_id": number, "user_id": 20000001, "updated_at": "2026-05-14T05:03:58.004Z", "start": start, "end": end,
        "timezone_offset": OFFSET, "nap": nap, "score_state": "SCORED",
        "score": {
            "stage_summary": {
                "total_in_bed_time_milli": 29258000, "total_awake_time_milli": 1938000, "total_no_data_time_milli": 0,
                "total_light_sleep_time_milli": 13840000, "total_slow_wave_sleep_time_milli": 6180000,
                "total_rem_sleep_time_milli": 7300000, "sleep_cycle_count": 5, "disturbance_count": 9,
            },
            "sleep_needed": {"baseline_milli": 27395000, "need_from_sleep_debt_milli": 1505000,
                             "need_from_recent_strain_milli": 1100000, "need_from_recent_nap_milli": -300000},
            "respiratory_rate": 15.2, "sleep_performance_percentage": 88.0, "sleep_consistency_percentage": 71.0,
            "sleep_efficiency_percentage": 93.4,
        }, **changes,
    })  # fmt: skip


def wire_workout(workout_id, start, end):
    return map_workout({
        "id": workout_id, "user_id": 20000001, "updated_at": "2026-05-14T10:44:10.532Z", "start": start, "end": end,
        "timezone_offset": OFFSET,
        "sport_name": "running", "score_state": "SCORED",
        "score": {
            "strain": 8.12, "average_heart_rate": 138, "max_heart_rate": 165, "kilojoule": 1622.0, "percent_recorded": 1.0,
            "distance_meter": 6412.0, "altitude_gain_meter": 48.0, "altitude_change_meter": -1.2,
            "zone_durations": {"zone_zero_milli": 60000, "zone_one_milli": 300000, "zone_two_milli": 780000,
                               "zone_three_milli": 930000, "zone_four_milli": 300000, "zone_five_milli": 0},
        },
    })  # fmt: skip


NIGHT_ID, SECOND_ID, NAP_ID = (f"8f0c5e1e-6d1b-5a52-9c0a-0c5a4d0b1a1{i}" for i in (1, 2, 3))
RUN_ID = "41f3a0e2-0f5e-5a9d-8f15-2f5c3a1c7e77"
LEAD = 1530000101
CYCLE = wire_cycle(LEAD, "2026-05-13T20:51:02.000Z", None)
RECOVERY = wire_recovery(LEAD, NIGHT_ID)
NIGHT = wire_sleep(NIGHT_ID, LEAD, "2026-05-13T20:51:02.000Z", "2026-05-14T04:58:40.000Z")
RUN = wire_workout(RUN_ID, "2026-05-14T10:02:00.000Z", "2026-05-14T10:41:30.000Z")
CLOSED = wire_cycle(LEAD, "2026-05-13T20:51:02.000Z", "2026-05-14T19:00:00.000Z")
OTHER = wire_cycle(1530000102, "2026-05-14T05:30:00.000Z", "2026-05-14T20:00:00.000Z", strain=3.0)
OTHER_SLEEP = wire_sleep(SECOND_ID, 1530000102, "2026-05-14T05:30:00.000Z", "2026-05-14T09:00:00.000Z")


@pytest.fixture
def day(stored):
    return lambda *records: assemble_day([stored(r) for r in records])


def test_the_reference_document_to_the_last_value(day, document):
    made = day(CYCLE, RECOVERY, NIGHT, RUN)
    expected = {name: value for name, value in document.items() if name not in NOT_WHOOPS}
    assert made == {**expected, "other_sleeps": []}
    for part in ("recovery", "sleep", "cycle"):
        assert json.dumps(made[part]) == json.dumps(document[part])
    assert json.dumps(made["workouts"]) == json.dumps(document["workouts"])


def test_the_cycle_with_a_scored_recovery_leads(day):
    for records in itertools.permutations([CLOSED, OTHER, wire_recovery(1530000102, SECOND_ID), OTHER_SLEEP, NIGHT]):
        made = day(*records)
        assert made["cycle"]["id"] == 1530000102
        assert made["recovery"]["cycle_id"] == 1530000102
        assert made["sleep"]["id"] == SECOND_ID
        [other] = made["other_cycles"]
        assert (other["id"], other["recovery"], other["sleep"]["id"]) == (LEAD, None, NIGHT_ID)
        assert made["other_sleeps"] == []


@pytest.mark.parametrize("state", ["PENDING_SCORE", "UNSCORABLE"])
def test_an_unscored_recovery_does_not_make_a_cycle_lead(day, state):
    made = day(CLOSED, OTHER, wire_recovery(1530000102, SECOND_ID, score_state=state))
    assert made["cycle"]["id"] == LEAD
    assert made["other_cycles"][0]["recovery"]["score_state"] == state


def test_without_recoveries_the_longer_cycle_leads(day):
    assert day(CLOSED, OTHER)["cycle"]["id"] == day(OTHER, CLOSED)["cycle"]["id"] == LEAD


def test_with_two_scored_recoveries_the_longer_cycle_leads(day):
    made = day(OTHER, CLOSED, wire_recovery(1530000102, SECOND_ID), RECOVERY)
    assert made["cycle"]["id"] == LEAD
    assert made["other_cycles"][0]["recovery"]["cycle_id"] == 1530000102


def test_the_open_cycle_counts_as_the_longest(day):
    opened = wire_cycle(1530000102, "2026-05-14T15:00:00.000Z", None)
    assert day(CLOSED, opened)["cycle"]["id"] == 1530000102


def test_an_other_cycle_has_a_cycles_fields_and_its_recovery_and_sleep(day):
    made = day(CLOSED, OTHER)
    assert list(made["other_cycles"][0]) == [*made["cycle"], "recovery", "sleep"]


def test_a_night_in_two_parts_shows_the_part_its_recovery_names(day):
    short = wire_sleep(SECOND_ID, LEAD, "2026-05-14T05:30:00.000Z", "2026-05-14T06:30:00.000Z")
    assert day(CYCLE, NIGHT, short)["sleep"]["id"] == NIGHT_ID
    made = day(CYCLE, NIGHT, short, wire_recovery(LEAD, SECOND_ID))
    assert made["sleep"]["id"] == SECOND_ID
    assert [s["id"] for s in made["other_sleeps"]] == [NIGHT_ID]


def test_recovery_and_sleep_show_before_their_cycle_is_stored(day):
    made = day(RECOVERY, NIGHT)
    assert (made["recovery"], made["sleep"], made["cycle"]) == (RECOVERY.values, NIGHT.values, None)
    assert day(RECOVERY)["recovery"] == RECOVERY.values
    assert day(NIGHT)["sleep"] == NIGHT.values
    assert day(CYCLE)["cycle"] == CYCLE.values


def test_a_sleep_whose_cycle_is_not_stored_is_listed_beside_the_leading_one(day):
    made = day(CYCLE, NIGHT, RECOVERY, OTHER_SLEEP)
    assert made["sleep"]["id"] == NIGHT_ID
    assert [s["id"] for s in made["other_sleeps"]] == [SECOND_ID]


def test_naps_and_workouts_are_listed_by_start(day):
    naps = [
        wire_sleep(NAP_ID, LEAD, "2026-05-14T15:00:00.000Z", "2026-05-14T15:30:00.000Z", nap=True),
        wire_sleep(SECOND_ID, LEAD, "2026-05-14T12:00:00.000Z", "2026-05-14T12:30:00.000Z", nap=True),
    ]
    later = wire_workout("0" * 8 + RUN_ID[8:], "2026-05-14T17:00:00.000Z", "2026-05-14T17:41:30.000Z")
    made = day(later, *naps, RUN, CYCLE)
    assert [n["id"] for n in made["naps"]] == [SECOND_ID, NAP_ID]
    assert [w["id"] for w in made["workouts"]] == [RUN_ID, later.external_id]
    assert (made["sleep"], made["other_sleeps"]) == (None, [])


def test_a_recovery_of_another_group_is_shown_with_its_cycle_only(day):
    made = day(CLOSED, RECOVERY, NIGHT, OTHER, OTHER_SLEEP)
    assert made["other_cycles"] == [{**OTHER.values, "recovery": None, "sleep": OTHER_SLEEP.values}]


def test_metrics_of_a_closed_day(day):
    assert day_metrics(day(CLOSED, RECOVERY, NIGHT, RUN)) == {
        "recovery_score_percent": 66.0,
        "hrv_rmssd_ms": 58.31,
        "resting_heart_rate_bpm": 52.0,
        "spo2_percent": 96.1,
        "skin_temperature_c": 33.42,
        "sleep_performance_percent": 88.0,
        "sleep_efficiency_percent": 93.4,
        "sleep_consistency_percent": 71.0,
        "sleep_cycle_count": 5.0,
        "sleep_need_s": 29700.0,
        "respiratory_rate_per_min": 15.2,
        "in_bed_s": 29258.0,
        "asleep_s": 27320.0,
        "light_s": 13840.0,
        "slow_wave_s": 6180.0,
        "rem_s": 7300.0,
        "awake_s": 1938.0,
        "disturbance_count": 9.0,
        "strain": 9.84,
        "energy_kj": 7402.5,
        "energy_kcal": 1769.2,
        "average_heart_rate_bpm": 67.0,
        "max_heart_rate_bpm": 151.0,
        "steps": 6120.0,
    }


def test_running_values_never_enter_the_trends(day):
    closed, running = (day_metrics(day(cycle, RECOVERY, NIGHT)) for cycle in (CLOSED, CYCLE))
    assert closed.keys() - running.keys() == {"strain", "energy_kj", "energy_kcal", "average_heart_rate_bpm", "max_heart_rate_bpm", "steps"}
    assert running.items() <= closed.items()


def test_a_calibrating_recovery_adds_its_measurements_but_not_its_score(day, examples):
    recovery = map_recovery(examples["recoveries"]["calibrating"]["payload"])
    metrics = day_metrics(day(recovery))
    assert "recovery_score_percent" not in metrics
    assert metrics["hrv_rmssd_ms"] == 71.431
    assert day(recovery)["recovery"]["score"] == 58.0


@pytest.mark.parametrize("state", ["PENDING_SCORE", "UNSCORABLE"])
def test_unscored_records_add_nothing(day, state):
    unscored = {"score_state": state, "score": None}
    records = (
        wire_cycle(LEAD, "2026-05-13T20:51:02.000Z", "2026-05-14T19:00:00.000Z", **unscored, step_count=None),
        wire_recovery(LEAD, NIGHT_ID, **unscored),
        wire_sleep(NIGHT_ID, LEAD, "2026-05-13T20:51:02.000Z", "2026-05-14T04:58:40.000Z", **unscored),
    )
    assert {r.score_state for r in records} == {ScoreState(state)}
    assert day_metrics(day(*records)) == {}


def test_a_zero_is_a_value(day):
    zero = wire_cycle(LEAD, "2026-05-13T20:51:02.000Z", "2026-05-14T19:00:00.000Z", strain=0.0, step_count=0)
    metrics = day_metrics(day(zero))
    assert (metrics["strain"], metrics["steps"]) == (0.0, 0.0)


def test_other_cycles_add_nothing_to_the_trends(day):
    assert day_metrics(day(CLOSED, OTHER))["strain"] == 9.84


def test_an_empty_day(day):
    assert day() == empty_day()


def test_a_record_without_times_is_no_obstacle(stored):
    made = assemble_day([replace(stored(CYCLE), start_at=None, end_at=None), replace(stored(NIGHT), start_at=None, end_at=None)])
    assert made["cycle"] == CYCLE.values
    assert [s["id"] for s in made["other_sleeps"]] == [NIGHT_ID]
