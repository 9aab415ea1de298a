"""A row of days by their recovery: a number, not yet scored, none, or still to come."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

PENDING = "PENDING_SCORE"


def cells(found: Sequence[list[Any]] | None, first: date, last: date, *, today: date) -> list[dict[str, Any]]:
    """Every day from `first` to `last`, both included, with what its document says of the recovery."""
    known = {row[0]: row for row in found or ()}
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [_cell(day, known.get(day.isoformat()), today=today) for day in days]


def _cell(day: date, row: list[Any] | None, *, today: date) -> dict[str, Any]:
    score = row[1] if row else None
    return {"day": day.isoformat(), "recovery": score, "state": "future" if day > today else _state(row)}


def _state(row: list[Any] | None) -> str:
    if row is None:
        return "none"
    _, score, of_recovery, of_sleep, is_open = row
    if score is not None:
        return "value"
    if of_recovery == PENDING or (of_recovery is None and of_sleep == PENDING):
        return "pending"
    # The night is there, and the day that it opened still runs: its recovery is a moment behind.
    return "pending" if of_recovery is None and of_sleep is not None and is_open else "none"
