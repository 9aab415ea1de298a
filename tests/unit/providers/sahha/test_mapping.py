"""Biomarkers as ours: units, days, keys, revisions; every form in which Sahha was seen to write them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.errors import UnexpectedPayload
from wearbase.domain.records import Dating, Revision
from wearbase.providers.sahha.mapping import map_biomarker


def shown(raw):
    values = map_biomarker(raw).values
    return values["name"], values["value"]


@pytest.mark.parametrize("value", ["437", "437.", "437.0", 437, 437.0, "4.37e2"])
@pytest.mark.parametrize("value_type", ["integer", "long", "double", None, "a_type_of_tomorrow"])
def test_a_number_is_read_from_text_and_number_whatever_its_type_is_called(biomarker, value, value_type):
    record = map_biomarker(biomarker(value=value, valueType=value_type))
    assert (record.values["name"], record.values["value"]) == ("sleep_duration_s", 26_220)
    assert record.values["value_as_sent"] == value


def test_a_text_that_ends_with_its_point_is_a_number(biomarker):
    assert shown(biomarker(type="sleep_debt", value="0.", unit="hour", periodicity="weekly")) == ("sleep_debt_weekly_s", 0)


@pytest.mark.parametrize("value", ["", "many", "NaN", "inf", "-", "1e400", "1_000", "٣", "0x10", "9" * 60, True])
def test_what_is_called_a_number_and_is_none_is_parked(biomarker, value):
    with pytest.raises(UnexpectedPayload) as raised:
        map_biomarker(biomarker(value=value))
    assert raised.value.path == "value"


@pytest.mark.parametrize(
    ("type_", "value", "unit", "name", "expected"),
    [
        ("sleep_latency", "12", "minute", "sleep_latency_s", 720),
        ("active_hours", "9", "hour", "active_hours_s", 32_400),
        ("sleep_debt", "0.813", "HOUR", "sleep_debt_s", 2926.8),
        ("steps", "8421", "count", "steps_count", 8421),
        ("active_energy_burned", "612.25", "kcal", "active_energy_burned_kcal", 612.25),
        ("heart_rate_resting", "52", "bpm", "heart_rate_resting_bpm", 52),
        ("heart_rate_variability_rmssd", "64.2", "millisecond", "hrv_rmssd_ms", 64.2),
        ("heart_rate_variability_rmssd", "64.2", "ms", "hrv_rmssd_ms", 64.2),
        ("heart_rate_variability_sdnn", "64.2", "ms", "hrv_sdnn_ms", 64.2),
        ("respiratory_rate_sleep", "14.9", "count/minute", "respiratory_rate_sleep_per_min", 14.9),
        ("respiratory_rate_sleep", "14.9", "breath/min", "respiratory_rate_sleep_per_min", 14.9),
        ("skin_temperature_sleep", "33.9", "celsius", "skin_temperature_sleep_c", 33.9),
        ("skin_temperature_sleep", "-0.2", "degC", "skin_temperature_sleep_c", -0.2),
        ("sleep_regularity", "0.861", "index", "sleep_regularity_index", 0.861),
        ("vo2_max", "48.2", "mL/kg/min", "vo2_max_ml_per_kg_min", 48.2),
        ("blood_glucose", "91", "mg/dL", "blood_glucose_mg_per_dl", 91),
        ("blood_pressure_systolic", "121", "mmHg", "blood_pressure_systolic_mmhg", 121),
        ("height", "1.83", "meter", "height_m", 1.83),
        ("weight", "71.3", "kilogram", "weight_kg", 71.3),
        ("body_mass_index", "21.3", "kg/m^2", "body_mass_index_kg_per_m2", 21.3),
        ("activity_mid_intensity_duration", "30", "minute", "activity_medium_intensity_duration_s", 1800),
        ("a_type_of_tomorrow", "3", "count", "a_type_of_tomorrow_count", 3),
    ],
)  # fmt: skip
def test_values_are_in_our_unit_and_their_names_end_with_it(biomarker, type_, value, unit, name, expected):
    assert shown(biomarker(type=type_, value=value, unit=unit)) == (name, expected)


@pytest.mark.parametrize(
    ("sent", "percent", "scale"),
    [("0.964", 96.4, "fraction"), ("0", 0, "fraction"), ("1", 100, "fraction"), ("1.0", 100, "fraction"), ("72.5", 72.5, "percent"),
     ("100", 100, "percent"), ("1.01", 1.01, "percent"), ("100.1", None, None), ("-0.1", None, None), ("964", None, None)],
)  # fmt: skip
def test_a_percentage_up_to_one_is_a_fraction_and_the_record_says_which_it_was(biomarker, sent, percent, scale):
    values = map_biomarker(biomarker(type="sleep_efficiency", value=sent, unit="percentage", valueType="double")).values
    assert (values["name"], values["value"], values["scale"]) == ("sleep_efficiency_percent", percent, scale)
    assert values["value_as_sent"] == sent


@pytest.mark.parametrize("unit", ["furlong", "bps", "", None, "minute of arc"])
def test_an_unknown_unit_keeps_what_was_sent_and_gives_no_value(biomarker, unit):
    record = map_biomarker(biomarker(unit=unit))
    assert (record.values["name"], record.values["value"]) == (None, None)
    assert (record.values["value_as_sent"], record.values["unit_as_sent"]) == ("437", unit)


@pytest.mark.parametrize("value", ["male", "not said", False])
def test_a_word_where_nobody_promised_a_number_is_kept(biomarker, value):
    record = map_biomarker(biomarker(category="characteristic", type="biological_sex", value=value, unit="none", valueType="string"))
    assert (record.values["value"], record.values["value_as_sent"]) == (None, value)


def test_null_stays_null(biomarker):
    for record in (map_biomarker(biomarker(value=None)), map_biomarker({k: v for k, v in biomarker().items() if k != "value"})):
        assert (record.values["name"], record.values["value"]) == ("sleep_duration_s", None)
        assert record.score_state == "UNSCORABLE"
        assert not record.is_unsettled


@pytest.mark.parametrize(
    ("value", "at"),
    [("2026-11-17T22:48+13:00", "2026-11-17T09:48:00.000Z"), ("2026-11-17T22:48:30+13:00", "2026-11-17T09:48:30.000Z"),
     ("2026-11-17T09:48:00.1234567Z", "2026-11-17T09:48:00.123Z"), ("2026-11-17T22:48", None), (None, None)],
)  # fmt: skip
def test_a_time_may_lack_its_seconds_and_is_no_instant_without_its_offset(biomarker, value, at):
    raw = biomarker(type="sleep_start_time", value=value, unit="datetime", valueType="datetime")
    assert shown(raw) == ("sleep_start_at", at)


@pytest.mark.parametrize(
    ("start", "end", "day"),
    [
        ("2026-11-17T18:00:00+13:00", "2026-11-18T17:59:59+13:00", date(2026, 11, 18)),
        ("2026-11-17T18:00:00+13:00", "2026-11-18T18:00:00+13:00", date(2026, 11, 18)),
        ("2026-11-18T00:00:00+05:30", "2026-11-18T23:59:59+05:30", date(2026, 11, 18)),
        ("2026-11-18T00:00:00+05:30", "2026-11-19T00:00:00+05:30", date(2026, 11, 18)),
        ("2026-11-18T00:00:00-11:00", "2026-11-19T00:00:00-11:00", date(2026, 11, 18)),
        ("2026-11-18T00:00:00", "2026-11-19T00:00:00", date(2026, 11, 18)),
        ("2026-10-25T00:00:00+02:00", "2026-10-25T23:59:59+01:00", date(2026, 10, 25)),
    ],
)
def test_inclusive_and_exclusive_ends_give_the_same_day(biomarker, start, end, day):
    record = map_biomarker(biomarker(startDateTime=start, endDateTime=end))
    assert (record.dating, record.given_day) == (Dating.GIVEN, day)
    assert record.external_id == f"sleep/sleep_duration/day/{day}"


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.integers(-18 * 4, 18 * 4).map(lambda quarters: quarters * 15),
    st.sampled_from([0, 1]),
)
def test_the_day_is_read_in_the_offset_that_it_carries(day, offset_min, less_s):
    sign, minutes = "-" if offset_min < 0 else "+", abs(offset_min)
    offset = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = (midnight + timedelta(days=1, seconds=-less_s)).replace(tzinfo=None)
    raw = {
        "category": "activity", "type": "steps", "periodicity": "daily", "value": "1", "unit": "count",
        "startDateTime": f"{day}T00:00:00{offset}", "endDateTime": f"{end.isoformat()}{offset}",
    }  # fmt: skip
    record = map_biomarker(raw)
    assert (record.given_day, record.utc_offset_min) == (day, offset_min)
    assert record.start_at == midnight - timedelta(minutes=offset_min)


@pytest.mark.parametrize("end", ["yesterday", "", None, 7, "2026-11-18T17:59:59+19:00", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"])
def test_an_end_that_is_no_time_parks_the_record(biomarker, end):
    with pytest.raises(UnexpectedPayload) as raised:
        map_biomarker(biomarker(endDateTime=end))
    assert raised.value.path == "endDateTime"


def test_a_window_without_an_offset_has_a_day_and_no_instants(biomarker):
    record = map_biomarker(biomarker(startDateTime="2026-11-17T18:00:00", endDateTime="2026-11-18T18:00:00"))
    assert (record.start_at, record.end_at, record.utc_offset_min) == (None, None, None)
    assert record.given_day == date(2026, 11, 18)


def test_a_stretch_of_days_lies_on_its_last_one_and_keeps_its_own_start(biomarker):
    record = map_biomarker(
        biomarker(type="sleep_debt", unit="hour", value="0.813", periodicity="weekly", startDateTime="2026-11-10T18:00:00+13:00")
    )
    assert record.external_id == "sleep/sleep_debt/weekly/2026-11-18"
    assert record.start_at == datetime(2026, 11, 17, 11, tzinfo=UTC)  # the last day's own midnight
    assert record.values["start_at"] == "2026-11-10T05:00:00.000Z"


def test_a_day_has_one_record_whether_it_runs_or_is_over(biomarker):
    running, over = map_biomarker(biomarker(periodicity="intraday", id="a")), map_biomarker(biomarker(id="b"))
    assert running.external_id == over.external_id
    assert map_biomarker(biomarker(periodicity="weekly")).external_id != over.external_id
    assert map_biomarker(biomarker(periodicity=None)).external_id == "sleep/sleep_duration/unstated/2026-11-18"


def test_both_spellings_of_medium_intensity_are_one_record(biomarker):
    ids = {map_biomarker(biomarker(type=f"activity_{word}_intensity_duration")).external_id for word in ("mid", "medium")}
    assert len(ids) == 1


def test_the_final_value_of_a_day_replaces_its_running_one_whenever_they_come(biomarker):
    late, early = "2026-11-18T20:00:00Z", "2026-11-18T06:00:00Z"
    running = map_biomarker(biomarker(periodicity="intraday", createdAtUtc=late)).revision
    over = map_biomarker(biomarker(createdAtUtc=early)).revision
    assert over.is_newer_than(running)
    assert not running.is_newer_than(over)


def test_within_a_class_the_later_creation_wins(biomarker):
    one, other = (map_biomarker(biomarker(createdAtUtc=f"2026-11-18T0{hour}:00:00.000711Z")) for hour in (6, 9))
    assert other.revision.is_newer_than(one.revision)
    assert not other.is_dated_by_read


@pytest.mark.parametrize("name", ["createdAtUtc", "createdAt"])
@pytest.mark.parametrize("text", ["2026-11-18T06:41:07+00:00", "2026-11-18T06:41:07Z", "2026-11-18T06:41:07", "2026-11-18T19:41:07+13:00"])
def test_the_creation_has_two_names_and_is_utc_where_it_does_not_say(biomarker, name, text):
    record = map_biomarker(biomarker(**{name: text}))
    assert record.revision == Revision(datetime(2026, 11, 18, 6, 41, 7, tzinfo=UTC), 1)
    assert record.is_dated_by_read is False


def test_a_record_that_tells_no_creation_is_dated_by_its_read_and_equal_to_itself(biomarker):
    one, again = map_biomarker(biomarker()), map_biomarker(biomarker())
    assert one.is_dated_by_read
    assert one == again
    assert map_biomarker(biomarker(value="438")).revision == one.revision  # so that the read alone decides


def test_the_same_fact_by_delivery_and_by_read_has_the_same_values(biomarker):
    read = map_biomarker(biomarker())
    delivered = map_biomarker(biomarker(externalId="u-1", profileId="p", createdAtUtc="2026-11-18T06:41:07Z", version=1))
    assert delivered.values == read.values
    assert delivered.external_id == read.external_id
    assert (delivered.external_user_id, read.external_user_id) == ("u-1", None)


def test_words_of_tomorrow_are_kept(biomarker):
    record = map_biomarker(biomarker(category="mood/inner", type="calm", unit="count", aggregation="median", periodicity="hourly"))
    assert record.external_id == "mood%2Finner/calm/hourly/2026-11-18"
    assert (record.values["name"], record.values["aggregation"]) == ("calm_hourly_count", "median")
