"""WHOOP's wire types: strict where a wrong guess would invent a number, lenient where WHOOP varies."""

import copy
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.errors import UnexpectedPayload
from wearbase.providers.whoop.schema import Cycle, Recovery, Sleep, Workout, instant_text, read

CYCLE = {
    "id": 1838200101,
    "user_id": 20000001,
    "updated_at": "2026-10-31T12:08:44.019Z",
    "start": "2026-10-30T03:04:12.180Z",
    "end": "2026-10-31T03:41:55.402Z",
    "timezone_offset": "-04:00",
    "score_state": "SCORED",
    "score": {"strain": 11.482913, "kilojoule": 9421.337, "average_heart_rate": 71, "max_heart_rate": 163},
    "step_count": 9312,
}


def cycle(**changes):
    return read(Cycle, {**copy.deepcopy(CYCLE), **changes})


def scored(**changes):
    score = cycle(score={**CYCLE["score"], **changes}).score
    assert score
    return score


def path_of(**changes):
    with pytest.raises(UnexpectedPayload) as raised:
        cycle(**changes)
    return raised.value.path


def test_whole_floats_are_integers_and_integers_are_floats():
    assert type(scored(average_heart_rate=70.0).average_heart_rate) is int
    assert type(scored(strain=11).strain) is float
    assert cycle(id=1838200101.0).id == 1838200101
    assert cycle(step_count=9312.0).step_count == 9312


@pytest.mark.parametrize("value", [True, "71", 71.5, None, [], {}, 1e30, 2**63])
def test_integers_are_nothing_else(value):
    assert path_of(score={**CYCLE["score"], "average_heart_rate": value}) == "score.average_heart_rate"


@pytest.mark.parametrize("value", [True, "11.4", None, [], float("nan"), float("inf"), -float("inf")])
def test_numbers_are_nothing_else(value):
    assert path_of(score={**CYCLE["score"], "strain": value}) == "score.strain"


@given(st.integers(-(2**63), 2**63 - 1))
def test_ids_keep_all_64_bits(value):
    assert cycle(id=value).id == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_never_turns_into_another_integer(value):
    if value.is_integer() and abs(value) < 2**53:
        assert cycle(id=value).id == value
    else:
        assert path_of(id=value) == "id"


def test_zero_steps_are_steps():
    assert cycle(step_count=0).step_count == 0
    assert cycle(step_count=None).step_count is None


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-10-30T03:04:12.180Z", "2026-10-30T03:04:12.180Z"),
        ("2026-10-30T03:04:12Z", "2026-10-30T03:04:12.000Z"),
        ("2026-10-30T03:04:12.1Z", "2026-10-30T03:04:12.100Z"),
        ("2026-10-30T03:04:12.180999Z", "2026-10-30T03:04:12.180Z"),
        ("2026-10-29T23:04:12.180-04:00", "2026-10-30T03:04:12.180Z"),
        ("2026-10-30T08:49:12.180+05:45", "2026-10-30T03:04:12.180Z"),
    ],
)
def test_instants_are_read_as_utc(text, utc):
    start = cycle(start=text).start
    assert start.tzinfo is UTC
    assert instant_text(start) == utc


@pytest.mark.parametrize(
    "value",
    ["", "now", "2026-10-30", "2026-10-30T03:04:12.180", "2026-13-30T03:04:12Z", "1793707344512", 1793707344512, None, True,
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"],
)  # fmt: skip
def test_what_is_no_instant_is_refused(value):
    assert path_of(start=value) == "start"


@pytest.mark.parametrize(
    ("text", "minutes"), [("Z", 0), ("-04:00", -240), ("+05:45", 345), ("+14:00", 840), ("-12:00", -720), ("+00:00", 0)]
)
def test_offsets_are_minutes_east(text, minutes):
    assert cycle(timezone_offset=text).timezone_offset == minutes


@pytest.mark.parametrize("value", ["", "EST", "+0530", "+5:30", "America/New_York", "+99:00", "+05:60", None, -240, 5.5])
def test_what_is_no_offset_is_refused(value):
    assert path_of(timezone_offset=value) == "timezone_offset"


@pytest.mark.parametrize("score", [{}, {"strain": "?"}, [1], "text", 7, None])
@pytest.mark.parametrize("state", ["PENDING_SCORE", "UNSCORABLE", "scored", "A_WORD_OF_TOMORROW"])
def test_the_score_of_an_unscored_record_is_not_looked_at(state, score):
    assert cycle(score_state=state, score=score).score is None


@pytest.mark.parametrize("shape", [Recovery, Sleep, Workout, Cycle])
def test_every_fault_is_named(shape):
    with pytest.raises(UnexpectedPayload) as raised:
        read(shape, {})
    paths = raised.value.path.split(", ")
    assert {"updated_at", "score_state"} < set(paths)
    assert len(paths) == len(set(paths))


def test_reasons_never_quote_the_values():
    with pytest.raises(UnexpectedPayload) as raised:
        cycle(score={**CYCLE["score"], "strain": "very private"}, start="also private")
    assert raised.value.path == "start, score.strain"
    assert "private" not in f"{raised.value} {raised.value.fields}"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_reading_leaves_the_wire_record_as_it_was():
    raw = {**CYCLE, "score_state": "PENDING_SCORE"}
    read(Cycle, raw)
    assert raw == {**CYCLE, "score_state": "PENDING_SCORE"}


@pytest.mark.parametrize("sport", ["", "a\x00b", None, 7, "x" * 201])
def test_what_is_no_word_is_refused(sport, examples):
    with pytest.raises(UnexpectedPayload) as raised:
        read(Workout, {**examples["workouts"]["sauna"]["payload"], "sport_name": sport})
    assert raised.value.path == "sport_name"
