"""Home zones with their clock changes, free of any time zone database."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Zone:
    """Where a member lives: a standard offset and the rule that shifts it in summer."""

    name: str
    standard_min: int
    rule: str = "none"

    def offset_min(self, at_ms: int) -> int:
        """Minutes east of UTC at an instant."""
        if self.rule == "none":
            return self.standard_min
        year = datetime.fromtimestamp(at_ms / 1000, UTC).year
        begin_ms, end_ms = _summer(self.rule, self.standard_min, year=year)
        return self.standard_min + (60 if begin_ms <= at_ms < end_ms else 0)

    def local_day(self, at_ms: int) -> int:
        """Days since 1970-01-01 on the member's calendar."""
        return (at_ms + self.offset_min(at_ms) * MINUTE_MS) // DAY_MS

    def midnight_ms(self, day: int) -> int:
        """The instant at which a local day begins."""
        guess_ms = day * DAY_MS - self.standard_min * MINUTE_MS
        return day * DAY_MS - self.offset_min(guess_ms) * MINUTE_MS


ZONES = (
    Zone("America/New_York", -300, "us"),
    Zone("Europe/Berlin", 60, "eu"),
    Zone("Asia/Kolkata", 330),
    Zone("America/Los_Angeles", -480, "us"),
    Zone("Asia/Tokyo", 540),
    Zone("Europe/London", 0, "eu"),
    Zone("America/Sao_Paulo", -180),
    Zone("Australia/Brisbane", 600),
    Zone("Pacific/Honolulu", -600),
    Zone("Asia/Kathmandu", 345),
)
FURTHER_ZONES = (
    Zone("UTC", 0),
    Zone("Asia/Dubai", 240),
    Zone("Asia/Singapore", 480),
    Zone("America/Chicago", -360, "us"),
    Zone("America/Denver", -420, "us"),
    Zone("America/Bogota", -300),
    Zone("Africa/Lagos", 60),
    Zone("Africa/Nairobi", 180),
    Zone("Pacific/Tongatapu", 780),
)
BY_NAME = {zone.name: zone for zone in (*ZONES, *FURTHER_ZONES)}


def zone_named(text: str) -> Zone:
    """A zone by its name, or a fixed offset such as `+09:00`. Raises ValueError."""
    if text in BY_NAME:
        return BY_NAME[text]
    sign, hours, colon, minutes = text[:1], text[1:3], text[3:4], text[4:]
    if sign in ("+", "-") and colon == ":" and hours.isdecimal() and len(minutes) == 2 and minutes.isdecimal():
        offset_min = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1)
        if -12 * 60 <= offset_min <= 14 * 60:
            return Zone(text, offset_min)
    raise ValueError(f"no such zone; there are {', '.join(BY_NAME)}, and offsets such as +09:00")


@lru_cache(maxsize=256)
def _summer(rule: str, standard_min: int, *, year: int) -> tuple[int, int]:
    if rule == "eu":
        return _ms(_last_sunday(year, 3), 60), _ms(_last_sunday(year, 10), 60)
    begin, end = _first_sunday(year, 3) + timedelta(days=7), _first_sunday(year, 11)
    return _ms(begin, 120 - standard_min), _ms(end, 60 - standard_min)


def _ms(day: datetime, utc_minute: int) -> int:
    return int(day.timestamp()) * 1000 + utc_minute * MINUTE_MS


def _first_sunday(year: int, month: int) -> datetime:
    first = datetime(year, month, 1, tzinfo=UTC)
    return first + timedelta(days=(6 - first.weekday()) % 7)


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
