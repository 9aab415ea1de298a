"""Unit changes, each in one place."""

from typing import overload

KILOJOULES_PER_KILOCALORIE = 4.184


@overload
def seconds_from_ms(ms: int) -> int: ...
@overload
def seconds_from_ms(ms: None) -> None: ...
def seconds_from_ms(ms: int | None) -> int | None:
    """Whole seconds, half up."""
    return None if ms is None else (ms + 500) // 1000


def kcal_from_kj(kj: float | None) -> float | None:
    """Kilocalories, to a tenth."""
    return None if kj is None else round(kj / KILOJOULES_PER_KILOCALORIE, 1)


def offset_min_from_text(text: str) -> int:
    """Minutes east of UTC from `Z`, `+hh:mm` or `-hh:mm`. Raises ValueError."""
    if text in ("Z", "z"):
        return 0
    sign, hours, minutes = text[:1], text[1:3], text[4:6]
    if len(text) != 6 or sign not in "+-" or text[3] != ":" or not (hours.isdigit() and minutes.isdigit()):
        raise ValueError(f"not a UTC offset: {text!r}")
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > 18 * 60:
        raise ValueError(f"not a UTC offset: {text!r}")
    return -total if sign == "-" else total
