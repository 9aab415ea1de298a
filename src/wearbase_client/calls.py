"""Every call of the API as a value: what to send and how to read the answer. No I/O, so that both clients share it."""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

from wearbase_client.decode import decode
from wearbase_client.errors import Unavailable, error_from, invalid, unexpected
from wearbase_client.models import (
    Connection,
    ConnectStart,
    DayDocument,
    Disconnected,
    HealthDay,
    Preferences,
    SyncResult,
    SyncStatus,
    SyncUnderWay,
    Trend,
)
from wearbase_client.remember import DayKey, Remembered, RememberedDays

T = TypeVar("T")
Day = dt.date | str
Moment = dt.date | dt.datetime | str
DataChoice = Literal["keep", "erase"]

_USER_ID = re.compile(r"[A-Za-z0-9._~@:|+-]{1,128}")
_PROVIDER = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `headers` ignores case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request, and the function that reads its answer. The body stays out of the repr: it may hold a code."""

    method: str
    path: str
    read: Callable[[Answer], T]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)


def read(call: Call[T], answer: Answer) -> T:
    """The result of a call. Raises the error that the answer carries."""
    if 200 <= answer.status < 300 or (answer.status == 304 and "If-None-Match" in call.headers):
        return call.read(answer)
    raise error_from(answer.status, answer.headers, answer.content)


def connect(user_id: str, redirect_url: str | None, provider: str) -> Call[ConnectStart]:
    def read_start(answer: Answer) -> ConnectStart:
        start = decode(ConnectStart, json_of(answer))
        if start.authorization_url is None and not start.is_connected:
            raise unexpected("The answer has no address to send the member to.", answer.status)
        return start

    query = {} if redirect_url is None else {"redirect_url": redirect_url}
    return Call(method="POST", path=_path("/api/v1/{provider}/connect/{user_id}", user_id, provider), query=query, read=read_start)


def connect_with_code(code: str, state: str) -> Call[Connection]:
    return Call(
        method="POST",
        path="/v1/oauth/callback",
        body={"code": code, "state": state},
        read=lambda answer: decode(Connection, json_of(answer)),
    )


def disconnect(user_id: str, data: DataChoice, provider: str) -> Call[Disconnected]:
    if data not in ("keep", "erase"):
        raise invalid("data", "data must be 'keep' or 'erase'.")

    def read_end(answer: Answer) -> Disconnected:
        if answer.content:
            json_of(answer)  # a page from a proxy is not a confirmation
        elif answer.status == 200:
            raise unexpected("The answer is empty.", answer.status)
        return Disconnected(user_id=user_id, provider=provider, data=data, is_complete=answer.status != 202)

    path = _path("/api/v1/{provider}/connect/{user_id}", user_id, provider)
    return Call(method="DELETE", path=path, query={"data": data}, read=read_end)


def daily_data(user_id: str, day: Day, provider: str, remembered_days: RememberedDays[DayDocument]) -> Call[DayDocument]:
    """The call for one day, conditional if the day is remembered; reading a fresh answer remembers it."""
    key = DayKey(provider, user_id, _day("date", day))
    known = remembered_days.get(key)

    def read_day(answer: Answer) -> DayDocument:
        if known and answer.status == 304:
            return known.document
        document = _day_of(user_id, json_of(answer))
        if document.date.isoformat() != key.day:
            raise unexpected("The answer is about another day.", answer.status)
        if etag := answer.headers.get("etag"):
            remembered_days.put(key, Remembered(etag, document))
        return document

    return Call(
        method="GET",
        path=_path("/api/v1/{provider}/daily-data/{user_id}", user_id, provider),
        query={"date": key.day},
        headers={"If-None-Match": known.etag} if known else {},
        read=read_day,
    )


def days(user_id: str, start: Day, end: Day, provider: str) -> Call[list[DayDocument]]:
    def read_days(answer: Answer) -> list[DayDocument]:
        body = json_of(answer)
        documents = body.get("days") if isinstance(body, dict) else body
        if not isinstance(documents, list):
            raise unexpected("The answer has no list of days.", answer.status)
        return [_day_of(user_id, document) for document in documents]

    path = _path("/api/v1/{provider}/days/{user_id}", user_id, provider)
    return Call(method="GET", path=path, query={"start": _day("start", start), "end": _day("end", end)}, read=read_days)


def health(user_id: str, day: Day | None, remembered_days: RememberedDays[HealthDay]) -> Call[HealthDay]:
    """The call for one day, conditional if the day, or today, is remembered; reading a fresh answer remembers it."""
    query = {} if day is None else {"date": _day("date", day)}
    key = DayKey("", user_id, query.get("date", ""))
    known = remembered_days.get(key)

    def read_day(answer: Answer) -> HealthDay:
        if known and answer.status == 304:
            return known.document
        document = _health_of(user_id, json_of(answer))
        if key.day and document.date.isoformat() != key.day:
            raise unexpected("The answer is about another day.", answer.status)
        if etag := answer.headers.get("etag"):
            remembered_days.put(key, Remembered(etag, document))
        return document

    path, headers = f"/api/v1/health/{user_path(user_id)}", {"If-None-Match": known.etag} if known else {}
    return Call(method="GET", path=path, query=query, headers=headers, read=read_day)


def health_days(user_id: str, count: int) -> Call[list[HealthDay]]:
    def read_days(answer: Answer) -> list[HealthDay]:
        body = json_of(answer)
        documents = body.get("days") if isinstance(body, dict) else None
        if not isinstance(documents, list):
            raise unexpected("The answer has no list of days.", answer.status)
        return [_health_of(user_id, document) for document in documents]

    return Call(method="GET", path=f"/api/v1/health/{user_path(user_id)}", query={"days": str(count)}, read=read_days)


def trend(user_id: str, metric: str, start: Day, end: Day) -> Call[Trend]:
    def read_trend(answer: Answer) -> Trend:
        found = decode(Trend, json_of(answer))
        if (found.user_id, found.metric) != (user_id, metric):
            raise unexpected("The answer is about something else.", answer.status)
        return found

    query = {"metric": metric, "start": _day("start", start), "end": _day("end", end)}
    return Call(method="GET", path=f"/api/v1/trends/{user_path(user_id)}", query=query, read=read_trend)


def preferences(user_id: str) -> Call[Preferences]:
    path = f"/api/v1/users/{user_path(user_id)}/preferences"
    return Call(method="GET", path=path, read=lambda answer: _preferences_of(user_id, json_of(answer)))


def set_preferences(user_id: str, precedence: Mapping[str, Sequence[str]], units: Mapping[str, str]) -> Call[Preferences]:
    if any(isinstance(order, str) for order in precedence.values()):
        raise invalid("precedence", "precedence must give a list of sources for each quantity.")
    body = {"precedence": {name: list(order) for name, order in precedence.items()}, "units": dict(units)}
    path = f"/api/v1/users/{user_path(user_id)}/preferences"
    return Call(method="PUT", path=path, body=body, read=lambda answer: _preferences_of(user_id, json_of(answer)))


def sync(
    user_id: str, data_types: Sequence[str] | None, date_range: tuple[Day, Day] | None, *, wait: bool, provider: str
) -> Call[SyncResult]:
    body: dict[str, Any] = {}
    if data_types is not None:
        if isinstance(data_types, str):
            raise invalid("data_types", "data_types must be a list of names.")
        body["data_types"] = list(data_types)
    if date_range is not None:
        start, end = date_range
        body["date_range"] = {"start": _day("date_range", start), "end": _day("date_range", end)}

    def read_result(answer: Answer) -> SyncResult:
        if answer.status == 202:
            return _accepted(answer)
        return decode(SyncResult, json_of(answer))

    path = _path("/api/v1/{provider}/sync/{user_id}", user_id, provider)
    return Call(method="POST", path=path, query={} if wait else {"wait": "false"}, body=body, read=read_result)


def sync_status(user_id: str, provider: str) -> Call[SyncStatus]:
    path = _path("/api/v1/{provider}/sync-status/{user_id}", user_id, provider)
    return Call(method="GET", path=path, read=lambda answer: decode(SyncStatus, json_of(answer)))


def json_of(answer: Answer) -> Any:
    """The JSON of a successful answer. Raises: Unavailable if it is not JSON."""
    try:
        return json.loads(answer.content)
    except ValueError:
        raise unexpected("The answer is not JSON.", answer.status) from None


def user_path(user_id: str) -> str:
    """The user id, safe inside a path. Raises: Invalid for what the service would refuse, or what would name another path."""
    if not _USER_ID.fullmatch(user_id) or user_id in (".", ".."):
        raise invalid("user_id", "user_id must be 1 to 128 of the characters A-Z a-z 0-9 . _ ~ @ : | + -")
    return quote(user_id, safe="")


def moment(name: str, value: Moment) -> str:
    """A date as YYYY-MM-DD, an aware datetime as RFC 3339 UTC, text as it is."""
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise invalid(name, f"{name} must have a time zone.")
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, dt.date) else value


def _accepted(answer: Answer) -> SyncResult:
    """A sync that goes on: why, and when, as far as the service says."""
    try:
        said = decode(SyncUnderWay, json_of(answer)) if answer.content else SyncUnderWay()
    except Unavailable:
        said = SyncUnderWay()
    return SyncResult(synced={}, is_complete=False, state=said.state, retry_at=said.retry_at)


def _path(template: str, user_id: str, provider: str) -> str:
    if not _PROVIDER.fullmatch(provider):
        raise invalid("provider", "provider must be a name such as 'whoop'.")
    return template.format(provider=provider, user_id=user_path(user_id))


def _day(name: str, value: Day) -> str:
    """The date as YYYY-MM-DD. A datetime is refused: which day it falls on depends on a zone."""
    try:
        if not isinstance(value, dt.datetime):
            return (value if isinstance(value, dt.date) else dt.date.fromisoformat(value)).isoformat()
    except (TypeError, ValueError):
        pass
    raise invalid(name, f"{name} must be a date, or text as YYYY-MM-DD.")


def _health_of(user_id: str, body: Any) -> HealthDay:
    document = decode(HealthDay, body)
    if document.user_id != user_id:
        raise unexpected("The answer is about another member.")
    return document


def _preferences_of(user_id: str, body: Any) -> Preferences:
    found = decode(Preferences, body)
    if found.user_id != user_id:
        raise unexpected("The answer is about another member.")
    return found


def _day_of(user_id: str, body: Any) -> DayDocument:
    """The day document. Never another member's, whatever stands between us and the service."""
    document = decode(DayDocument, body)
    if document.user_id != user_id:
        raise unexpected("The answer is about another member.")
    return document
