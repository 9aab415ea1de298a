"""Scores and archetypes as ours."""

from datetime import UTC, date, datetime

import pytest

from wearbase.domain.errors import UnexpectedPayload
from wearbase.providers.sahha.mapping import map_archetype, map_score


@pytest.fixture
def score(examples):
    return lambda **changed: {**examples["scores"][0], **changed}


@pytest.fixture
def archetype(examples):
    return lambda **changed: {**examples["archetypes"][0], **changed}


@pytest.mark.parametrize(("sent", "shown"), [(0.91, 91), (1, 100), (0, 0), ("0.875", 87.5), (0.9900000095367432, 99), (0.123456, 12.3456)])
def test_a_score_is_shown_of_hundred_beside_what_was_sent(score, sent, shown):
    values = map_score(score(score=sent)).values
    assert values["score"] == shown
    assert values["score_as_sent"] == pytest.approx(float(sent))


@pytest.mark.parametrize("sent", [72.5, 1.01, -0.1])
def test_a_score_beyond_its_scale_is_kept_as_sent_and_not_guessed_at(score, sent):
    values = map_score(score(score=sent)).values
    assert (values["score"], values["score_as_sent"]) == (None, sent)


def test_the_label_is_the_one_that_was_sent(score):
    assert map_score(score(score=0.12, state="high")).values["state"] == "high"
    assert map_score(score(state="stellar")).values["state"] == "stellar"


def test_a_null_score_stays_null_with_its_label_and_factors(score):
    record = map_score(score(score=None, state=None))
    assert (record.values["score"], record.values["score_as_sent"], record.values["state"]) == (None, None, None)
    assert len(record.values["factors"]) == 7
    assert record.score_state == "UNSCORABLE"
    assert not record.is_unsettled


def test_factors_carry_our_unit_at_the_end_of_their_name(score, examples):
    assert map_score(score()).values["factors"][0] == {
        "name": "sleep_duration_s", "value": 26_220, "goal": 28_800, "score": 90, "state": "high",
        "value_as_sent": 437, "unit_as_sent": "minute",
    }  # fmt: skip
    names = {factor["name"] for raw in examples["scores"] for factor in map_score(raw).values["factors"]}
    assert names >= {"steps_count", "active_calories_kcal", "sleep_debt_s", "resting_heart_rate_bpm", "sleep_regularity_index"}


def test_a_factor_of_heart_rate_variability_does_not_claim_a_statistic(examples):
    factors = map_score(examples["scores"][2]).values["factors"]
    assert factors[-1]["name"] == "heart_rate_variability_ms"


def test_each_part_of_a_factor_can_be_null_alone(score):
    parts = {"name": "steps", "value": 5, "goal": 10, "score": 0.5, "state": "low", "unit": "count"}
    for missing in ("value", "goal", "score", "state"):
        [factor] = map_score(score(factors=[{**parts, missing: None}])).values["factors"]
        assert [name for name in ("value", "goal", "score", "state") if factor[name] is None] == [missing]


def test_a_factor_in_an_unknown_unit_is_named_and_has_no_value(score):
    [factor] = map_score(score(factors=[{"name": "luck", "value": 3, "goal": 4, "unit": "clover"}])).values["factors"]
    assert factor == {
        "name": "luck", "value": None, "goal": None, "score": None, "state": None, "value_as_sent": 3, "unit_as_sent": "clover",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["factors", "dataSources"])
def test_a_list_may_be_null(score, name):
    assert map_score(score(**{name: None})).values["factors" if name == "factors" else "data_sources"] == []


@pytest.mark.parametrize(
    ("sent", "start_at"),
    [("2026-11-18T00:00:00+13:00", datetime(2026, 11, 17, 11, tzinfo=UTC)), ("2026-11-18T00:00:00", None), ("2026-11-18", None),
     ("2026-11-18T00:00+05:30", datetime(2026, 11, 17, 18, 30, tzinfo=UTC))],
)  # fmt: skip
def test_a_score_belongs_to_the_date_it_carries_with_or_without_an_offset(score, sent, start_at):
    record = map_score(score(scoreDateTime=sent))
    assert (record.given_day, record.start_at) == (date(2026, 11, 18), start_at)
    assert record.external_id == "sleep/2026-11-18"


def test_a_score_is_revised_by_its_creation_under_both_names(score):
    raw = score()
    created = raw.pop("createdAtUtc")
    for record in (map_score({**raw, "createdAtUtc": created}), map_score({**raw, "createdAt": created})):
        assert record.revision.at == datetime(2026, 11, 18, 6, 41, 7, tzinfo=UTC)
        assert not record.is_dated_by_read
    assert map_score(raw).is_dated_by_read


def test_a_score_type_of_tomorrow_is_kept(score):
    record = map_score(score(type="longevity"))
    assert (record.external_id, record.values["score"]) == ("longevity/2026-11-18", 91)


@pytest.mark.parametrize(
    ("periodicity", "start", "last"),
    [("weekly", "2026-11-09", "2026-11-15"), ("monthly", "2026-11-01", "2026-11-30"), ("monthly", "2028-02-01", "2028-02-29"),
     ("monthly", "2026-12-01", "2026-12-31"), ("monthly", "2026-11-15", "2026-12-14"), ("monthly", "2026-01-31", "2026-02-27"),
     ("yearly", "2026-11-09", "2026-11-09"), (None, "2026-11-09", "2026-11-09")],
)  # fmt: skip
def test_an_archetype_lies_on_the_last_day_that_its_start_and_periodicity_tell(archetype, periodicity, start, last):
    for end in ("2026-11-15T00:00:00+13:00", "2026-11-16T00:00:00+13:00", None):
        record = map_archetype(archetype(periodicity=periodicity, startDateTime=f"{start}T00:00:00+13:00", endDateTime=end))
        assert str(record.given_day) == record.values["last_date"] == last
        assert record.external_id == f"activity_level/{periodicity or ''}/{start}"


def test_an_archetype_need_not_be_ordinal(archetype):
    raw = archetype(dataType="categorical")
    del raw["ordinality"]
    assert map_archetype(raw).values["ordinality"] is None


def test_an_archetype_by_delivery_is_dated_by_its_creation(archetype, examples):
    assert map_archetype(archetype()).is_dated_by_read
    delivered = map_archetype(examples["webhooks"]["archetype"]["body"])
    assert delivered.values == map_archetype(archetype()).values
    assert delivered.revision.at == datetime(2026, 11, 16, 2, 3, 11, 520119, tzinfo=UTC)


@pytest.mark.parametrize("factors", [{}, "none", [7], [{"value": 3}]])
def test_factors_that_are_none_park_the_score(score, factors):
    with pytest.raises(UnexpectedPayload) as raised:
        map_score(score(factors=factors))
    assert "factors" in raised.value.path
