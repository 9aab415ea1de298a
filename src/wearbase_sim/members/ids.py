"""Identifiers that follow from the seed, the member and the day, and back again."""

import uuid
from datetime import date
from functools import lru_cache

USER_ID_BASE = 20_000_000
# Cycle ids stood near 1.53e9 on 2026-05-28 and grow by about 1.9 million a day.
CYCLE_ID_BASE = 1_530_000_000
CYCLE_IDS_PER_DAY = 1_900_000
EXTRA_CYCLE_SLOT = 1_000_000
EPOCH = date(1970, 1, 1).toordinal()
CYCLE_ID_DAY = date(2026, 5, 28).toordinal() - EPOCH
KINDS = ("sleep", "nap", "workout/0", "workout/1", "workout/2")


def user_id(number: int) -> int:
    """The provider's id of member `number`."""
    return USER_ID_BASE + number


def member_number(text: str) -> int:
    """A member's number from either the number or the user id; 0 if it is neither."""
    value = int(text) if text.isdecimal() and len(text) < 16 else 0
    return value - USER_ID_BASE if value > USER_ID_BASE else value


def cycle_id(number: int, day: int) -> int:
    """The id of the cycle that a member's day opens."""
    return CYCLE_ID_BASE + (day - CYCLE_ID_DAY) * CYCLE_IDS_PER_DAY + number * 89 % EXTRA_CYCLE_SLOT


def extra_cycle_id(number: int, day: int, *, nth: int) -> int:
    """The id of a cycle that was added by hand."""
    slot = (number * 89 + nth * 7) % (CYCLE_IDS_PER_DAY - EXTRA_CYCLE_SLOT)
    return CYCLE_ID_BASE + (day - CYCLE_ID_DAY) * CYCLE_IDS_PER_DAY + EXTRA_CYCLE_SLOT + slot


def cycle_day(cycle: int) -> int:
    """The day on which a cycle was opened."""
    return (cycle - CYCLE_ID_BASE) // CYCLE_IDS_PER_DAY + CYCLE_ID_DAY


def activity_id(seed: int, number: int, *, what: str) -> str:
    """The UUID of something a member did, e.g. `20700/sleep`."""
    return str(uuid.uuid5(_namespace(seed), f"{number}/{what}"))


def day_activity_id(seed: int, number: int, *, day: int, kind: str) -> str:
    """The UUID of a generated sleep, nap or workout."""
    return activity_id(seed, number, what=f"{day}/{kind}")


def v1_id(number: int, day: int, *, kind: str) -> int:
    """The former numeric id of a generated activity."""
    return number * 1_000_000 + day * 10 + KINDS.index(kind)


def from_v1_id(value: int) -> tuple[int, int, str] | None:
    """Member number, day and kind behind a former id."""
    number, rest = divmod(value, 1_000_000)
    day, index = divmod(rest, 10)
    return (number, day, KINDS[index]) if index < len(KINDS) else None


@lru_cache(maxsize=65_536)
def locate(seed: int, number: int, *, uuid_text: str, first_day: int, last_day: int) -> int | None:
    """The day of a generated activity, looked for from the newest day back."""
    for day in range(last_day, first_day - 1, -1):
        if any(day_activity_id(seed, number, day=day, kind=kind) == uuid_text for kind in KINDS):
            return day
    return None


@lru_cache(maxsize=64)
def _namespace(seed: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"wearbase-sim:{seed}")
