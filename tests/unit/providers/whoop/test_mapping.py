"""WHOOP's records as ours: names, units, groups, days."""

import copy
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.records import Dating, ScoreState
from wearbase.providers.whoop.mapping import map_cycle, map_recovery, map_sleep, map_workout

RUN = "run_with_gps"


def run(examples, **changes):
    raw = copy.deepcopy(examples["workouts"][RUN]["payload"])
    raw["score"].update(changes.pop("score", {}))
    return map_workout({**raw, **changes})


def test_recovery(examples):
    record = map_recovery(examples["recoveries"]["scored"]["payload"])
    assert (record.external_id, record.group_id) == ("1838200101", "1838200101")
    assert record.parent_id == "bb59b2a3-7e30-423d-880d-8fd9e7d05087"
    assert record.dating is Dating.FOLLOWS_GROUP
    assert record.revision.at == datetime(2026, 10, 30, 10, 55, 8, 22_000, UTC)
    assert record.values == {
        "cycle_id": 1838200101,
        "score": 64.0,
        "hrv_rmssd_ms": 61.204413,
        "resting_heart_rate_bpm": 54.0,
        "spo2_percent": 96.125,
        "skin_temperature_c": 33.81,
        "is_calibrating": False,
        "score_state": "SCORED",
        "revision": "2026-10-30T10:55:08.022Z",
    }


def test_sleep(examples):
    record = map_sleep(examples["sleeps"]["after_nap_credit"]["payload"])
    assert (record.external_id, record.group_id, record.parent_id) == ("00769900-0b91-411a-9efd-469b36be7ae5", "1838200104", None)
    assert record.dating is Dating.LEADS_GROUP
    assert (record.start_at, record.end_at) == (
        datetime(2026, 11, 2, 4, 12, 44, 733_000, UTC),
        datetime(2026, 11, 2, 11, 40, 3, 250_000, UTC),
    )
    assert record.utc_offset_min == -300
    assert record.values == {
        "id": "00769900-0b91-411a-9efd-469b36be7ae5",
        "start_at": "2026-11-02T04:12:44.733Z",
        "end_at": "2026-11-02T11:40:03.250Z",
        "utc_offset_min": -300,
        "performance_percent": 91.0,
        "efficiency_percent": 93.278317,
        "consistency_percent": 68.0,
        "respiratory_rate_per_min": 15.203125,
        "in_bed_s": 26839,
        "asleep_s": 25035,
        "light_s": 13322,
        "slow_wave_s": 5201,
        "rem_s": 6512,
        "awake_s": 1804,
        "no_data_s": 0,
        "cycle_count": 5,
        "disturbance_count": 10,
        "need_s": {"total": 28151, "baseline": 27900, "debt": 0, "strain": 1511, "nap": -1260},
        "score_state": "SCORED",
        "revision": "2026-11-02T11:43:18.640Z",
    }


def test_no_data_time_is_not_sleep(examples):
    values = map_sleep(examples["sleeps"]["across_dst_end"]["payload"]).values
    assert values["no_data_s"] == 240
    assert values["asleep_s"] == values["light_s"] + values["slow_wave_s"] + values["rem_s"] == 28582


def test_a_nap_belongs_to_no_group(examples):
    record = map_sleep(examples["sleeps"]["nap"]["payload"])
    assert (record.group_id, record.dating) == (None, Dating.ENDS)
    assert record.values["performance_percent"] is None
    assert record.values["efficiency_percent"] == 87.801777


def test_workout(examples):
    record = map_workout(examples["workouts"][RUN]["payload"])
    assert (record.external_id, record.group_id, record.dating) == ("1702b1d8-d429-4c64-b9a4-d261770d581e", None, Dating.STARTS)
    assert record.values == {
        "id": "1702b1d8-d429-4c64-b9a4-d261770d581e",
        "sport": "running",
        "start_at": "2026-11-01T15:02:10.084Z",
        "end_at": "2026-11-01T15:49:55.690Z",
        "utc_offset_min": -300,
        "strain": 12.118334,
        "average_heart_rate_bpm": 151,
        "max_heart_rate_bpm": 176,
        "energy_kj": 2214.731,
        "energy_kcal": 529.3,
        "distance_m": 8120.44,
        "altitude_gain_m": 58.2,
        "altitude_change_m": -3.1,
        "recorded_fraction": 0.9998,
        "zones_s": {"zero": 49, "one": 162, "two": 402, "three": 1210, "four": 902, "five": 140},
        "score_state": "SCORED",
        "revision": "2026-11-01T15:53:04.902Z",
    }


def test_cycle(examples):
    record = map_cycle(examples["cycles"]["closed_scored"]["payload"])
    assert (record.external_id, record.group_id, record.dating) == ("1838200101", "1838200101", Dating.OPENS_GROUP)
    assert record.values == {
        "id": 1838200101,
        "start_at": "2026-10-30T03:04:12.180Z",
        "end_at": "2026-10-31T03:41:55.402Z",
        "is_open": False,
        "strain": 11.482913,
        "energy_kj": 9421.337,
        "energy_kcal": 2251.8,
        "average_heart_rate_bpm": 71,
        "max_heart_rate_bpm": 163,
        "steps": 9312,
        "score_state": "SCORED",
        "revision": "2026-10-31T12:08:44.019Z",
    }


@pytest.mark.parametrize("name", ["open_running", "open_end_absent"])
def test_a_cycle_without_an_end_is_open(examples, name):
    record = map_cycle(examples["cycles"][name]["payload"])
    assert (record.end_at, record.values["end_at"], record.values["is_open"]) == (None, None, True)
    assert not record.is_unsettled


def test_a_cycle_id_beyond_32_bits(examples):
    record = map_cycle(examples["cycles"]["id_above_int32"]["payload"])
    assert (record.external_id, record.values["id"]) == ("2147490017", 2147490017)


@pytest.mark.parametrize("name", ["run_with_gps", "run_percent_documented_scale"])
def test_percent_recorded_is_one_fraction_on_either_scale(examples, name):
    assert map_workout(examples["workouts"][name]["payload"]).values["recorded_fraction"] == 0.9998


@pytest.mark.parametrize(("said", "fraction"), [(0.0, 0.0), (0.5, 0.5), (1, 1.0), (1.0, 1.0), (50, 0.5), (62.0, 0.62), (100, 1.0)])
def test_percent_recorded_without_zones_goes_by_its_size(examples, said, fraction):
    assert run(examples, score={"percent_recorded": said, "zone_durations": None}).values["recorded_fraction"] == fraction
    zeros = {f"zone_{z}_milli": 0 for z in ("zero", "one", "two", "three", "four", "five")}
    assert run(examples, score={"percent_recorded": said, "zone_durations": zeros}).values["recorded_fraction"] == fraction


@pytest.mark.parametrize("said", [0.62, 62.0, 1.0])
def test_the_zones_outweigh_what_percent_recorded_says(examples, said):
    raw = copy.deepcopy(examples["workouts"]["partly_recorded"]["payload"])
    raw["score"]["percent_recorded"] = said
    assert map_workout(raw).values["recorded_fraction"] == 0.62


@given(said=st.floats(0, 100), zone_ms=st.integers(0, 10**9))
def test_a_recorded_fraction_is_a_fraction(examples, said, zone_ms):
    zones = {**examples["workouts"][RUN]["payload"]["score"]["zone_durations"], "zone_five_milli": zone_ms}
    assert 0 <= run(examples, score={"percent_recorded": said, "zone_durations": zones}).values["recorded_fraction"] <= 1


def test_a_workout_without_duration_still_maps(examples):
    start = examples["workouts"][RUN]["payload"]["start"]
    assert run(examples, end=start).values["recorded_fraction"] == 0.9998


def test_no_zones_are_no_zones(examples):
    values = map_workout(examples["workouts"]["no_heart_rate"]["payload"]).values
    assert (values["zones_s"], values["recorded_fraction"]) == (None, 0.0)


@pytest.mark.parametrize(
    ("slug", "sport"), [("table-tennis", "table_tennis"), ("weightlifting_msk", "weightlifting_msk"), ("Hot-Yoga", "hot_yoga")]
)
def test_sports_are_folded_slugs(examples, slug, sport):
    record = run(examples, sport_name=slug)
    assert record.values["sport"] == sport
    assert record.raw["sport_name"] == slug


def test_sport_id_and_v1_id_decide_nothing(examples):
    base = run(examples)
    assert run(examples, sport_id=None, v1_id=7).values == run(examples, sport_id=-1).values == base.values


@pytest.mark.parametrize("state", ["PENDING_SCORE", "UNSCORABLE", "TOMORROW"])
def test_unscored_is_null_and_never_zero(examples, state):
    for record in (
        map_recovery({**examples["recoveries"]["scored"]["payload"], "score_state": state}),
        map_sleep({**examples["sleeps"]["main_scored"]["payload"], "score_state": state}),
        run(examples, score_state=state),
        map_cycle({**examples["cycles"]["closed_scored"]["payload"], "score_state": state, "step_count": None}),
    ):
        assert record.score_state == state
        assert record.is_unsettled == (state != ScoreState.UNSCORABLE)
        assert not any(
            type(value) in (int, float) for name, value in record.values.items() if name not in ("id", "cycle_id", "utc_offset_min")
        )


def test_a_rescored_night_is_the_same_record_and_newer(examples):
    steps = next(s for s in examples["scenarios"] if s["name"] == "morning_recovery_before_sleep")["steps"]
    versions = [map_sleep(step["state"]["sleep"]) for step in steps if "sleep" in step.get("state", {})]
    assert len({v.external_id for v in versions}) == 1
    assert [b.revision.is_newer_than(a.revision) for a, b in pairwise(versions)] == [True, True]
    assert [v.values["performance_percent"] for v in versions] == [None, 66.0, 89.0]
    ends = [v.values["end_at"] for v in versions]
    assert ends[0] == ends[1] < ends[2]
