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
from wearbase.read.envelope import ResourceState, instant, last_sync, source_state
from wearbase.store import health
from wearbase.store.health import Document, HealthRow, Made
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
    copied: list[list[str]] | None  # of a copy: the stretches of days that were asked for
    is_told: bool  # of which nothing is stored, but what the caller knows

    def reads_all(self, begun: str, over: str) -> bool:
        """Whether a day between these is completely read, as nearly all are; False where it takes a closer look."""
        reaches = all(at is not None and at <= begun for at in self.history_from.values())
        return reaches and all(r.last_success_at is not None and r.last_success_at >= over for r in self.resources)

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
    """A finished body, and what the caller may want to act on without parsing it."""

    day: date
    body: bytes
    etag: str
    sources: list[Standing]


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
        now, user_id = self._clock.now(), found[0].user_id
        sources = self._sources(found[0], states, now=now)
        anew = await self._made_anew(user_id, [row.day for row in found if row.is_outdated])
        documents: list[HealthRow | Document | None] = [
            anew.get(row.day) if row.is_outdated else row if row.body else None for row in found
        ]
        return [_answer(user_id, row.day, document, sources) for row, document in zip(found, documents, strict=True)]

    def _sources(self, row: HealthRow, states: Mapping[str, str], *, now: datetime) -> list[Source]:
        """Every source there is here, connected or not."""
        known = {c[0]: c for c in row.connections or ()}
        by_source: dict[str, list[list[Any]]] = {}
        for state in row.states or ():
            by_source.setdefault(state[0], []).append(state)
        said = [(p, known.get(p.name), by_source.get(p.name, ()), states.get(p.name)) for p in self._combining.providers]
        return [_source(*what, now=now) for what in said]

    async def _made_anew(self, user_id: str, days: Sequence[date]) -> dict[date, Document]:
        """Documents of days that were stored before they were combined so, or by an older program. The next change stores them."""
        if not days:
            return {}
        async with self._db.connection() as tx:
            by_day = await health.parts_of(tx, user_id, days, self._combining.sources)
            wishes = (await health.preferences(tx, user_id)).get("precedence", {})
        return {day: health.document(self._combining, user_id, day, parts, wishes) for day, parts in by_day.items()}


def _answer(user_id: str, day: date, document: HealthRow | Document | None, sources: Sequence[Source]) -> HealthAnswer:
    have = (document.sources or ()) if document else ()
    standings = [_standing(source, day, has_data=source.name in have) for source in sources]
    moving = {s.source.name: _moving(s) for s in standings}
    body = _spliced(document, moving) if document else _empty(user_id, day, moving)
    said = hashlib.blake2b(f"{day}/{(document.revision if document else None) or 'none'}".encode(), digest_size=12)
    for text in moving.values():
        said.update(text)
    return HealthAnswer(day, body, f'"{said.hexdigest()}"', standings)


def _source(provider: Provider, connection: list[Any] | None, states: Sequence[list[Any]], said: str | None, *, now: datetime) -> Source:
    _, state, offset_min, looked_at, first_day, copied = connection or (provider.name, None, None, None, None, None)
    declared = [r.name for r in provider.resources]
    in_order = sorted(states, key=lambda s: (declared.index(s[1]) if s[1] in declared else len(declared), s[1]))
    resources = [ResourceState(s[1], instant(s[2]), None, s[3], s[4], s[5], instant(s[7])) for s in in_order]
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
        copied=copied,
        is_told=connection is None and said is not None,
    )


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
    return [r.name for r in source.resources if not _is_read(r, source, begun, over)]


def _is_read(resource: ResourceState, source: Source, begun: str, over: str | None) -> bool:
    if resource.last_success_at is None or over is None:
        return resource.last_success_at is not None
    if resource.last_success_at < over:
        return False
    history_from = source.history_from[resource.name]
    if history_from is not None and history_from <= begun:
        return True
    recent = datetime.fromisoformat(resource.last_success_at).replace(tzinfo=None) - source.overlap
    return recent.isoformat() <= begun


def _why_not(source: Source, day: date, begun: str) -> str | None:
    """Why a source has no part of the day; None: it may still come today."""
    if day > source.today:
        return "future"
    if source.state == "not_connected":
        return "not_connected"
    if not source.knows(day):
        return "not_reached"
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


def _spliced(stored: Document | HealthRow, moving: Mapping[str, bytes]) -> bytes:
    """The whole answer: the moving fields behind the brace of each source, and the sources without a part at the end."""
    body, places, names = stored.body or "", stored.places or (), stored.sources or ()
    pieces, at = [], 0
    for name, place in zip(names, places, strict=True):
        pieces += [body[at:place].encode(), moving[name], b","]
        at = place
    pieces.append(body[at:-2].encode())
    pieces += [_without_part(name, text, is_first=False) for name, text in moving.items() if name not in names]
    return b"".join([*pieces, b"}}"])


def _empty(user_id: str, day: date, moving: Mapping[str, bytes]) -> bytes:
    head = orjson.dumps({"user_id": user_id, "date": day.isoformat(), "combined": {}})[:-1] + b',"sources":{'
    return head + b"".join(_without_part(name, text, is_first=n == 0) for n, (name, text) in enumerate(moving.items())) + b"}}"


def _without_part(name: str, moving: bytes, *, is_first: bool) -> bytes:
    return b'%s"%s":{%s,"last_change_at":null,"data":null}' % (b"" if is_first else b",", name.encode(), moving)


async def preferences(db: Database, user_id: str) -> dict[str, Any]:
    """What a member prefers; empty if nothing was said. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        return await health.preferences(tx, user_id)
