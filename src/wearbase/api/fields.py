"""Forms of fields that the framework does not check the way we promise."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BeforeValidator, Field, WithJsonSchema

from wearbase.access.users import PATTERN, InvalidField
from wearbase.read.localdays import midnight

MOST_DAYS = 366
EARLIEST, LATEST = date(1970, 1, 1), date(2199, 12, 31)
SOURCE_PATTERN = r"^[a-z][a-z0-9_-]{0,31}$"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_OFFSET_SPACE = re.compile(r" (?=\d{2}:\d{2}$)")  # a plus sign that was not escaped arrives as a space


def _day(given: Any) -> Any:
    if isinstance(given, date) or given is None:
        return given
    if not isinstance(given, str) or not _DATE.fullmatch(given):
        raise ValueError("give a date as YYYY-MM-DD")
    try:
        return _in_reach(date.fromisoformat(given))
    except ValueError:
        raise ValueError(f"there is no such date between {EARLIEST} and {LATEST}") from None


def _moment(given: Any) -> Any:
    if not isinstance(given, str) or _DATE.fullmatch(given):
        return _day(given)
    try:
        at = datetime.fromisoformat(_OFFSET_SPACE.sub("+", given))
        if at.utcoffset() is None:
            raise ValueError
        _in_reach(at.date())
    except ValueError:
        raise ValueError("give a date, or an instant with its offset, such as 2026-05-14T00:00:00Z") from None
    return at.astimezone(UTC)


def _in_reach(day: date) -> date:
    """A date whose neighbours can be reckoned with, whatever the offset. Raises ValueError."""
    if not EARLIEST <= day <= LATEST:
        raise ValueError
    return day


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date", "example": "2026-05-14"})]
Moment = Annotated[
    datetime | date,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "description": "A date (a whole local day) or an RFC 3339 instant", "example": "2026-05-14"}),
]
UserId = Annotated[str, Path(description="The user's id in your own system", pattern=f"^{PATTERN}$", examples=["member-42"])]
UserIdText = Annotated[str, Field(description="The user's id in your own system", pattern=f"^{PATTERN}$", examples=["member-42"])]
ConsentVersion = Annotated[
    Annotated[str, Field(pattern=r"^[A-Za-z0-9._:+-]{1,64}$", examples=["2026-05"])] | None,
    Field(description="Which version of your terms the member agrees to; CONSENT_VERSION if left out"),
]
UserIdQuery = Annotated[UserIdText, Query()]
ProviderName = Annotated[str, Path(description="A source", pattern=SOURCE_PATTERN, examples=["whoop"])]
ProviderText = Annotated[str, Field(description="A source", pattern=SOURCE_PATTERN, examples=["whoop"])]
ProviderQuery = Annotated[ProviderText, Query()]
RedirectUrl = Annotated[
    str | None,
    Query(max_length=2000, description="Where the browser goes afterwards; on the allow-list", examples=["https://app.example/done"]),
]


def checked_date(text: str) -> date:
    """A date of a query that no framework reads. Raises InvalidField."""
    try:
        return _day(text)
    except ValueError:
        raise InvalidField("date must be YYYY-MM-DD.", field="date") from None


def checked_range(start: date, end: date) -> None:
    """Returns if the range is in order and not too long. Raises InvalidField."""
    if end < start:
        raise InvalidField("end must not be before start.", field="end")
    if (end - start).days >= MOST_DAYS:
        raise InvalidField(f"At most {MOST_DAYS} days at once.", field="end")


def starts_at(moment: datetime | date, utc_offset_min: int) -> datetime:
    """The instant, or the beginning of the local day."""
    return moment if isinstance(moment, datetime) else midnight(moment, utc_offset_min)


def ends_at(moment: datetime | date, utc_offset_min: int) -> datetime:
    """The instant, or the end of the local day."""
    return moment if isinstance(moment, datetime) else midnight(moment + timedelta(days=1), utc_offset_min)
