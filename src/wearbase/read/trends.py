"""How one quantity went: day by day, against the member's own usual range."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from wearbase.domain.baselines import LENGTHS, USUAL_DAYS, Baseline, baseline
from wearbase.domain.combining import Combining
from wearbase.store import trends
from wearbase.store.postgres.database import Database
from wearbase.store.trends import Series

DAY = timedelta(days=1)
BEFORE = max(LENGTHS) * DAY  # what of the past the baselines are made of


async def trend(db: Database, combining: Combining, user_id: str, metric: str, *, start: date, end: date) -> dict[str, Any]:
    """The series of `start` to `end`, every day in it, with baselines of the days before `end`. Raises BadRequest for an unknown metric."""
    followed = combining.followed(metric)
    async with db.connection() as tx:
        found = await trends.series(tx, user_id, followed, start - BEFORE, end)
    chosen = _chosen(found, combining.order(metric, found.wishes))
    values = {day: value for day, (_, value) in chosen.items()}
    days = [start + n * DAY for n in range((end - start).days + 1)]
    return {
        "user_id": user_id,
        "metric": metric,
        "unit": combining.quantities[metric].unit,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "series": [_point(day, chosen, baseline(values, day)) for day in days],
        "source_changes": _changes(days, chosen),
        "baselines": [_shown(baseline(values, end, length)) for length in LENGTHS],
        "position": _position(days, values),
    }


def _chosen(found: Series, order: Sequence[str]) -> dict[date, tuple[str, float]]:
    """One source for each day: the first of the order that has a value. No value is made from two."""
    chosen: dict[date, tuple[str, float]] = {}
    for day, source, value in sorted(found.points, key=lambda point: order.index(point[1])):
        chosen.setdefault(day, (source, value))
    return chosen


def _point(day: date, chosen: Mapping[date, tuple[str, float]], usual: Baseline) -> dict[str, Any]:
    source, value = chosen.get(day, (None, None))
    return {
        "day": day.isoformat(),
        "value": value,
        "source": source,
        "usual_low": usual.low,
        "usual_high": usual.high,
        "position": None if value is None else usual.position(value),
    }


def _changes(days: Sequence[date], chosen: Mapping[date, tuple[str, float]]) -> list[dict[str, str]]:
    """Where the series goes on by another source: what looks like a change of the member may be one of the instrument."""
    with_value = [(day, chosen[day][0]) for day in days if day in chosen]
    pairs = [(before, day, after) for (_, before), (day, after) in pairwise(with_value)]
    return [{"day": day.isoformat(), "from": before, "to": after} for before, day, after in pairs if before != after]


def _shown(found: Baseline) -> dict[str, Any]:
    return {"days": found.days, "count": found.count, "median": found.median, "low": found.low, "high": found.high}


def _position(days: Sequence[date], values: Mapping[date, float]) -> dict[str, Any] | None:
    """Where the newest value of the series lies against the 30 days before it."""
    day = next((day for day in reversed(days) if day in values), None)
    if day is None:
        return None
    usual = baseline(values, day)
    return {
        "day": day.isoformat(),
        "value": values[day],
        "position": usual.position(values[day]),
        "from_median": None if usual.median is None else values[day] - usual.median,
        "against_days": USUAL_DAYS,
    }
