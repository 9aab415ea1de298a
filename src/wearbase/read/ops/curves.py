"""The day's calls as a curve: what was left at each ten minutes, what is expected to be, and what is usual. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

SLOT = timedelta(minutes=10)
SLOTS = 144
FEWEST_WEEKS = 2  # before that nothing is called usual

Point = tuple[int, int]  # minutes since the day began, calls


@dataclass(frozen=True, slots=True)
class Usual:
    """The same weekday in the weeks before: the fewest and the most calls made by then, at each end of ten minutes."""

    weeks: int
    low: list[int]
    high: list[int]
    middle: list[float]


def made(slots: Mapping[datetime, int], *, day: datetime) -> list[int]:
    """Calls made by the end of each ten minutes of that day."""
    total, found = 0, []
    for nth in range(SLOTS):
        total += slots.get(day + nth * SLOT, 0)
        found.append(total)
    return found


def usual(days: Sequence[Sequence[int]]) -> Usual | None:
    """What those days have in common; None if too few of them saw any call."""
    seen = [day for day in days if day[-1] > 0]
    if len(seen) < FEWEST_WEEKS:
        return None
    at = list(zip(*seen, strict=True))
    return Usual(len(seen), [min(a) for a in at], [max(a) for a in at], [median(a) for a in at])


def left_so_far(by_slot: Sequence[int], *, used: int, limit: int, minutes: float) -> list[Point]:
    """What was left at each ten minutes up to now. Calls from before they were counted so are taken off from the start."""
    before = max(0, used - by_slot[-1])
    ends = [((nth + 1) * 10, limit - before - count) for nth, count in enumerate(by_slot) if (nth + 1) * 10 <= minutes]
    return [(0, limit - before), *((at, max(0, left)) for at, left in ends), (int(minutes), max(0, limit - used))]


def expected(*, left: int, minutes: float, needed: float, shape: Usual | None) -> list[Point]:
    """What will be left at each half hour until the day ends, if the rest of it needs so many calls."""
    now = min(SLOTS - 1, int(minutes // 10))
    rest = shape.middle[-1] - shape.middle[now] if shape else 0.0
    points: list[Point] = [(int(minutes), left)]
    for nth in range(now + 1, SLOTS):
        at = (nth + 1) * 10
        if at % 30 == 0 and at > minutes:
            part = (shape.middle[nth] - shape.middle[now]) / rest if shape and rest > 0 else (at - minutes) / max(1.0, 1440 - minutes)
            points.append((at, max(0, round(left - needed * part))))
    return points
