"""A day with all that its page shows around it: usual ranges, small histories, the week, how far the history reaches, the sources."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import orjson

from wearbase.domain.baselines import USUAL_DAYS, baseline
from wearbase.domain.clock import Clock
from wearbase.domain.combining import Combining
from wearbase.read.days import DayReader, why_empty
from wearbase.read.envelope import Standing, resources_of, spliced
from wearbase.read.status import Counts, SourceStatus, assembled, rfc3339
from wearbase.read.views.recoveries import cells
from wearbase.store.connections import Connection
from wearbase.store.days import DayRow, Reach
from wearbase.store.member import views
from wearbase.store.member.views import Asked, DayView
from wearbase.store.postgres.database import Database
from wearbase.store.work import copies
from wearbase.store.work.due import SyncState

FIRST, SECOND = "whoop", "sahha"  # whose days the page is made of, and whose scores stand beside them
RECENT_DAYS = 14


@dataclass(frozen=True, slots=True)
class View:
    """What the page is given, but for the sources, which the caller knows more of; and what a caller may want to act on."""

    content: dict[str, Any]
    document: bytes  # of the leading source, with its envelope
    sources: dict[str, SourceStatus]
    has_document: bool
    no_data_reason: str | None

    def is_missing(self, source: str) -> bool:
        """Whether a fetch may bring the day's part of that source."""
        has_part = self.has_document if source == FIRST else self.content["sahha"] is not None
        return not has_part and self.sources[source].state != "not_connected" and self.content["date"] <= self.content["today"]

    def body(self, sources: Mapping[str, Any], *, now: datetime) -> tuple[bytes, str]:
        """The finished answer and its ETag, which does not change with the time alone."""
        inner = orjson.dumps({**self.content, "sources": sources})[1:-1] + b',"day":' + self.document
        etag = f'"{hashlib.blake2b(inner, digest_size=12).hexdigest()}"'
        return b'{"server_time":"%s",%s}' % ((rfc3339(now) or "").encode(), inner), etag


class DayViews:
    """Answers for one installation."""

    def __init__(self, db: Database, clock: Clock, reader: DayReader, combining: Combining) -> None:
        self._db, self._clock, self._reader, self._combining = db, clock, reader, combining

    async def day(self, user_id: str, day: date | None, states: Mapping[str, str] | None = None) -> View:
        """One day, today without `day`; `states` are a caller's better knowledge of some sources. Raises DatabaseUnavailable."""
        asked = Asked(user_id=user_id, provider=FIRST, second=SECOND, sources=self._combining.sources, reach=USUAL_DAYS + RECENT_DAYS)
        now = self._clock.now()
        async with self._db.connection() as tx:
            found = await views.day(tx, asked, day, now=now)
        return self._view(user_id, found, states or {}, now=now)

    def _view(self, user_id: str, found: DayView, states: Mapping[str, str], *, now: datetime) -> View:
        sources = {name: _source(name, found, states.get(name), now=now) for name in self._combining.sources}
        series = dict(self._series(found))
        row = _row(user_id, found, sources[FIRST])
        resources = resources_of(row)
        reason = None if found.body is not None else why_empty(row, _reach(found), state=sources[FIRST].state, now=now)
        standing = Standing(sources[FIRST].state, reason, "database")
        body = found.body or self._reader.empty_body(user_id, FIRST, found.day)
        last = min(found.day + timedelta(days=1), found.today)
        content = {
            "user_id": user_id, "date": found.day.isoformat(), "today": found.today.isoformat(),
            "first_day": _stored(found)[1], "last_day": _stored(found)[2],
            "previous_day_with_data": _neighbour(found, found.day_before), "next_day_with_data": _next(found),
            "usual": {name: _usual(values, found.day) for name, values in series.items()},
            "recent": {name: _recent(values, found.day) for name, values in series.items()},
            "strip": cells(found.recoveries, last - timedelta(days=6), last, today=found.today),
            "history": _history(found, sources[FIRST]), "sahha": _scores(found.scores),
        }  # fmt: skip
        return View(content, spliced(row, resources, body, standing, now=now), sources, found.body is not None, reason)

    def _series(self, found: DayView) -> Iterator[tuple[str, dict[date, float]]]:
        """Every quantity that has a value around the day, one source for each day: as the trends show it."""
        by_metric = {(s, m): q for q, ways in self._combining.ways.items() for s, m in ways.items()}
        named = [(by_metric[s, m], s, date.fromisoformat(d), v) for m, s, d, v in found.metrics or () if (s, m) in by_metric]
        for name, points in groupby(sorted(named), key=lambda point: point[0]):
            order = self._combining.order(name, found.wishes or {})
            chosen: dict[date, float] = {}
            for _, _, day, value in sorted(points, key=lambda point: order.index(point[1])):
                chosen.setdefault(day, value)
            yield name, chosen


def _usual(values: Mapping[date, float], day: date) -> dict[str, Any]:
    usual = baseline(values, day)
    return {"low": usual.low, "high": usual.high, "median": usual.median, "count": usual.count}


def _recent(values: Mapping[date, float], day: date) -> list[list[Any]]:
    days = [day - timedelta(days=n) for n in reversed(range(RECENT_DAYS))]
    return [[d.isoformat(), values.get(d)] for d in days]


def _source(name: str, found: DayView, said: str | None, *, now: datetime) -> SourceStatus:
    raw = _raw(name, found)
    connection = _typed(Connection, raw) if raw else None
    states = [_typed(SyncState, s) for s in found.states or () if s["provider"] == name]
    counts = Counts(
        open_by_resource=_of_source(name, found.open_deliveries), notices={}, parked=_of_source(name, found.parked),
        days_stored=((found.documents or {}).get(name) or [0])[0],
    )  # fmt: skip
    standing = assembled(connection, states, counts, [], now=now)
    return replace(standing, **(_raw(name, found).get("copied_status") or {}), state=said or standing.state)


def _raw(name: str, found: DayView) -> Mapping[str, Any]:
    return next((c for c in found.connections or () if c["provider"] == name), {})


def _of_source(name: str, counts: Mapping[str, int] | None) -> dict[str, int]:
    return {key.partition("/")[2]: count for key, count in (counts or {}).items() if key.partition("/")[0] == name}


def _row(user_id: str, found: DayView, source: SourceStatus) -> DayRow:
    """The day as the reader of daily-data sees it."""
    connection = source.connection
    resources = [
        [
            s["resource"],
            _cut(s["last_success_at"]),
            _cut(s["due_at"]),
            s["error"],
            s["priority"],
            s["backfill_due_at"] is not None,
            _cut(s["due_at"]) if s["waits_until"] == s["due_at"] else None,
        ]
        for s in found.states or ()
        if s["provider"] == FIRST
    ]
    return DayRow(
        user_id, found.day, found.body, found.revision, found.has_lead, connection.state if connection else None,
        connection.utc_offset_min if connection else None, connection.open_day if connection else None, None, resources,
    )  # fmt: skip


def _reach(found: DayView) -> Reach:
    states = [_typed(SyncState, s) for s in found.states or () if s["provider"] == FIRST]
    first = _stored(found)[1]
    return Reach(
        date.fromisoformat(first) if first else None,
        max((s.history_from for s in states if s.history_from), default=None),
        any(s.backfill_end is not None for s in states),
        copies.stretches(bounds) if (bounds := _raw(FIRST, found).get("copied_days")) is not None else None,
    )


def _history(found: DayView, source: SourceStatus) -> dict[str, Any]:
    """How far the history reaches: read days from now on back, of as many as are wanted."""
    resources = list(source.resources.values())
    histories = [r["backfill"] for r in resources]
    begins = [at for h in histories if (at := h.get("wanted_from") or h.get("from"))]
    is_running = any(h["is_running"] for h in histories)
    reached = max((at[:10] for h in histories if (at := h.get("from"))), default=None)
    return {
        "days_stored": source.days_stored,
        "days_wanted": (found.today - date.fromisoformat(min(begins)[:10])).days if begins else None,
        "reached_back_to": _stored(found)[1] if is_running else reached,
        "calls": sum(r["api_calls"] for r in resources),
        "is_running": is_running,
    }


def _scores(body: str | None) -> dict[str, Any] | None:
    """The second source's scores as it sent them; None without a part of the day."""
    if body is None:
        return None
    scores = orjson.loads(body).get("scores") or {}
    shown = [
        {"name": name, "score": s["score"], "score_as_sent": s["score_as_sent"], "state": s["state"], "unit": "of_100", "at": s["revision"]}
        for name, s in sorted(scores.items())
    ]
    return {"scores": shown, "at": max((s["at"] for s in shown if s["at"]), default=None)}


def _stored(found: DayView) -> Sequence[Any]:
    """How many days, the first and the last; of a copy the first is the original's."""
    count, first, last = (found.documents or {}).get(FIRST) or (0, None, None)
    return count, _raw(FIRST, found).get("copied_first_day") or first, last


def _next(found: DayView) -> str | None:
    oldest = _raw(FIRST, found).get("copied_first_day")
    return oldest if oldest is not None and found.day.isoformat() < oldest else _neighbour(found, found.day_after)


def _neighbour(found: DayView, day: date | None) -> str | None:
    """The next day with data on one side; of a copy only if every day between is known."""
    bounds = _raw(FIRST, found).get("copied_days")
    if day is not None and bounds is not None:
        known, first = copies.stretches(bounds), min(day, found.day)
        between = (first + timedelta(days=n) for n in range(abs((found.day - day).days)))
        if not all(copies.is_known(known, one) for one in between):
            return None
    return _text(day)


def _typed(kind: type[Any], row: Mapping[str, Any]) -> Any:
    """A row that came as JSON, as its type: instants and dates are texts in it."""
    return kind(**{f.name: _value(str(f.type), row[f.name]) for f in fields(kind)})


def _value(kind: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "datetime.datetime" in kind:
        return datetime.fromisoformat(value).astimezone(UTC)
    return date.fromisoformat(value) if "datetime.date" in kind else value


def _cut(instant: str | None) -> str | None:
    return (
        None if instant is None else datetime.fromisoformat(instant).astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    )


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
