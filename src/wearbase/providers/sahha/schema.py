"""Sahha's wire shapes in Sahha's own names, with every form that was seen of each (reference/sahha-api.md 4, 5.2)."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from wearbase.domain.errors import UnexpectedPayload

MOST_OFFSET_MIN = 18 * 60
LONGEST_WORD = 200
LARGEST = Decimal("1e15")
_NUMBER = re.compile(r"(?a)[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,3})?")


class LocalTime(NamedTuple):
    """A wall-clock time with the offset it carried; one export carries none."""

    wall: datetime
    offset_min: int | None

    @property
    def at(self) -> datetime | None:
        """The instant, if it can be told."""
        return None if self.offset_min is None else (self.wall - timedelta(minutes=self.offset_min)).replace(tzinfo=UTC)

    @property
    def last_date(self) -> date:
        """The local date of the second before: right for an end that is part of its day, and for one that is not."""
        return (self.wall - timedelta(seconds=1)).date()


def local_time(text: object) -> LocalTime:
    """ISO 8601, seconds or not, offset or not. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("not a text")
    read = datetime.fromisoformat(text)
    if not 1 < read.year < 9999:
        raise ValueError("not a time")
    offset = read.utcoffset()
    minutes = None if offset is None else offset // timedelta(minutes=1)
    if minutes is not None and abs(minutes) > MOST_OFFSET_MIN:
        raise ValueError("not an offset")
    return LocalTime(read.replace(tzinfo=None), minutes)


def decimal(value: object) -> Decimal:
    """A number, or a text that holds one (`"0."` among them). Raises ValueError."""
    if type(value) is int or type(value) is float:
        number = Decimal(repr(value))
    elif isinstance(value, str) and _NUMBER.fullmatch(value):
        number = Decimal(value)
    else:
        raise ValueError("not a number")
    if not number.is_finite() or abs(number) > LARGEST:
        raise ValueError("not a plausible number")
    return number


def _instant(value: object) -> datetime:
    """Sahha's own clock is UTC, whether or not it says so."""
    time = local_time(value)
    return time.at or time.wall.replace(tzinfo=UTC)


def _if_instant(value: object) -> datetime | None:
    try:
        return _instant(value)
    except ValueError:
        return None


def _if_word(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= LONGEST_WORD and "\x00" not in value else ""


def _no_list(value: object) -> object:
    return [] if value is None else value


Time = Annotated[LocalTime, PlainValidator(local_time)]
Instant = Annotated[datetime, PlainValidator(_instant)]
Number = Annotated[Decimal, PlainValidator(decimal)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_WORD, pattern=r"^[^\x00]*$")]
Text = Annotated[str, StringConstraints(max_length=LONGEST_WORD, pattern=r"^[^\x00]*$")]


class Wire(BaseModel):
    """Strict about types, deaf to members we do not know; null and absent are the same."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, alias_generator=to_camel)


class Kept(Wire):
    """What a record of any kind may say of itself. Over the API biomarkers and archetypes say no time of creation."""

    created_at: Instant | None = Field(default=None, validation_alias=AliasChoices("createdAtUtc", "createdAt"))
    external_id: Word | None = None


class ScoreKey(Wire):
    type: Word
    score_date_time: Time


class Factor(Wire):
    name: Word
    value: Number | None = None
    goal: Number | None = None
    score: Number | None = None
    state: Text | None = None
    unit: Text | None = None


class Score(ScoreKey, Kept):
    state: Text | None = None
    score: Number | None = None
    factors: Annotated[list[Factor], BeforeValidator(_no_list)] = []
    data_sources: Annotated[list[Text], BeforeValidator(_no_list)] = []


class BiomarkerKey(Wire):
    category: Word
    type: Word
    periodicity: Text | None = None
    end_date_time: Time


class Biomarker(BiomarkerKey, Kept):
    start_date_time: Time
    aggregation: Text | None = None
    value: str | bool | int | float | None = None
    unit: Text | None = None
    value_type: Text | None = None


class ArchetypeKey(Wire):
    name: Word
    periodicity: Text | None = None
    start_date_time: Time


class Archetype(ArchetypeKey, Kept):
    value: Text | None = None
    data_type: Text | None = None
    ordinality: int | None = None


class Event(Wire):
    """What a delivery of any type says of itself. Only whose it is must be told."""

    external_id: Word
    id: Annotated[str, PlainValidator(_if_word)] = ""
    created_at: Annotated[datetime | None, PlainValidator(_if_instant)] = Field(
        default=None, validation_alias=AliasChoices("createdAtUtc", "createdAt", "receivedAtUtc")
    )


W = TypeVar("W", bound=Wire)


def read(shape: type[W], raw: Any) -> W:
    """The wire value as that shape. Raises UnexpectedPayload with the paths at fault."""
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        paths = [".".join(map(str, e["loc"])) for e in found]
        raise UnexpectedPayload(path=", ".join(dict.fromkeys(paths)), kind=found[0]["type"], provider="sahha") from None
