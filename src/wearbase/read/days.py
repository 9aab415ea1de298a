"""Day documents: one local query a read; reads that arrive together share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import orjson

from wearbase.domain.clock import Clock
from wearbase.read.envelope import Standing, etag, resources_of, source_state, spliced, today_of
from wearbase.store import days
from wearbase.store.days import DayRow, Reach
from wearbase.store.postgres.database import Database, Tx
from wearbase.store.postgres.together import Together
from wearbase.store.work import copies

LARGEST_BATCH = 64
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class DayAnswer:
    """A finished body, and what the caller may want to act on without parsing it."""

    body: bytes
    etag: str
    state: str
    has_document: bool
    no_data_reason: str | None
    revision: str | None
    looked_at: datetime | None  # when somebody last looked, to the hour, or connected


class DayReader:
    """Answers for one day. While one query is under way, the reads that come meanwhile are gathered for the next."""

    def __init__(
        self, db: Database, clock: Clock, empty_days: Mapping[str, Mapping[str, Any]], kept: Mapping[str, int | None] | None = None
    ) -> None:
        """`kept`: of how many days before today each source's data is kept, None: for ever."""
        self._db, self._clock, self._empty_days, self._kept = db, clock, empty_days, kept or {}
        self._rows = {name: Together(partial(self._read, name), largest=LARGEST_BATCH) for name in empty_days}

    async def day(self, user_id: str, provider: str, day: date, *, source: str = "database", state: str | None = None) -> DayAnswer:
        """The document of one day, or an empty one that says why; `state` if the caller knows better. Raises DatabaseUnavailable."""
        return await self._answer(await self._rows[provider]((user_id, day)), provider, source=source, known_state=state)

    async def range(self, user_id: str, provider: str, start: date, end: date, *, state: str | None = None) -> list[DayAnswer]:
        """The documents of `start` to `end`, both included, at most 366; `state` if the caller knows better."""
        async with self._db.connection() as tx:
            found = await self.rows(tx, user_id, provider, start, end)
        return await self.answers(found, provider, state=state)

    async def rows(self, tx: Tx, user_id: str, provider: str, start: date, end: date) -> list[DayRow]:
        """What is stored of those days, oldest first."""
        wanted = [start + timedelta(days=n) for n in range(min((end - start).days + 1, MOST_DAYS))]
        return sorted(await days.read(tx, provider, [(user_id, day) for day in wanted]), key=lambda row: row.day)

    async def answers(self, found: Sequence[DayRow], provider: str, *, state: str | None = None) -> list[DayAnswer]:
        """Their answers."""
        reach = None
        if any(row.body is None and row.state is not None for row in found):
            async with self._db.connection() as tx:
                reach = await days.reach(tx, found[0].user_id, provider)
        return [await self._answer(row, provider, known_state=state, reach=reach) for row in found]

    def empty_body(self, user_id: str, provider: str, day: date) -> str:
        """A document without data."""
        return orjson.dumps({"user_id": user_id, "date": day.isoformat(), **self._empty_days[provider]}).decode()

    async def _answer(
        self, row: DayRow, provider: str, *, source: str = "database", known_state: str | None = None, reach: Reach | None = None
    ) -> DayAnswer:
        now = self._clock.now()
        resources = resources_of(row)
        state = known_state or source_state(row.state, resources, now=now)
        reason = None if row.body is not None else await self._reason(row, provider, state=state, reach=reach)
        body = row.body or self.empty_body(row.user_id, provider, row.day)
        standing = Standing(state, reason, source)
        answer = spliced(row, resources, body, standing, now=now)
        return DayAnswer(answer, etag(row, resources, standing, now=now), state, row.body is not None, reason, row.revision, row.looked_at)

    async def _read(self, provider: str, keys: list[tuple[str, date]]) -> dict[tuple[str, date], DayRow]:
        async with self._db.connection() as tx:
            found = await days.read(tx, provider, list(dict.fromkeys(keys)))
        return {(row.user_id, row.day): row for row in found}

    async def _reason(self, row: DayRow, provider: str, *, state: str, reach: Reach | None) -> str | None:
        """Why a day has no document. Rare, so it may ask again."""
        if reach is None:
            async with self._db.connection() as tx:
                reach = await days.reach(tx, row.user_id, provider)
        return why_empty(row, reach, state=state, keep_days=self._kept.get(provider), now=self._clock.now())


def why_empty(row: DayRow, reach: Reach, *, state: str, now: datetime, keep_days: int | None = None) -> str | None:
    """Why a day has no document; None: it may still come today."""
    today = today_of(row, now=now)
    if row.day > today:
        return "future"
    if row.state is None and state == "unavailable":
        return "not_reached"
    if row.state is None or row.state == "disconnected":
        return "not_connected"
    if keep_days is not None and row.day < today - timedelta(days=keep_days):
        return "kept_no_longer"
    if not copies.is_known(reach.copied_days, row.day):
        return "not_reached"
    if row.day == today:
        return None
    if reach.is_in_backfill and (reach.first_day is None or row.day < reach.first_day):
        return "not_reached"
    if reach.history_from is not None and row.day < reach.history_from.date():
        return "too_old"
    if reach.first_day is None or row.day < reach.first_day:
        return "before_history"
    return "gap"
