"""What `wear budget` says of times, and of how old a forecast is."""

from datetime import UTC, datetime, timedelta

from wearbase.cli.showing import budgets

NOW = datetime(2026, 11, 18, 23, 50, tzinfo=UTC)


def test_a_time_of_another_day_carries_its_date() -> None:
    assert budgets.clock(NOW + timedelta(minutes=5), now=NOW) == "23:55 UTC"
    assert budgets.clock(NOW + timedelta(minutes=15), now=NOW) == "00:05 UTC on 2026-11-19"


def test_a_forecast_says_how_old_it_is() -> None:
    told = {
        "made_at": (NOW - timedelta(minutes=12)).isoformat(), "needed": 40, "left": 100, "thinned": [], "has_late_mornings": False,
        "has_companions": True, "idle": 0, "is_enough": True,
    }  # fmt: skip
    assert budgets._forecast(told, {}, now=NOW) == ["The rest of the day needs about 40 calls; 100 are left for it (foretold 12 min ago)."]
