"""A member's own usual range of a quantity: the one function for everybody who shows it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Literal

USUAL_DAYS = 30
LENGTHS = (7, USUAL_DAYS, 90)
LOW, HIGH = 0.1, 0.9
FEWEST_OF_USUAL = 14  # values among 30 days; the same share of other lengths
USUAL_WEEKS, FEWEST_WEEKS = 12, 8

Position = Literal["below", "within", "above"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Median and usual range (10th to 90th percentile) of the days before one; None each where there are too few values."""

    days: int
    count: int
    median: float | None = None
    low: float | None = None
    high: float | None = None

    def position(self, value: float) -> Position | None:
        """Where a value lies; None without a range."""
        if self.low is None or self.high is None:
            return None
        return "below" if value < self.low else "above" if value > self.high else "within"


def baseline(values: Mapping[date, float], day: date, days: int = USUAL_DAYS) -> Baseline:
    """Of the local days before `day`, itself left out. A day without a value is none, not zero.

    `values` are of closed days only, as the metrics are stored: what still runs is not usual.
    """
    found = sorted(v for n in range(1, days + 1) if (v := values.get(day - timedelta(days=n))) is not None)
    return _of(found, days, fewest(days))


def usual_week(totals: Sequence[float]) -> Baseline:
    """Of full weeks' sums, at most of the twelve weeks before this one; eight are needed."""
    return _of(sorted(totals), 7 * USUAL_WEEKS, FEWEST_WEEKS)


def _of(ordered: list[float], days: int, least: int) -> Baseline:
    if len(ordered) < least:
        return Baseline(days, len(ordered))
    low, median, high = (_percentile(ordered, part) for part in (LOW, 0.5, HIGH))
    return Baseline(days, len(ordered), median, low, high)


def fewest(days: int) -> int:
    """How many values a baseline of that length needs."""
    return ceil(days * FEWEST_OF_USUAL / USUAL_DAYS)


def _percentile(ordered: list[float], part: float) -> float:
    """Between the two nearest ranks, as `percentile_cont` has it."""
    place = part * (len(ordered) - 1)
    below = int(place)
    if below + 1 == len(ordered):
        return ordered[below]
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])
