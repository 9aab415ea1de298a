"""What a body goes through beside sleep and training: illness, alcohol, and a strap left on the charger."""

from functools import lru_cache
from random import Random

from wearbase_sim.members.person import Person, draw
from wearbase_sim.members.zones import DAY_MS, HOUR_MS

ILL_BLOCK, GAP_BLOCK = 45, 21
# How ill one is from day to day.
COURSE = (0.6, 1.0, 1.0, 0.7, 0.4, 0.3)


def is_free_morning(day: int) -> bool:
    """Whether a day is a Saturday or Sunday; 1970-01-01 was a Thursday."""
    return day % 7 in (2, 3)


@lru_cache(maxsize=100_000)
def illness(person: Person, day: int) -> float:
    """How ill a member wakes up, 0 to 1."""
    found = [_severity(day - first) for first, last in person.ill if first <= day <= last]
    block = day // ILL_BLOCK
    rng = draw(person, "ill", block)
    if rng.random() < person.ill_chance:
        first, length = block * ILL_BLOCK + rng.randrange(ILL_BLOCK - len(COURSE)), rng.randint(3, len(COURSE))
        found += [_severity(day - first)] if first <= day < first + length else []
    return max(found, default=0.0)


def _severity(day_of_it: int) -> float:
    return COURSE[min(day_of_it, len(COURSE) - 1)]


@lru_cache(maxsize=100_000)
def drinking(person: Person, day: int) -> float:
    """How much a member drank on the evening of a day, 0 to 1."""
    if day in person.drinks:
        return 1.0
    rng = draw(person, day, "drink")
    chance = person.drink_chance * (3 if is_free_morning(day + 1) else 0.7)
    return rng.uniform(0.4, 1.0) if rng.random() < chance and illness(person, day) == 0 else 0.0


def off_spans(person: Person, low_ms: int, high_ms: int) -> list[tuple[int, int]]:
    """When, near a stretch of time, the strap was not worn."""
    spans = [(low, high) for low, high in person.off if low < high_ms and high > low_ms]
    if person.gap_chance:
        blocks = range(low_ms // (GAP_BLOCK * DAY_MS) - 1, high_ms // (GAP_BLOCK * DAY_MS) + 1)
        gaps = [gap for block in blocks if (gap := _gap(person, block))]
        spans += [(low, high) for low, high in gaps if low < high_ms and high > low_ms]
    return spans


@lru_cache(maxsize=20_000)
def _gap(person: Person, block: int) -> tuple[int, int] | None:
    rng: Random = draw(person, "gap", block)
    if rng.random() >= person.gap_chance:
        return None
    noon_ms = person.home.midnight_ms(block * GAP_BLOCK + rng.randrange(2, GAP_BLOCK - 4)) + 14 * HOUR_MS
    low_ms = noon_ms + rng.randrange(5 * HOUR_MS)
    return low_ms, low_ms + int(rng.uniform(18, 66) * HOUR_MS)


def is_worn(person: Person, low_ms: int, high_ms: int) -> bool:
    """Whether the strap was worn throughout a stretch of time."""
    return not person.has_gaps or not off_spans(person, low_ms, high_ms)
