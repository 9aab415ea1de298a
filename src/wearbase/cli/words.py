"""What people type: lengths of time, days, resources."""

import re
from datetime import UTC, date, datetime, timedelta

from wearbase.cli.exits import Code, Stop

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}
USER_ID = re.compile(r"[A-Za-z0-9._~@:|+-]{1,128}")


def since(text: str, *, now: datetime) -> datetime:
    """`7d`, `12h`, `2w`, `1y` before now, or the start of a date. Raises Stop."""
    if found := re.fullmatch(r"(\d{1,5})([hdwy])", text.strip()):
        at = now - int(found[1]) * _UNITS[found[2]]
    else:
        at = datetime.combine(day(text), datetime.min.time(), tzinfo=UTC)
    if at >= now:
        raise Stop(f"--since {text} is not in the past.", Code.USAGE)
    return at


def length(text: str) -> timedelta:
    """`90d`, `12h`, `2w` or `1y`. Raises Stop."""
    found = re.fullmatch(r"(\d{1,5})([hdwy])", text.strip())
    if not found:
        raise Stop(f"{text!r} is not a length of time: give one such as 90d, 12h or 1y.", Code.USAGE)
    return int(found[1]) * _UNITS[found[2]]


def day(text: str) -> date:
    """A date as YYYY-MM-DD. Raises Stop."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
            raise ValueError
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Stop(f"{text!r} is not a date (YYYY-MM-DD) or a length of time (7d).", Code.USAGE) from None


def user(text: str) -> str:
    """A user's id. Raises Stop for what cannot be one."""
    if not USER_ID.fullmatch(text):
        raise Stop("A user id has 1 to 128 letters, digits or . _ ~ @ : | + -", Code.USAGE)
    return text
