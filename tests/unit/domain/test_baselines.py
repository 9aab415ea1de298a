"""The usual range: of the days before, enough of them, and never of nulls."""

from datetime import date, timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.baselines import Baseline, baseline, fewest

DAY = date(2026, 5, 14)


def before(*values: float | None) -> dict[date, float]:
    """The nearest day first."""
    return {DAY - timedelta(days=n): v for n, v in enumerate(values, 1) if v is not None}


def test_the_tenth_to_the_ninetieth_percentile_of_thirty_days() -> None:
    found = baseline(before(*range(1, 31)), DAY)
    assert (found.count, found.median) == (30, 15.5)
    assert (found.low, found.high) == pytest.approx((3.9, 27.1))


def test_the_day_itself_and_what_is_older_do_not_count() -> None:
    values = before(*[10.0] * 30)
    assert baseline({**values, DAY: 99.0, DAY - timedelta(days=31): 99.0, DAY + timedelta(days=1): 99.0}, DAY) == baseline(values, DAY)
    assert baseline(values, DAY).high == 10.0


@pytest.mark.parametrize(("days", "least"), [(7, 4), (30, 14), (90, 42)])
def test_too_few_values_are_no_baseline(days: int, least: int) -> None:
    assert fewest(days) == least
    assert baseline(before(*[5.0] * least), DAY, days).median == 5.0
    assert baseline(before(*[5.0] * (least - 1)), DAY, days) == Baseline(days, least - 1)


def test_a_gap_is_no_zero() -> None:
    found = baseline(before(*[v for _ in range(15) for v in (50.0, None)]), DAY)
    assert (found.count, found.low, found.median) == (15, 50.0, 50.0)


def test_the_position() -> None:
    usual = Baseline(30, 20, 50.0, 40.0, 60.0)
    assert [usual.position(v) for v in (39.9, 40.0, 60.0, 60.1)] == ["below", "within", "within", "above"]
    assert Baseline(30, 3).position(50.0) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=14, max_size=30))
def test_the_range_holds_the_median_and_lies_within_what_was(values: list[float]) -> None:
    found = baseline(before(*values), DAY)
    assert found.low is not None
    assert found.median is not None
    assert found.high is not None
    assert min(values) <= found.low <= found.median <= found.high <= max(values)
    assert found.median == pytest.approx(median(values))
