"""What another wearbase answers about some days, looked into before anything of it is stored. Pure."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from wearbase.domain.provider import Provider
from wearbase.store.work.copies import Copied, CopiedDay, CopiedResource, SharedLink, Span, part_of

CLOCKS_APART = timedelta(minutes=5)  # at most, between two services
LARGEST = 1e9  # no value of a day comes near it, in any unit
MOVING = ("last_sync", "data_source", "sync")


class Unusable(ValueError):
    """Why an answer is not used. Names places, never values."""


class _Connection(BaseModel):
    state: Literal["connected", "needs_reauthorization", "disconnected"]
    connected_at: AwareDatetime
    utc_offset_min: int | None = Field(ge=-24 * 60, le=24 * 60)
    offset_seen_at: AwareDatetime | None
    open_day: date | None
    first_day: date | None


class _Resource(BaseModel):
    last_attempt_at: AwareDatetime | None
    last_success_at: AwareDatetime | None
    next_due_at: AwareDatetime | None
    waits_until: AwareDatetime | None = None
    history_from: AwareDatetime | None
    backfill_until: AwareDatetime | None
    records_synced: int
    error: str | None = Field(max_length=100)


class _Status(BaseModel):
    resources: dict[str, dict[str, Any]]
    open_deliveries: int
    parked_deliveries: int
    parked_records: list[dict[str, Any]]
    days_stored: int
    not_granted: list[str] = []
    days_by_resource: dict[str, int] = {}


class _Freshness(BaseModel):
    resources: dict[str, _Resource]
    status: _Status


class _Day(BaseModel):
    day: date
    revision: str | None = Field(min_length=1, max_length=100)
    changed_at: AwareDatetime | None
    has_lead: bool
    metrics: dict[str, float]
    document: dict[str, Any]


class _Answer(BaseModel):
    user_id: str
    provider: str
    start: date
    end: date
    connection: _Connection | None
    freshness: _Freshness
    days: list[_Day]


def copied(body: bytes, span: Span, provider: Provider, *, as_of: datetime) -> Copied:
    """The answer as it is stored. Raises Unusable unless all of it is about this span, and of the form of the provider's documents."""
    try:
        answer = _Answer.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError:
        raise Unusable("not JSON") from None
    except ValidationError as error:
        raise Unusable(f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['type']}") from None
    if (answer.user_id, answer.provider, answer.start, answer.end) != span.key:
        raise Unusable("about another member, source or range")
    wanted = [span.start + timedelta(days=n) for n in range((span.end - span.start).days + 1)]
    if [day.day for day in answer.days] != wanted:
        raise Unusable("days: not those asked for")
    if answer.connection is None and any(day.revision for day in answer.days):
        raise Unusable("days: of no connection")
    moments = [day.changed_at for day in answer.days]
    moments += [answer.connection.connected_at, answer.connection.offset_seen_at] if answer.connection else []
    moments += [at for one in answer.freshness.resources.values() for at in (one.last_attempt_at, one.last_success_at)]
    if any(at is not None and at > as_of + CLOCKS_APART for at in moments):
        raise Unusable("an instant after the answer's own")
    return Copied(
        link=SharedLink(**answer.connection.model_dump()) if answer.connection else None,
        resources=[_resource(name, found) for name, found in answer.freshness.resources.items()],
        days=[_day(day, span, provider) for day in answer.days if day.revision is not None],
        status=answer.freshness.status.model_dump(),
        as_of=as_of.astimezone(UTC),
    )


def _resource(name: str, found: _Resource) -> CopiedResource:
    return CopiedResource(
        resource=name, due_at=found.next_due_at, waits_until=found.waits_until, last_attempt_at=found.last_attempt_at,
        last_success_at=found.last_success_at, history_from=found.history_from, backfill_end=found.backfill_until,
        records_synced=found.records_synced, error=found.error,
    )  # fmt: skip


def _day(found: _Day, span: Span, provider: Provider) -> CopiedDay:
    place, document = f"days.{found.day}", found.document
    if (document.get("user_id"), document.get("date")) != (span.user_id, found.day.isoformat()):
        raise Unusable(f"{place}.document: of another member or day")
    if found.changed_at is None or found.revision is None:
        raise Unusable(f"{place}.changed_at: missing")
    _check_form(document, provider, place)
    _check_values(document, found.metrics, provider, place)
    return CopiedDay(
        day=found.day, revision=found.revision, body=part_of(document, MOVING), has_lead=found.has_lead, changed_at=found.changed_at,
        metrics=found.metrics,
    )  # fmt: skip


def _check_form(document: Mapping[str, Any], provider: Provider, place: str) -> None:
    """Every section there is, of its kind: an object or null, or a list of objects."""
    for name, empty in provider.empty_day().items():
        found = document.get(name, _MISSING)
        if isinstance(empty, list):
            is_good = isinstance(found, list) and all(isinstance(one, dict) for one in found)
        else:
            is_good = found is None or isinstance(found, dict)
        if not is_good:
            raise Unusable(f"{place}.document.{name}: missing or of another kind")


def _check_values(document: Mapping[str, Any], metrics: Mapping[str, float], provider: Provider, place: str) -> None:
    """Every quantity of its kind, and the metrics those that the provider makes of days."""
    for quantity in provider.quantities:
        value = quantity.value(document)
        if value is not None and not (_is_instant(value) if quantity.unit == "instant" else _is_number(value)):
            raise Unusable(f"{place}.document.{quantity.place}: of another kind, or impossible")
    try:
        known = {*provider.day_metrics(document), *(quantity.metric for quantity in provider.quantities)}
    except (TypeError, ValueError, KeyError, AttributeError):
        raise Unusable(f"{place}.document: gives no metrics") from None
    if not (known.issuperset(metrics) and all(map(_is_number, metrics.values()))):
        raise Unusable(f"{place}.metrics: unknown, or impossible")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST  # not a number is never that


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).utcoffset() is not None
    except ValueError:
        return False


_MISSING = object()
