"""Health documents: what every source knows of a day, in one local query; reads that arrive together share it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import orjson

from wearbase.domain.clock import Clock
from wearbase.domain.combining import Combining
from wearbase.domain.days import HALF_DAY
from wearbase.domain.provider import Provider
from wearbase.read.envelope import ResourceState, instant, last_sync, source_state
from wearbase.store import health
from wearbase.store.health import HealthRow, Key
from wearbase.store.postgres.database import Database
from wearbase.store.postgres.together import Together

LARGEST_BATCH = 64
MOST_DAYS = 90
DAY = timedelta(days=1)


class Source(NamedTuple):
    """How one source of a user stands, whatever the day."""

    name: str
    state: str
    today: date
    offset_min: int
    looked_at: datetime | None  # or since when it is connected, if that is later
    first_day: date | None
    resources: list[ResourceState]
    history_from: dict[str, str | None]
    overlap: timedelta  # how far back each complete read goes


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
    """A finished body, and what the caller may want to act on without parsing it."""

    day: date
    body: bytes
    etag: str
    sources: list[Standing]


class HealthReader:
    """Answers for one day or several. `states` are a caller's better knowledge of some sources."""

    def __init__(self, db: Database, clock: Clock, combining: Combining) -> None:
        self._db, self._clock, self._combining = db, clock, combining
        self._rows = Together(self._read, largest=LARGEST_BATCH)

    async def day(self, user_id: str, day: date | None, states: Mapping[str, str] | None = None) -> HealthAnswer:
        """One local day, today without `day`. A user never seen has sources that are not connected. Raises DatabaseUnavailable."""
        row = await self._rows(Key(user_id, day))
        now = self._clock.now()
        return self._answer(row, self._sources(row, states or {}, now=now), now=now)

    async def recent(self, user_id: str, count: int, states: Mapping[str, str] | None = None) -> list[HealthAnswer]:
        """So many days up to the user's own today, oldest first."""
        keys = [Key(user_id, None, count - 1 - n, n == 0) for n in range(min(count, MOST_DAYS))]
        now = self._clock.now()
        async with self._db.connection() as tx:
            found = await health.read(tx, keys, sources=self._combining.sources, making=self._combining.making, now=now)
        sources = self._sources(found[0], states or {}, now=now)
        return [self._answer(row, sources, now=now) for row in found]

    async def _read(self, keys: list[Key]) -> dict[Key, HealthRow]:
        wanted = list(dict.fromkeys(keys))
        async with self._db.connection() as tx:
            found = await health.read(tx, wanted, sources=self._combining.sources, making=self._combining.making, now=self._clock.now())
        return dict(zip(wanted, found, strict=True))

    def _sources(self, row: HealthRow, states: Mapping[str, str], *, now: datetime) -> list[Source]:
        """Every source there is here, connected or not."""
        known = {c[0]: c for c in row.connections or ()}
        by_source: dict[str, list[list[Any]]] = {}
        for state in row.states or ():
            by_source.setdefault(state[0], []).append(state)
        said = [(p, known.get(p.name), by_source.get(p.name, ()), states.get(p.name)) for p in self._combining.providers]
        return [_source(*what, now=now) for what in said]

    def _answer(self, row: HealthRow, sources: Sequence[Source], *, now: datetime) -> HealthAnswer:
        stored = self._made_anew(row) if row.is_outdated else row
        have = (stored.sources or ()) if stored is not None else ()
        standings = [_standing(source, row.day, has_data=source.name in have, now=now) for source in sources]
        moving = {s.source.name: _moving(s) for s in standings}
        body = _spliced(stored, moving) if stored is not None and stored.body else _empty(row, moving)
        said = hashlib.blake2b((stored.revision or "none").encode() if stored is not None else b"none", digest_size=12)
        for text in moving.values():
            said.update(text)
        return HealthAnswer(row.day, body, f'"{said.hexdigest()}"', standings)

    def _made_anew(self, row: HealthRow) -> health.Document | None:
        """The document of a day that was stored before it was combined so, or by an older program. The next change stores it."""
        if not row.parts:
            return None
        parts = {name: health.part(body, revision, datetime.fromisoformat(at)) for name, body, revision, at in row.parts}
        return health.document(self._combining, row.user_id, row.day, parts, row.wishes or {})


def _source(provider: Provider, connection: list[Any] | None, states: Sequence[list[Any]], said: str | None, *, now: datetime) -> Source:
    _, state, offset_min, looked_at, first_day = connection or (provider.name, None, None, None, None)
    resources = [ResourceState(s[1], instant(s[2]), instant(s[7]), s[3], s[4], s[5]) for s in states]
    return Source(
        name=provider.name,
        state=said or source_state(state, resources, now=now),
        today=(now + timedelta(minutes=offset_min or 0)).date(),
        offset_min=offset_min or 0,
        looked_at=datetime.fromisoformat(looked_at).replace(tzinfo=UTC) if looked_at else None,
        first_day=date.fromisoformat(first_day) if first_day else None,
        resources=resources,
        history_from={s[1]: s[6] for s in states},
        overlap=provider.overlap,
    )


def _standing(source: Source, day: date, *, has_data: bool, now: datetime) -> Standing:
    midnight = datetime.combine(day, time.min) - timedelta(minutes=source.offset_min)  # UTC without saying so, as the database's texts
    begun, over = (midnight - HALF_DAY).isoformat(), (midnight + DAY).isoformat()
    is_over = day < source.today
    missing = [r.name for r in source.resources if not _is_read(r, source, begun, over if is_over else None)]
    reason = None if has_data else _why_not(source, day, begun)
    return Standing(source, has_data, reason, missing, is_over)


def _is_read(resource: ResourceState, source: Source, begun: str, over: str | None) -> bool:
    """Whether a day is completely read: from before it began, after it was over. A day that runs: whether it was read at all."""
    if resource.last_success_at is None or over is None:
        return resource.last_success_at is not None
    history_from = source.history_from[resource.name]
    reaches = history_from is not None and history_from <= begun
    recent = datetime.fromisoformat(resource.last_success_at).replace(tzinfo=None) - source.overlap
    return resource.last_success_at >= over and (reaches or recent.isoformat() <= begun)


def _why_not(source: Source, day: date, begun: str) -> str | None:
    """Why a source has no part of the day; None: it may still come today."""
    if day > source.today:
        return "future"
    if source.state == "not_connected":
        return "not_connected"
    if day == source.today:
        return None
    reaches = [at for at in source.history_from.values() if at is not None]
    if any(r.in_backfill for r in source.resources) and (source.first_day is None or day < source.first_day):
        return "not_reached"
    if reaches and begun < max(reaches):
        return "too_old"
    return "before_history" if source.first_day is None or day < source.first_day else "gap"


def _moving(standing: Standing) -> bytes:
    """What moves of one source, as the inside of its object."""
    source = standing.source
    fields = {
        "state": source.state,
        "not_yet": not standing.has_data and standing.no_data_reason is None,
        "no_data_reason": standing.no_data_reason,
        "last_success_at": last_sync(source.resources),
        "completeness": {
            "is_complete": standing.is_over and bool(source.resources) and not standing.missing,
            "is_day_over": standing.is_over,
            "missing": standing.missing,
        },
    }
    return orjson.dumps(fields)[1:-1]


def _spliced(stored: "health.Document | HealthRow", moving: Mapping[str, bytes]) -> bytes:
    """The whole answer: the moving fields behind the brace of each source, and the sources without a part at the end."""
    body, places, names = stored.body or "", stored.places or (), stored.sources or ()
    pieces, at = [], 0
    for name, place in zip(names, places, strict=True):
        pieces += [body[at:place].encode(), moving[name], b","]
        at = place
    pieces.append(body[at:-2].encode())
    pieces += [_without_part(name, text, is_first=False) for name, text in moving.items() if name not in names]
    return b"".join([*pieces, b"}}"])


def _empty(row: HealthRow, moving: Mapping[str, bytes]) -> bytes:
    head = orjson.dumps({"user_id": row.user_id, "date": row.day.isoformat(), "combined": {}})[:-1] + b',"sources":{'
    return head + b"".join(_without_part(name, text, is_first=n == 0) for n, (name, text) in enumerate(moving.items())) + b"}}"


def _without_part(name: str, moving: bytes, *, is_first: bool) -> bytes:
    return b'%s"%s":{%s,"last_change_at":null,"data":null}' % (b"" if is_first else b",", name.encode(), moving)


async def preferences(db: Database, user_id: str) -> dict[str, Any]:
    """What a member prefers; empty if nothing was said. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        return await health.preferences(tx, user_id)
