"""What changes for members while somebody looks: one watch for all open streams of a process, told by hints and by a poll."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from wearbase.domain.clock import Clock
from wearbase.domain.errors import DatabaseUnavailable, TooManyRequests
from wearbase.store.member import marks
from wearbase.store.member.marks import Watched
from wearbase.store.postgres.database import Database, Tx
from wearbase.store.postgres.hints import Hints
from wearbase.store.watching import changes
from wearbase.store.watching.changes import Standing

MOST_OF_A_MEMBER, MOST_STREAMS = 8, 2_000
MOST_WAITING = 1_000  # events that a slow reader may be behind; a whole history arrives as one event for each day
MOST_DAYS = 400  # told of at once: a page shows no more
MEMBERS_A_QUERY = 500
POLL_S, POLL_WITH_HINTS_S = 1.0, 2.0
GATHER_S = 0.1  # hints that come closer together share a query
OVERLAP = timedelta(seconds=30)  # a transaction dates its days as it begins, and may be seen later than one that began after it
LONGEST_AGO = timedelta(hours=1)  # a reader who comes back later reads everything again anyway
AGAIN_AFTER_S = 30
STATES = {"disconnected": "not_connected"}


@dataclass(eq=False)
class Stream:
    """One open page of one member: events that wait to be sent."""

    user_id: str
    session_id: UUID | None = None  # where the reader came with a session: the stream ends with it
    watched: Watched | None = None  # it ends as the member is erased
    since: datetime | None = None  # of a reader who comes back: what changed from then on
    is_new: bool = True
    is_over: bool = False
    _waiting: deque[bytes] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _told: dict[tuple[str, str], str] = field(default_factory=dict)

    async def take(self, *, at_most_s: float) -> list[bytes]:
        """The events that wait; none if none came in that time, or the stream is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._wake.wait()
        self._wake.clear()
        events = list(self._waiting)
        self._waiting.clear()
        return events

    def put(self, event: bytes) -> None:
        """One more event. A reader too far behind is cut off: it reads everything again when it comes back."""
        if len(self._waiting) >= MOST_WAITING:
            return self.end()
        self._waiting.append(event)
        self._wake.set()
        return None

    def put_day(self, provider: str, day: str, revision: str, event: bytes) -> None:
        """The same for a day, once for each revision."""
        if self._told.get((provider, day)) == revision:
            return
        if len(self._told) >= MOST_WAITING:
            self._told.clear()
        self._told[(provider, day)] = revision
        self.put(event)

    def end(self) -> None:
        """Nothing more is sent."""
        self.is_over = True
        self._wake.set()


@dataclass(eq=False)
class _Member:
    looked_at: datetime
    mark: int | None = None
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)
    streams: list[Stream] = field(default_factory=list)


class Live:
    """The open streams of this process. It asks the database only while there is one, and once for all of them."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        hints: Hints,
        *,
        direct_url: str | None = None,
        most: int = MOST_STREAMS,
        most_of_a_member: int = MOST_OF_A_MEMBER,
    ) -> None:
        self._db, self._clock, self._hints, self._direct_url = db, clock, hints, direct_url
        self._most, self._most_of_a_member = most, most_of_a_member
        self._members: dict[str, _Member] = {}
        self._count = 0
        self._wake = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return self._count

    def open(
        self, user_id: str, *, session_id: UUID | None = None, watched: Watched | None = None, last_event_id: str | None = None
    ) -> Stream:
        """A stream of this member's changes; it begins with how everything stands. Raises TooManyRequests."""
        member = self._members.get(user_id) or _Member(looked_at=self._clock.now())
        if self._count >= self._most or len(member.streams) >= self._most_of_a_member:
            raise TooManyRequests("Too many pages are open at once. Close one.", retry_after_s=AGAIN_AFTER_S)
        stream = Stream(user_id, session_id=session_id, watched=watched, since=_since(last_event_id, now=self._clock.now()))
        self._members[user_id] = member
        member.streams.append(stream)
        member.mark = None  # so that the next look tells all
        self._count += 1
        self._wake.set()
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return stream

    def leave(self, stream: Stream) -> None:
        """The reader has gone."""
        member = self._members.get(stream.user_id)
        if member is None or stream not in member.streams:
            return
        member.streams.remove(stream)
        self._count -= 1
        if not member.streams:
            del self._members[stream.user_id]
        self._wake.set()

    def close(self) -> None:
        """Ends every stream: the process stops."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        listener = None
        if self._direct_url is not None:
            listener = asyncio.create_task(self._hints.listen(self._direct_url, self._wake.set, topic="changed"))
        try:
            while self._members:
                with suppress(DatabaseUnavailable):
                    await self._end_erased()
                    await self._look()
                    await self._end_signed_out()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S if listener is None else POLL_WITH_HINTS_S):
                        await self._wake.wait()
                        await asyncio.sleep(GATHER_S)
                self._wake.clear()
        finally:
            if listener is not None:
                listener.cancel()
            for member in self._members.values():  # the process stops, or this has failed: the readers come again
                for stream in member.streams:
                    stream.end()

    async def _look(self) -> None:
        """Asks what changed for all members on the list, and tells their streams."""
        everybody = list(self._members.items())
        for start in range(0, len(everybody), MEMBERS_A_QUERY):
            some, now = everybody[start : start + MEMBERS_A_QUERY], self._clock.now()
            async with self._db.connection() as tx:
                found = await changes.standings(tx, [(user, member.mark) for user, member in some])
                if found:
                    await self._tell(tx, found, dict(some), now=now)

    async def _end_erased(self) -> None:
        """Whatever a stream came by: a key, or a token that is good for longer, does not end with the member."""
        streams = [s for member in self._members.values() for s in member.streams if s.watched is not None]
        if not streams:
            return
        async with self._db.connection() as tx:
            erased = await marks.erased_since(tx, {s.watched for s in streams if s.watched})
        for stream in streams:
            if stream.watched in erased:
                stream.end()

    async def _end_signed_out(self) -> None:
        streams = [s for member in self._members.values() for s in member.streams if s.session_id is not None]
        if not streams:
            return
        async with self._db.connection() as tx:
            live = await changes.live_sessions(tx, {s.session_id for s in streams if s.session_id}, now=self._clock.now())
        for stream in streams:
            if stream.session_id not in live:
                stream.end()

    async def _tell(self, tx: Tx, found: Sequence[Standing], members: dict[str, _Member], *, now: datetime) -> None:
        new = {s for member in members.values() for s in member.streams if s.is_new}  # whoever comes meanwhile has the next turn
        moved = [f for f in found if _has_moved(members[f.user_id], f)]
        since = [(f.user_id, _from(members[f.user_id])) for f in found]
        days = await changes.changed_days(tx, since, most=MOST_DAYS)
        stored = {(s.user_id, s.provider): s.days for s in await changes.stored_days(tx, [f.user_id for f in moved])}
        for standing in found:
            member, user_id = members[standing.user_id], standing.user_id
            before, member.sources = member.sources, {s["provider"]: s for s in standing.sources or ()}
            if standing in moved:
                member.days = {p: _days_of(s, stored.get((user_id, p), 0)) for p, s in member.sources.items()}
            for name in {**before, **member.sources}:
                _tell_source(member, name, before.get(name), now=now)
            for d in (d for d in days if d.user_id == user_id):
                day = d.day.isoformat()
                event = _event("day", {"provider": d.provider, "day": day, "revision": d.revision}, now=now)
                for stream in member.streams:
                    stream.put_day(d.provider, day, d.revision, event)
            member.looked_at = now
            for stream in new & set(member.streams):
                stream.is_new = False
            member.mark = None if any(s.is_new for s in member.streams) else standing.mark


def _tell_source(member: _Member, name: str, before: dict[str, Any] | None, *, now: datetime) -> None:
    """Tells how one source stands: to a new reader all of it, to others what is not as before."""
    after = member.sources.get(name)
    whole = _event("connection", {"provider": name, "state": _state(after)}, now=now)
    if _state(before) != _state(after):
        _put(member.streams, whole)
    else:
        _put((s for s in member.streams if s.is_new), whole)
    if before and (after is None or before["drops"] != after["drops"] or (before["is_known"] and not after["is_known"])):
        _put(member.streams, _event("day", {"provider": name, "day": None, "revision": None}, now=now))
    if after is None:
        return
    counts = {"days_stored": member.days.get(name, 0)}
    was = {r["name"]: r for r in (before or {}).get("resources") or ()}
    for resource in after["resources"] or ():
        body = {"provider": name, "resource": resource["name"], "state": _word([resource]), **counts, "calls": resource["calls"]}
        is_changed = before is not None and was.get(resource["name"]) != resource
        _put([s for s in member.streams if is_changed or s.is_new], _event("sync", body, now=now))
    resources = after["resources"] or []
    body = {"provider": name, "resource": None, "state": _word(resources), **counts, "calls": sum(r["calls"] for r in resources)}
    is_changed = before != after
    _put([s for s in member.streams if is_changed or s.is_new], _event("sync", body, now=now))


def _put(streams: Iterable[Stream], event: bytes) -> None:
    for stream in streams:
        stream.put(event)


def _days_of(source: dict[str, Any], stored: int) -> int:
    """How many days there are; of a copy, in the original."""
    return stored if source["days_there"] is None else source["days_there"]


def _state(source: dict[str, Any] | None) -> str:
    return "not_connected" if source is None else STATES.get(source["state"]) or source["state"]


def _word(resources: Sequence[dict[str, Any]]) -> str:
    """How these stand together: what is being done goes before what went wrong."""
    if any(r["is_running"] and not r["error"] for r in resources):
        return "running"
    if any(r["is_in_backfill"] and not r["error"] for r in resources):
        return "backfilling"
    return "failing" if any(r["error"] for r in resources) else "idle"


def _has_moved(member: _Member, standing: Standing) -> bool:
    """Whether days may have come or gone."""
    then = {name: (s["changes"], s["is_known"]) for name, s in member.sources.items()}
    return not then or then != {s["provider"]: (s["changes"], s["is_known"]) for s in standing.sources or ()}


def _from(member: _Member) -> datetime:
    """From when on days have to be told again to somebody."""
    returning = [s.since for s in member.streams if s.is_new and s.since]
    return min([*returning, member.looked_at]) - OVERLAP


def _since(last_event_id: str | None, *, now: datetime) -> datetime | None:
    """The instant that an event's id names; None for anything else."""
    if last_event_id is None or not last_event_id.isdecimal() or len(last_event_id) > 14:
        return None
    return max(datetime.fromtimestamp(int(last_event_id) / 1000, UTC), now - LONGEST_AGO)


def _event(name: str, data: dict[str, Any], *, now: datetime) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (now.timestamp() * 1000, name.encode(), orjson.dumps(data))
