"""WHOOP's wire shapes in WHOOP's own names: what we read of a record, and nothing else (reference/whoop-api.md 4)."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StringConstraints, ValidationError, model_validator

from wearbase.domain.errors import UnexpectedPayload
from wearbase.domain.units import offset_min_from_text

SCORED = "SCORED"


def instant_text(instant: datetime) -> str:
    """An instant as WHOOP writes it: RFC 3339, UTC, milliseconds, `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("not a text")
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None or not 1 < instant.year < 9999:
        raise ValueError("not an instant")
    return instant.astimezone(UTC)


def _offset(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return offset_min_from_text(value)


def _uuid(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return str(UUID(value))


def _whole(value: object) -> object:
    """70.0 as 70: WHOOP writes whole numbers with a decimal part where its contract says integer."""
    exact = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if exact else value  # type: ignore[arg-type]


Instant = Annotated[datetime, PlainValidator(_instant)]
OffsetMin = Annotated[int, PlainValidator(_offset)]
Uuid = Annotated[str, PlainValidator(_uuid)]
Whole = Annotated[int, BeforeValidator(_whole), Field(ge=-(2**63), lt=2**63)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Wire(BaseModel):
    """Strict about types, deaf to members we do not know; null and absent are the same."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ScoredRecord(Wire):
    user_id: Whole
    updated_at: Instant
    score_state: Word

    @model_validator(mode="before")
    @classmethod
    def _trust_the_state(cls, raw: Any) -> Any:
        """Without the numbers of a score that the state does not vouch for."""
        return {**raw, "score": None} if isinstance(raw, dict) and raw.get("score_state") != SCORED else raw


class RecoveryScore(Wire):
    user_calibrating: bool
    recovery_score: Number
    resting_heart_rate: Number
    hrv_rmssd_milli: Number
    spo2_percentage: Number | None = None
    skin_temp_celsius: Number | None = None


class Recovery(ScoredRecord):
    cycle_id: Whole
    sleep_id: Uuid
    score: RecoveryScore | None = None


class StageSummary(Wire):
    total_in_bed_time_milli: Whole
    total_awake_time_milli: Whole
    total_no_data_time_milli: Whole
    total_light_sleep_time_milli: Whole
    total_slow_wave_sleep_time_milli: Whole
    total_rem_sleep_time_milli: Whole
    sleep_cycle_count: Whole
    disturbance_count: Whole


class SleepNeeded(Wire):
    baseline_milli: Whole
    need_from_sleep_debt_milli: Whole
    need_from_recent_strain_milli: Whole
    need_from_recent_nap_milli: Whole


class SleepScore(Wire):
    stage_summary: StageSummary
    sleep_needed: SleepNeeded
    respiratory_rate: Number | None = None
    sleep_performance_percentage: Number | None = None
    sleep_consistency_percentage: Number | None = None
    sleep_efficiency_percentage: Number | None = None


class Sleep(ScoredRecord):
    id: Uuid
    cycle_id: Whole
    start: Instant
    end: Instant
    timezone_offset: OffsetMin
    nap: bool
    score: SleepScore | None = None


class ZoneDurations(Wire):
    zone_zero_milli: Whole
    zone_one_milli: Whole
    zone_two_milli: Whole
    zone_three_milli: Whole
    zone_four_milli: Whole
    zone_five_milli: Whole


class WorkoutScore(Wire):
    strain: Number
    average_heart_rate: Whole
    max_heart_rate: Whole
    kilojoule: Number
    percent_recorded: Number
    distance_meter: Number | None = None
    altitude_gain_meter: Number | None = None
    altitude_change_meter: Number | None = None
    zone_durations: ZoneDurations | None = None


class Workout(ScoredRecord):
    id: Uuid
    start: Instant
    end: Instant
    timezone_offset: OffsetMin
    sport_name: Word
    score: WorkoutScore | None = None


class CycleScore(Wire):
    strain: Number
    kilojoule: Number
    average_heart_rate: Whole
    max_heart_rate: Whole


class Cycle(ScoredRecord):
    id: Whole
    start: Instant
    end: Instant | None = None
    timezone_offset: OffsetMin
    score: CycleScore | None = None
    step_count: Whole | None = None


class Delivery(Wire):
    """A webhook's body. `id` is a UUID for every type we know; others may carry anything, or nothing, that names something."""

    user_id: Whole
    id: Word | Whole | None = None
    type: Word
    trace_id: Word | None = None


class Named(Wire):
    """What a delivery of a known type names: a sleep (also for its recovery) or a workout."""

    id: Uuid


class Profile(Wire):
    user_id: Whole


W = TypeVar("W", bound=Wire)


def read(shape: type[W], raw: object) -> W:
    """The wire value as that shape. Raises UnexpectedPayload with the paths at fault."""
    try:
        wire = shape.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        paths = [".".join(map(str, e["loc"])) for e in found]
        raise UnexpectedPayload(path=", ".join(dict.fromkeys(paths)), kind=found[0]["type"], provider="whoop") from None
    if isinstance(wire, ScoredRecord) and wire.score_state == SCORED and getattr(wire, "score", None) is None:
        raise UnexpectedPayload(path="score", provider="whoop")
    return wire
