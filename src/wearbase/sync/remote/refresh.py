"""Before a read: brings the stored copy of another wearbase's days up to date, within the reader's time.

What takes longer goes on behind the answer. Nothing is stored for a turn that has ended: see `store/copies.py`.
"""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from weakref import WeakValueDictionary

import structlog

from wearbase.domain.errors import PassedOn, ServiceAnswerUnusable, ServiceRefusesKey, ServiceUnavailable, WearbaseError, place_of
from wearbase.store import connections, days
from wearbase.store.postgres.database import Tx
from wearbase.store.watching import changes
from wearbase.store.work import chores, copies
from wearbase.store.work.copies import Copied, Span
from wearbase.sync import combine
from wearbase.sync.engine import Engine
from wearbase.sync.remote.answers import CLOCKS_APART, Unusable, copied
from wearbase.sync.remote.ending import AT_SERVICE, member_of
from wearbase.transport.breaker import State
from wearbase.transport.remote import CALL_S, Remote

log = structlog.get_logger()

ASK_EVERY = timedelta(seconds=30)
HURRY, HURRY_FOR = timedelta(seconds=2), timedelta(seconds=60)  # after a person's wish more is to come, and somebody waits for it
FAILED_AGAIN_AFTER = timedelta(seconds=5)
LOOK_STEP_S = 0.05
MOST_DAYS = 366
MOST_REMEMBERED = 50_000
OLDER_AT_MOST = timedelta(minutes=1)  # an answer that much older than the copy says more of a clock than of an order


@dataclass(frozen=True, slots=True)
class _Known:
    """What came of the last turn: until when it need not be asked again, and the state to tell if the copy is not current."""

    again_at: datetime
    state: str | None


class Copies:
    """The copies as this process knows them: one question at a time for each member, shared by all who wait for it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[Span, _Known] = {}
        self._under_way: dict[Span, asyncio.Task[_Known]] = {}
        self._asking: set[tuple[str, str]] = set()  # for whom a service's answer is waited for, by us or by another process
        self._in_hurry: dict[str, datetime] = {}
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def bring(self, user_id: str, start: date, end: date, *, at_most_s: float, only: str | None = None) -> dict[str, str]:
        """Returns when the copies of these days, both included, are as the originals or that time is over.

        The states to tell of those that are not: `stale`; `unavailable` where there is no copy, or the service refuses our key.
        Raises DatabaseUnavailable.
        """
        names = [name for name in self._engine.remotes if only in (None, name)]
        if not names:
            return {}
        give_up = asyncio.get_running_loop().time() + at_most_s
        states = await asyncio.gather(
            *(self._all(self._engine.remotes[name], _spans(user_id, name, start, end), give_up) for name in names)
        )
        return {name: state for name, state in zip(names, states, strict=True) if state is not None}

    def known(self, user_id: str, start: date, end: date) -> dict[str, str] | None:
        """What `bring` would return without asking anybody; None where it would ask."""
        found, now = {}, self._engine.clock.now()
        for name in self._engine.remotes:
            for span in _spans(user_id, name, start, end):
                known = self._known.get(span)
                if known is None or now >= known.again_at:
                    return None
                if known.state is not None:
                    found.setdefault(name, known.state)
        return found

    def forget(self, user_id: str) -> None:
        """Something was changed for this member: the next read asks."""
        for span in [span for span in self._known if span.user_id == user_id]:
            del self._known[span]

    def hurry(self, user_id: str) -> None:
        """The member wished for something that takes a while there: for a minute readers ask every other second."""
        if len(self._in_hurry) >= MOST_REMEMBERED:
            self._in_hurry.clear()
        self._in_hurry[user_id] = self._engine.clock.now() + HURRY_FOR
        self.forget(user_id)

    async def settled(self) -> None:
        """Returns once nothing is asked any more."""
        if self._under_way:
            await asyncio.wait(self._under_way.values())

    async def close(self) -> None:
        """Breaks off what is still asked."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _all(self, remote: Remote, spans: Sequence[Span], give_up: float) -> str | None:
        states = await asyncio.gather(*(self._one(remote, span, give_up) for span in spans))
        return next((state for state in states if state is not None), None)

    async def _one(self, remote: Remote, span: Span, give_up: float) -> str | None:
        known = self._known.get(span)
        if known is not None and self._engine.clock.now() < known.again_at:
            return known.state
        if remote.state is State.OPEN or (not remote.may_call and span not in self._under_way):
            remote.counts["not_asked"] += 1
            return await self._state_without(remote, span)
        task = self._under_way.get(span) or self._start(remote, span)
        loop = asyncio.get_running_loop()
        done, _ = await asyncio.wait({task}, timeout=max(0.0, give_up - loop.time()))
        if not done:
            if (span.user_id, span.provider) in self._asking:
                remote.late()
            return await self._state_without(remote, span)
        return task.result().state

    def _start(self, remote: Remote, span: Span) -> asyncio.Task[_Known]:
        task = asyncio.create_task(self._refresh(remote, span))
        self._under_way[span] = task
        task.add_done_callback(lambda done: self._done(span, done))
        return task

    def _done(self, span: Span, task: asyncio.Task[_Known]) -> None:
        self._under_way.pop(span, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[span] = task.result()
        elif not isinstance(error, WearbaseError):
            log.error("defect", error=type(error).__name__, place=place_of(error))

    async def _refresh(self, remote: Remote, span: Span) -> _Known:
        key = (span.user_id, span.provider)
        lock = self._turns.get(key) or asyncio.Lock()
        self._turns[key] = lock  # kept as long as somebody holds or awaits it
        async with lock:
            return await self._asked(remote, span)

    async def _asked(self, remote: Remote, span: Span) -> _Known:
        engine, turn, now = self._engine, uuid.uuid4(), self._engine.clock.now()
        pace = HURRY if now < self._in_hurry.get(span.user_id, now) else ASK_EVERY
        async with engine.db.transaction() as tx:
            if await chores.is_waiting_for(tx, AT_SERVICE, member=member_of(engine, span.user_id)):
                return _Known(now + FAILED_AGAIN_AFTER, None)  # it is to be erased there: nothing of it may come back
            taken = await copies.take_turn(tx, span, turn, again_at=now + pace, now=now)
        self._asking.add((span.user_id, span.provider))
        try:
            if taken.turn != turn:
                return await self._others(remote, span, taken)
            await _bring(engine, remote, span, turn, etag=taken.etag)
        except (ServiceUnavailable, ServiceRefusesKey, ServiceAnswerUnusable, PassedOn) as error:
            if isinstance(error, PassedOn):
                log.warning("service refuses to tell of a member's days", provider=remote.name, status=error.status, error=error.code)
            again_at = engine.clock.now() + FAILED_AGAIN_AFTER
            async with engine.db.transaction() as tx:
                await copies.give_back(tx, span, turn, again_at=again_at)
            return _Known(again_at, await self._state_without(remote, span, is_refused=isinstance(error, ServiceRefusesKey)))
        finally:
            self._asking.discard((span.user_id, span.provider))
        return _Known(now + pace, None)

    async def _others(self, remote: Remote, span: Span, taken: copies.Turn) -> _Known:
        """Another process asks, or has asked: what came of that."""
        engine = self._engine
        give_up = asyncio.get_running_loop().time() + CALL_S
        found: copies.Turn | None = taken
        while found is not None and found.turn == taken.turn and found.checked_at is None and found.again_at == taken.again_at:
            if asyncio.get_running_loop().time() >= give_up or engine.clock.now() > taken.asked_at + timedelta(seconds=CALL_S):
                break
            await asyncio.sleep(LOOK_STEP_S)
            async with engine.db.connection() as tx:
                found = await copies.look(tx, span)
        if found is not None and found.checked_at is not None:
            return _Known(found.again_at, None)
        return _Known(engine.clock.now() + FAILED_AGAIN_AFTER, await self._state_without(remote, span))

    async def _state_without(self, remote: Remote, span: Span, *, is_refused: bool = False) -> str | None:
        """What to tell of a copy that could not be brought up to date; None where what is stored says it already."""
        async with self._engine.db.connection() as tx:
            if await chores.is_waiting_for(tx, AT_SERVICE, member=member_of(self._engine, span.user_id)):
                return None
            found = await copies.standing(tx, span.user_id, span.provider)
        if found is None or is_refused or remote.problem == "refuses_key":
            return "unavailable"
        return "stale" if found.state == "connected" else None


async def _bring(engine: Engine, remote: Remote, span: Span, turn: uuid.UUID, *, etag: str | None) -> None:
    """Asks, looks into the answer and stores it. Raises what `Remote.call` does."""
    answer = await remote.days(span.user_id, span.start, span.end, etag=etag)
    if answer.as_of > engine.clock.now() + CLOCKS_APART:
        raise remote.misunderstood("the answer is of a time to come: set both clocks by NTP")
    if answer.body is None:
        remote.understood()
        remote.counts["unchanged"] += 1
        async with engine.db.transaction() as tx:
            await copies.finish(tx, span, turn, etag=etag, now=engine.clock.now())
        return
    try:
        found = copied(answer.body, span, remote.provider, as_of=answer.as_of)
    except Unusable as error:
        raise remote.misunderstood(str(error)) from None
    remote.understood()
    is_stored = await keep(engine, span, found, turn, etag=answer.etag)
    await engine.hints.tell()
    remote.counts["stored" if is_stored else "dropped"] += 1


async def keep(engine: Engine, span: Span, found: Copied, turn: uuid.UUID, *, etag: str | None) -> bool:
    """Stores an answer whole, with the documents of all sources; False if meanwhile the copy was ended, or a newer answer stored."""
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, span.user_id)
        if not await copies.holds(tx, span, turn):
            return False
        before = await copies.standing(tx, span.user_id, span.provider)
        if before is not None and (before.is_own or _is_older(found, before)):
            if before.is_own:
                log.error("this database holds connections of its own for a source that a service has", provider=span.provider)
            await copies.give_back(tx, span, turn, again_at=now)
            return False
        changed = await _put(tx, engine, span, _kept(engine, span, found, now=now), now=now)
        await combine.rebuild(tx, engine.combining, span.user_id, changed, now=now)
        if changed:
            await copies.forget_etags(tx, span)
        await copies.finish(tx, span, turn, etag=etag, now=now)
    return True


async def _put(tx: Tx, engine: Engine, span: Span, found: Copied, *, now: datetime) -> list[date]:
    if found.link is None:
        return await copies.drop_copy(tx, span.user_id, span.provider)
    await copies.put_link(tx, span, found, now=now)
    await copies.put_resources(tx, span, found.resources)
    changed = await copies.put_days(tx, span, found.days)
    connection = await connections.get(tx, span.user_id, span.provider)
    assert connection is not None
    metrics: dict[date, Mapping[str, float]] = {day: {} for day in _days(span)}
    await days.put_metrics(tx, connection, metrics | {day.day: day.metrics for day in found.days})
    if changed:
        await changes.note(tx, connection, has_dropped=not {day.day for day in found.days}.issuperset(changed))
    return changed


def _kept(engine: Engine, span: Span, found: Copied, *, now: datetime) -> Copied:
    """The answer without the days that are kept no longer here."""
    provider = next((p for p in engine.combining.providers if p.name == span.provider), None)
    first = provider.first_kept_day(now, found.link.utc_offset_min) if provider is not None and found.link is not None else None
    return found if first is None else replace(found, days=[day for day in found.days if day.day >= first])


def _is_older(found: Copied, before: copies.Standing) -> bool:
    """Whether a newer answer was stored while this one was on its way."""
    return before.copied_as_of is not None and timedelta(0) < before.copied_as_of - found.as_of <= OLDER_AT_MOST


def _days(span: Span) -> list[date]:
    return [span.start + timedelta(days=n) for n in range((span.end - span.start).days + 1)]


def _spans(user_id: str, provider: str, start: date, end: date) -> list[Span]:
    """The days in pieces that the service answers at once."""
    starts = [start + timedelta(days=n) for n in range(0, (end - start).days + 1, MOST_DAYS)]
    return [Span(user_id=user_id, provider=provider, start=s, end=min(end, s + timedelta(days=MOST_DAYS - 1))) for s in starts]
