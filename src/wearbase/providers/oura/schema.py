"""Oura's wire shapes in Oura's own names: what we read of a document, and nothing else (API v2, usercollection)."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StringConstraints, ValidationError

from wearbase.domain.errors import UnexpectedPayload

MOST_OFFSET_MIN = 18 * 60


class LocalTime(NamedTuple):
    """An instant, and how far the member's clock was from UTC."""

    at: datetime
    offset_min: int


def _local_time(value: object) -> LocalTime:
    """ISO 8601 with an offset, the member's own."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    time = datetime.fromisoformat(value)
    offset = time.utcoffset()
    if offset is None or not 1 < time.year < 9999:
        raise ValueError("not an instant")
    minutes = offset // timedelta(minutes=1)
    if abs(minutes) > MOST_OFFSET_MIN:
        raise ValueError("not an offset")
    return LocalTime(time.astimezone(UTC), minutes)


def _day(value: object) -> date:
    if not isinstance(value, str) or len(value) != 10:
        raise ValueError("not a day")
    return date.fromisoformat(value)


def _whole(value: object) -> object:
    """70.0 as 70: averages are sent with a decimal part where the contract says integer."""
    exact = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if exact else value  # type: ignore[arg-type]


def _no_parts(value: object) -> object:
    return {} if value is None else value


Time = Annotated[LocalTime, PlainValidator(_local_time)]
Day = Annotated[date, PlainValidator(_day)]
Whole = Annotated[int, BeforeValidator(_whole), Field(ge=-(2**63), lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Wire(BaseModel):
    """Strict about types, deaf to members we do not know; null and absent are the same."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Document(Wire):
    id: Word
    day: Day


class Scored(Document):
    """A day's score with what went into it, each from 1 to 100."""

    timestamp: Time
    score: Whole | None = None
    contributors: Annotated[dict[Word, Whole | None], BeforeValidator(_no_parts)] = {}


class Readiness(Scored):
    temperature_deviation: Number | None = None
    temperature_trend_deviation: Number | None = None


class SleepScore(Scored):
    pass


class Sleep(Document):
    """One sleep period; a day may have several."""

    bedtime_start: Time
    bedtime_end: Time
    time_in_bed: Whole
    type: Word | None = None
    total_sleep_duration: Whole | None = None
    light_sleep_duration: Whole | None = None
    deep_sleep_duration: Whole | None = None
    rem_sleep_duration: Whole | None = None
    awake_time: Whole | None = None
    latency: Whole | None = None
    efficiency: Whole | None = None
    average_hrv: Number | None = None
    average_heart_rate: Number | None = None
    lowest_heart_rate: Number | None = None
    average_breath: Number | None = None
    restless_periods: Whole | None = None


class Activity(Scored):
    """A day from 4 in the morning to 4 in the morning."""

    steps: Whole
    active_calories: Whole
    total_calories: Whole
    equivalent_walking_distance: Whole
    high_activity_time: Whole
    medium_activity_time: Whole
    low_activity_time: Whole
    sedentary_time: Whole
    resting_time: Whole
    non_wear_time: Whole
    inactivity_alerts: Whole
    class_5_min: str | None = None  # one character for every five minutes that are known


class Workout(Document):
    activity: Word
    intensity: Word
    source: Word
    start_datetime: Time
    end_datetime: Time
    calories: Number | None = None
    distance: Number | None = None


class Average(Wire):
    average: Number | None = None


class Oxygen(Document):
    spo2_percentage: Average | None = None
    breathing_disturbance_index: Whole | None = None


class Delivery(Wire):
    """What a delivery says: which document of whom, never the document."""

    event_type: Word
    data_type: Word
    user_id: Word
    object_id: Word | None = None


class Named(Wire):
    """A delivery of a kind we read names a document."""

    object_id: Word


class Profile(Wire):
    id: Word


W = TypeVar("W", bound=Wire)


def read(shape: type[W], raw: object) -> W:
    """The wire value as that shape. Raises UnexpectedPayload with the paths at fault."""
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        paths = [".".join(map(str, e["loc"])) for e in found]
        raise UnexpectedPayload(path=", ".join(dict.fromkeys(paths)), kind=found[0]["type"], provider="oura") from None
