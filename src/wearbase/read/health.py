"""Health documents: what every source knows of a day, in one local query; reads that arrive together share it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from wearbase.domain.clock import Clock
from wearbase.domain.combining import Combining
from wearbase.domain.days import HALF_DAY
from wearbase.domain.provider import Provider
from wearbase.read.envelope import STALE_AFTER, ResourceState, instant, source_state
from wearbase.store import health
from wearbase.store.health import Body, HealthRow, Made, ReadingRow, SourceRow
from wearbase.store.postgres.database import Database
from wearbase.store.postgres.together import Together

LARGEST_BATCH = 64
MOST_DAYS = 90
DAY = timedelta(days=1)


class Source(NamedTuple):
    """How one source of a user stands, whatever the day. Texts of instants are the database's, and are compared as they are."""

    name: str
    state: str
    today: date
    offset_min: int
    looked_at: datetime | None  # or since when it is connected, if that is later
    first_day: date | None
    readings: Sequence[ReadingRow]
    complete_from: str | None  # between these instants all of its resources are completely read, if both are known
    complete_until: str | None
    last_success: bytes  # of any resource, as JSON
    provider: Provider
    copied: list[list[str]] | None  # of a copy: the stretches of days that were asked for
    is_told: bool  # of which nothing is stored, but what the caller knows

    def reads_all(self, begun: str, over: str) -> bool:
        """Whether a day between these is completely read, as nearly all are; False where it takes a closer look."""
        return (
            self.complete_from is not None
            and self.complete_until is not None
            and self.complete_from <= begun
            and over <= self.complete_until
        )

    def knows(self, day: date) -> bool:
        """Whether it was ever asked for that day, where it is another wearbase's."""
        if self.copied is None:
            return not self.is_told
        text = day.isoformat()
        return any(start <= text < end for start, end in self.copied)


class Standing(NamedTuple):
    """How one source stands for one day."""

    source: Source
    has_data: bool
    no_data_reason: str | None
    missing: list[str]  # resources of which the day is not completely read
    is_over: bool

    @property
    def is_missing(self) -> bool:
        """Whether a fetch may bring a part of the day."""
        return not self.has_data and self.source.state != "not_connected" and self.no_data_reason != "future"


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """One day's answer, put together when it is asked for, and what the caller may want to act on without parsing it."""

    user_id: str
    day: date
    etag: str
    sources: list[Standing]
    stored: Body | None
    moving: dict[str, bytes]

    @property
    def body(self) -> bytes:
        """The whole of it."""
        return _spliced(self.stored, self.moving) if self.stored else _empty(self.user_id, self.day, self.moving)


class HealthReader:
    """Answers for one day or several. `states` are a caller's better knowledge of some sources."""

    def __init__(self, db: Database, clock: Clock, combining: Combining) -> None:
        self._db, self._clock, self._combining = db, clock, combining
        self._made = Made(combining.sources, combining.making)
        self._rows = Together(self._read, largest=LARGEST_BATCH)

    async def day(self, user_id: str, day: date | None, states: Mapping[str, str] | None = None) -> HealthAnswer:
        """One local day, today without `day`. A user never seen has sources that are not connected. Raises DatabaseUnavailable."""
        if day is None:
            return (await self.recent(user_id, 1, states))[0]
        return (await self._answers([await self._rows((user_id, day))], states or {}))[0]

    async def recent(self, user_id: str, count: int, states: Mapping[str, str] | None = None) -> list[HealthAnswer]:
        """So many days up to the user's own today, oldest first, at most 90."""
        async with self._db.connection() as tx:
            found = await health.recent(tx, user_id, min(count, MOST_DAYS), self._made, now=self._clock.now())
        return await self._answers(sorted(found, key=lambda row: row.n), states or {})

    async def _read(self, keys: list[tuple[str, date]]) -> dict[tuple[str, date], HealthRow]:
        async with self._db.connection() as tx:
            found = await health.read(tx, list(dict.fromkeys(keys)), self._made)
        return {(row.user_id, row.day): row for row in found}

    async def _answers(self, found: Sequence[HealthRow], states: Mapping[str, str]) -> list[HealthAnswer]:
        user_id, sources = found[0].user_id, self._sources(found[0], states)
        outdated = [row.day for row in found if row.is_outdated]
        anew = await self._made_anew(user_id, outdated) if outdated else {}
        return [_answer(user_id, row.day, anew.get(row.day) if row.is_outdated else row.body, sources) for row in found]

    def _sources(self, row: HealthRow, states: Mapping[str, str]) -> list[Source]:
        """Every source there is here, connected or not."""
        now, connections = _Now.of(self._clock.now()), {c.provider: c for c in row.connections}
        by_source: dict[str, list[ReadingRow]] = {}
        for reading in row.readings:
            by_source.setdefault(reading.provider, []).append(reading)
        return [
            _source(p, connections.get(p.name), by_source.get(p.name, ()), said=states.get(p.name), now=now)
            for p in self._combining.providers
        ]

    async def _made_anew(self, user_id: str, days: Sequence[date]) -> dict[date, Body]:
        """Documents of days that were stored before they were combined so, or by an older program. The next change stores them."""
        async with self._db.connection() as tx:
            by_day = await health.parts_of(tx, user_id, days, self._combining.sources)
            wishes = (await health.preferences(tx, user_id)).get("precedence", {})
        made = [health.document(self._combining, user_id, day, parts, wishes) for day, parts in by_day.items()]
        return {document.day: Body(document.revision, document.body, document.places, document.sources) for document in made}


class _Now(NamedTuple):
    """One instant in the forms in which it is compared."""

    at: datetime
    stale_before: str

    @classmethod
    def of(cls, at: datetime) -> "_Now":
        return cls(at, (at - STALE_AFTER).replace(tzinfo=None).isoformat())


def _answer(user_id: str, day: date, stored: Body | None, sources: Sequence[Source]) -> HealthAnswer:
    have = stored.sources if stored else ()
    standings = [_standing(source, day, has_data=source.name in have) for source in sources]
    moving = {s.source.name: _moving(s) for s in standings}
    said = hashlib.blake2b(f"{day}/{stored.revision if stored else 'none'}".encode(), digest_size=12)
    for text in moving.values():
        said.update(text)
    return HealthAnswer(user_id, day, f'"{said.hexdigest()}"', standings, stored, moving)


def _source(provider: Provider, connection: SourceRow | None, readings: Sequence[ReadingRow], *, said: str | None, now: _Now) -> Source:
    offset_min = (connection and connection.utc_offset_min) or 0
    successes = [r.last_success_at for r in readings if r.last_success_at is not None]
    reaches = [r.history_from for r in readings if r.history_from is not None]
    return Source(
        name=provider.name,
        state=said or _state(connection, readings, successes, now),
        today=(now.at + timedelta(minutes=offset_min)).date(),
        offset_min=offset_min,
        looked_at=datetime.fromisoformat(connection.looked_at).replace(tzinfo=UTC) if connection and connection.looked_at else None,
        first_day=date.fromisoformat(connection.first_day) if connection and connection.first_day else None,
        readings=readings,
        complete_from=max(reaches) if reaches and len(reaches) == len(readings) else None,
        complete_until=min(successes) if successes and len(successes) == len(readings) else None,
        last_success=b'"%s"' % (instant(max(successes)) or "").encode() if successes else b"null",
        provider=provider,
        copied=connection.copied if connection else None,
        is_told=connection is None and said is not None,
    )


def _state(connection: SourceRow | None, readings: Sequence[ReadingRow], successes: Sequence[str], now: _Now) -> str:
    """What `source_state` says. Nearly always nothing has failed, waits or is waited for, which is seen at a glance."""
    if connection is None:
        return "not_connected"
    is_quiet = connection.state == "connected" and len(successes) == len(readings)
    if is_quiet and all(r.error is None and r.priority != 0 and r.waits_until is None for r in readings):
        return "stale" if successes and min(successes) < now.stale_before else "ok"
    resources = [
        ResourceState(r.resource, instant(r.last_success_at), None, r.error, r.priority, r.in_backfill, instant(r.waits_until))
        for r in readings
    ]
    return source_state(connection.state, resources, now=now.at)


def _standing(source: Source, day: date, *, has_data: bool) -> Standing:
    begun, over = _bounds(day, source.offset_min)
    is_over = day < source.today
    missing = [] if is_over and source.reads_all(begun, over) else _missing(source, begun, over if is_over else None)
    return Standing(source, has_data, None if has_data else _why_not(source, day, begun), missing, is_over)


@lru_cache(maxsize=4_096)
def _bounds(day: date, offset_min: int) -> tuple[str, str]:
    """From when and until when a day's records may lie, in UTC, as the database's texts that can be compared without parsing."""
    midnight = datetime.combine(day, time.min) - timedelta(minutes=offset_min)
    return (midnight - HALF_DAY).isoformat(), (midnight + DAY).isoformat()


def _missing(source: Source, begun: str, over: str | None) -> list[str]:
    """The resources of which a day is not completely read: from before it began, after it was over. Of a day that runs: not at all."""
    names = {r.resource for r in source.readings if not _is_read(r, source, begun, over)}
    declared = [r.name for r in source.provider.resources if r.name in names] if names else []
    return [*declared, *sorted(names.difference(declared))]


def _is_read(reading: ReadingRow, source: Source, begun: str, over: str | None) -> bool:
    if reading.last_success_at is None or over is None:
        return reading.last_success_at is not None
    if reading.last_success_at < over:
        return False
    if reading.history_from is not None and reading.history_from <= begun:
        return True
    recent = datetime.fromisoformat(reading.last_success_at) - source.provider.overlap
    return recent.isoformat() <= begun


def _why_not(source: Source, day: date, begun: str) -> str | None:
    """Why a source has no part of the day; None: it may still come today."""
    if day > source.today:
        return "future"
    if source.state == "not_connected":
        return "not_connected"
    if source.provider.keep_days is not None and day < source.today - timedelta(days=source.provider.keep_days):
        return "kept_no_longer"
    if not source.knows(day):
        return "not_reached"
    if day == source.today:
        return None
    reaches = [r.history_from for r in source.readings if r.history_from is not None]
    if any(r.in_backfill for r in source.readings) and (source.first_day is None or day < source.first_day):
        return "not_reached"
    if reaches and begun < max(reaches):
        return "too_old"
    return "before_history" if source.first_day is None or day < source.first_day else "gap"


def _moving(standing: Standing) -> bytes:
    """What moves of one source, as the inside of its object."""
    source, not_yet = standing.source, not standing.has_data and standing.no_data_reason is None
    is_complete = standing.is_over and bool(source.readings) and not standing.missing
    frame = _Frame(source.state, not_yet, standing.no_data_reason, is_complete, standing.is_over, tuple(standing.missing))
    before, after = _framed(frame)
    return before + source.last_success + after


class _Frame(NamedTuple):
    state: str
    not_yet: bool
    no_data_reason: str | None
    is_complete: bool
    is_day_over: bool
    missing: tuple[str, ...]


@lru_cache(maxsize=4_096)
def _framed(said: _Frame) -> tuple[bytes, bytes]:
    """The inside of a source's object up to the instant of its last success, and from there on."""
    before = {"state": said.state, "not_yet": said.not_yet, "no_data_reason": said.no_data_reason}
    completeness = {"is_complete": said.is_complete, "is_day_over": said.is_day_over, "missing": said.missing}
    return orjson.dumps(before)[1:-1] + b',"last_success_at":', b"," + orjson.dumps({"completeness": completeness})[1:-1]


def _spliced(stored: Body, moving: Mapping[str, bytes]) -> bytes:
    """The whole answer: the moving fields behind the brace of each source, and the sources without a part at the end."""
    text, pieces, at = stored.text, [], 0
    for name, place in zip(stored.sources, stored.places, strict=True):
        pieces += [text[at:place].encode(), moving[name], b","]
        at = place
    pieces.append(text[at:-2].encode())
    pieces += [_without_part(name, said, is_first=False) for name, said in moving.items() if name not in stored.sources]
    pieces.append(b"}}")
    return b"".join(pieces)


def _empty(user_id: str, day: date, moving: Mapping[str, bytes]) -> bytes:
    head = orjson.dumps({"user_id": user_id, "date": day.isoformat(), "combined": {}})[:-1] + b',"sources":{'
    return head + b"".join(_without_part(name, text, is_first=n == 0) for n, (name, text) in enumerate(moving.items())) + b"}}"


def _without_part(name: str, moving: bytes, *, is_first: bool) -> bytes:
    return b'%s"%s":{%s,"last_change_at":null,"data":null}' % (b"" if is_first else b",", name.encode(), moving)


async def preferences(db: Database, user_id: str) -> dict[str, Any]:
    """What a member prefers; empty if nothing was said. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        return await health.preferences(tx, user_id)
