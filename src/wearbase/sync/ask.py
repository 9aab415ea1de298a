"""A person asks: mark due, and where an answer waits, watch the rows."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from wearbase.domain.days import HALF_DAY
from wearbase.domain.errors import BadRequest, ConnectionEnded, DatabaseUnavailable, MissingScope, ReauthorizationRequired, TooManyRequests
from wearbase.domain.windows import Window
from wearbase.store import connections
from wearbase.store.audit import trail
from wearbase.store.connections import Connection
from wearbase.store.member import marks
from wearbase.store.postgres.database import Tx
from wearbase.store.work import chores, due, persons
from wearbase.store.work.due import Mark, Priority, SyncState
from wearbase.sync.engine import Engine

WATCH_STEP_S = 0.03
WORKER_ALIVE = timedelta(seconds=30)
FETCH_DAYS = 7
SYNC_EVERY = timedelta(minutes=1)
OPEN_DAY_EVERY = timedelta(minutes=15)
FAILED_AGAIN_AFTER = timedelta(minutes=1)
DAY = timedelta(days=1)
PERSON, LOOK = "person", "look"
UNDER_WAY_RETRY_S = 15
LOOK_EVERY = timedelta(hours=1)
GATHER_LOOKS_S = 1.0
MOST_LOOKS_REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """What was asked for, with the counters as they stood."""

    user_id: str
    provider: str
    before: dict[str, SyncState]

    @property
    def resources(self) -> list[str]:
        return list(self.before)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a ticket so far."""

    is_done: bool
    has_worker: bool
    synced: dict[str, int]
    api_calls: int
    errors: dict[str, str]
    waits_until: datetime | None = None  # what is left waits for calls, and until then nothing comes


async def sync(
    engine: Engine, user_id: str, provider: str, *, resources: Sequence[str] | None = None, window: Window | None = None
) -> Ticket | None:
    """Marks resources due for a person; None if the user is not connected.

    Raises: BadRequest for an unknown resource, MissingScope for one that the member did not grant, TooManyRequests if this member was
    synced by a person within the last minute, is being synced, or has used up the calls that persons may cause.
    """
    names = _known(engine, provider, resources)
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await marks.check(tx, engine.keys, user_id)
        connection = await connections.get(tx, user_id, provider)
        if connection is None or not connection.is_live:
            return None
        states = _readable(await due.states(tx, user_id, provider))
        before = {s.resource: s for s in states if s.resource in names}
        _check_granted(provider, set(resources or ()) - set(before), is_any=bool(before))
        is_back = await _is_back(tx, engine, user_id, provider)
        await _check_turn(tx, engine, connection, states, wanted=len(before))
        wish = Mark(reason=PERSON, priority=Priority.PERSON, due_at=now, asked=window)
        await due.mark(tx, user_id, provider, list(before), wish)
        if is_back:
            await due.mark(tx, user_id, provider, [s.resource for s in states if s.resource not in before], _looked(now))
        await trail.write(tx, "sync_asked", user_id=user_id, provider=provider, details={"resources": sorted(before)}, now=now)
    await engine.hint()
    return Ticket(user_id, provider, before)


def _check_granted(provider: str, missing: Collection[str], *, is_any: bool) -> None:
    """Raises MissingScope: what was not granted is never answered as if it had been read."""
    if missing or not is_any:
        raise MissingScope(f"Not granted: {', '.join(sorted(missing)) or 'nothing of it all'}.", provider=provider)


async def _check_turn(tx: Tx, engine: Engine, connection: Connection, states: Sequence[SyncState], *, wanted: int) -> None:
    """Takes a person's turn. Raises TooManyRequests."""
    now = engine.clock.now()
    left = await persons.left(tx, connection.user_id, connection.provider, wanted=wanted, now=now)
    if left.retry_after_s:
        raise TooManyRequests("The calls that persons may cause for this member are used up for now.", retry_after_s=left.retry_after_s)
    if not await connections.take_sync_turn(tx, connection, now=now, every=SYNC_EVERY):
        raise TooManyRequests("One sync a minute for each member; this one was synced just now.", retry_after_s=60)
    if any(_is_under_way(s, now=now) for s in states) and await chores.has_worker(tx, since=now - WORKER_ALIVE):
        raise TooManyRequests("One sync at a time for each member; the last one is still under way.", retry_after_s=UNDER_WAY_RETRY_S)


async def wake(engine: Engine, user_id: str, provider: str) -> Ticket | None:
    """Takes a look at a member. One at whom nobody had looked for `IDLE_AFTER` is brought current: everything is marked due, once.

    None for all others, but for whoever looks while that goes on. Not held to one sync a minute.
    """
    if provider not in engine.apps:
        return None
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        is_back = await _is_back(tx, engine, user_id, provider)
        before = {s.resource: s for s in _readable(await due.states(tx, user_id, provider))}
        if is_back:
            await due.mark(tx, user_id, provider, list(before), _looked(now))
    if not is_back:
        is_awaited = any(s.reason == LOOK and _is_promised(s, now=now) for s in before.values())
        return _joined(user_id, provider, before) if is_awaited else None
    await engine.hint()
    return Ticket(user_id, provider, before)


async def take_look(engine: Engine, user_id: str, provider: str, *, at_most_s: float) -> None:
    """Takes a look at a member; one who was idle is brought current first, or for that long."""
    ticket = await wake(engine, user_id, provider)
    if ticket is not None:
        await watch(engine, ticket, at_most_s=at_most_s)


async def _is_back(tx: Tx, engine: Engine, user_id: str, provider: str) -> bool:
    """Takes note of a look; whether it ends an idle time."""
    now = engine.clock.now()
    is_back = await persons.end_idleness(tx, user_id, provider, idle_before=now - engine.idle_after, now=now)
    if not is_back:
        await connections.look(tx, user_id, provider, now=now)
    return is_back


def _looked(now: datetime) -> Mark:
    return Mark(reason=LOOK, priority=Priority.PERSON, due_at=now)


def _readable(states: Sequence[SyncState]) -> list[SyncState]:
    """All but what the member did not grant; a refusal of what was granted has another name."""
    return [s for s in states if s.error != MissingScope.code]


async def backfill(engine: Engine, user_id: str, provider: str, *, since: datetime, resources: Sequence[str] | None = None) -> bool:
    """Asks for history from `since` on; False if the user is not connected. What is stored is not read again.

    History does not count among the calls that persons may cause: it is read once, behind everything else.
    """
    names, now = _known(engine, provider, resources), engine.clock.now()
    if since >= now:
        raise BadRequest("since must be in the past.", field="since")
    async with engine.db.transaction() as tx:
        await marks.check(tx, engine.keys, user_id)
        connection = await connections.get(tx, user_id, provider)
        if connection is None or not connection.is_live:
            return False
        kept = engine.app(provider).provider.first_kept_day(now, connection.utc_offset_min)
        since = max(since, datetime.combine(kept, time.min, tzinfo=UTC) - HALF_DAY) if kept else since  # the rest would not be stored
        await due.ask_backfill(tx, user_id, provider, names, window=Window(since, now), now=now)
        await trail.write(tx, "history_asked", user_id=user_id, provider=provider, details={"resources": names}, now=now)
    await engine.hint()
    return True


async def missing_day(engine: Engine, user_id: str, provider: str, day: date) -> Ticket | None:
    """Marks everything due for a day that is not stored, if a fetch may bring it; None if not.

    A day is fetched when it is younger than a week, not in the future, and no completed read has covered it; the open day at
    most every 15 minutes; a resource that has just failed not within the minute; nothing beyond the calls that persons may cause.
    """
    now = engine.clock.now()
    async with engine.db.connection() as tx:
        connection = await connections.get(tx, user_id, provider)
        states = _readable(await due.states(tx, user_id, provider))
    if connection is None or not connection.is_live or provider not in engine.apps:
        return None
    offset = timedelta(minutes=connection.utc_offset_min or 0)
    today = (now + offset).date()
    wanted = [s for s in states if not (s.attempts and s.last_attempt_at and s.last_attempt_at > now - FAILED_AGAIN_AFTER)]
    if not wanted or not today - timedelta(days=FETCH_DAYS) < day <= today:
        return None
    midnight = datetime.combine(day, time.min, tzinfo=UTC) - offset
    if midnight > now - engine.app(provider).provider.overlap + DAY:  # whatever is read next covers it
        return None if _is_covered(states, midnight, now=now) else await _fetch(engine, connection, wanted)
    if all(s.history_from is not None and s.history_from <= midnight - HALF_DAY for s in states):
        return None
    return await _fetch(engine, connection, wanted, asked=Window(midnight - HALF_DAY, midnight + DAY))


async def _fetch(engine: Engine, connection: Connection, states: Sequence[SyncState], *, asked: Window | None = None) -> Ticket | None:
    """Marks due for a reader who waits. Reading is not held to one sync a minute, unless it asks for a window of its own."""
    now, before = engine.clock.now(), {s.resource: s for s in states}
    if asked is None and all(_is_promised(s, now=now) for s in states):  # somebody waits already: wait with them
        return _joined(connection.user_id, connection.provider, before)
    async with engine.db.transaction() as tx:
        if (await persons.left(tx, connection.user_id, connection.provider, wanted=len(before), now=now)).retry_after_s:
            return None
        if asked is not None and not await connections.take_sync_turn(tx, connection, now=now, every=SYNC_EVERY):
            return None
        wish = Mark(reason="day", priority=Priority.PERSON, due_at=now, asked=asked)
        await due.mark(tx, connection.user_id, connection.provider, list(before), wish)
    await engine.hint()
    return Ticket(connection.user_id, connection.provider, before)


def _joined(user_id: str, provider: str, before: Mapping[str, SyncState]) -> Ticket:
    """Waits with those who asked already."""
    return Ticket(user_id, provider, {name: replace(s, marks=s.marks - 1) for name, s in before.items()})


async def watch(engine: Engine, ticket: Ticket, *, at_most_s: float) -> Outcome:
    """Waits for the ticket's resources to be served or to fail, that long; no longer if no worker lives, or no call is to be had."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + at_most_s
    while True:
        outcome = await look(engine, ticket)
        if outcome.is_done or not outcome.has_worker or loop.time() >= give_up:
            return outcome
        if outcome.waits_until and (outcome.waits_until - engine.clock.now()).total_seconds() > give_up - loop.time():
            return outcome
        await asyncio.sleep(WATCH_STEP_S)


async def look(engine: Engine, ticket: Ticket) -> Outcome:
    """How the ticket stands now. Errors are those since it was given."""
    async with engine.db.connection() as tx:
        connection = await connections.get(tx, ticket.user_id, ticket.provider)
        after = {s.resource: s for s in await due.states(tx, ticket.user_id, ticket.provider)}
        is_worked = await chores.has_worker(tx, since=engine.clock.now() - WORKER_ALIVE)
    pairs = {name: (old, after[name]) for name, old in ticket.before.items() if name in after}
    errors = {name: new.error for name, (old, new) in pairs.items() if new.error and _has_failed(old, new)}
    left = [new.waiting_until(now=engine.clock.now()) for old, new in pairs.values() if not _is_finished(old, new)]
    is_ended = connection is None or not connection.is_live
    if is_ended:  # meanwhile: what has not been served never will be
        ended = ReauthorizationRequired.code if connection and connection.state == "needs_reauthorization" else ConnectionEnded.code
        errors |= {name: ended for name in ticket.resources if name not in pairs or not _is_finished(*pairs[name])}
    return Outcome(
        is_done=is_ended or all(_is_finished(old, new) for old, new in pairs.values()),
        has_worker=is_worked,
        synced={name: new.records_synced - old.records_synced for name, (old, new) in pairs.items()},
        api_calls=sum(new.api_calls - old.api_calls for old, new in pairs.values()),
        errors=errors,
        waits_until=min((at for at in left if at), default=None) if all(left) else None,
    )


async def has_worker(engine: Engine) -> bool:
    """Whether any worker has shown a sign of life lately."""
    async with engine.db.connection() as tx:
        return await chores.has_worker(tx, since=engine.clock.now() - WORKER_ALIVE)


def _is_promised(state: SyncState, *, now: datetime) -> bool:
    """Whether the resource is being read for a person already."""
    is_due = state.priority == Priority.PERSON and state.due_at is not None and state.due_at <= now
    return is_due and state.served_marks < state.marks


def _is_under_way(state: SyncState, *, now: datetime) -> bool:
    """Whether a person's sync has been neither served, nor failed, nor put off for want of calls."""
    is_due = state.due_at is not None and state.due_at <= now
    return state.reason == PERSON and is_due and state.served_marks < state.marks and state.error is None


def _is_finished(old: SyncState, new: SyncState) -> bool:
    return new.served_marks > old.marks or _has_failed(old, new)


def _has_failed(old: SyncState, new: SyncState) -> bool:
    """Whether it has failed since."""
    return new.error is not None and new.attempts != old.attempts


def _is_covered(states: Sequence[SyncState], midnight: datetime, *, now: datetime) -> bool:
    """Whether a completed read of every resource was made after the day, or just now."""
    reads = [s.last_success_at for s in states]
    if not reads or any(at is None for at in reads):
        return False
    oldest = min(at for at in reads if at is not None)
    return now - oldest < OPEN_DAY_EVERY or oldest >= midnight + DAY + HALF_DAY


def _known(engine: Engine, provider: str, resources: Sequence[str] | None) -> list[str]:
    every = [r.name for r in engine.app(provider).provider.resources]
    unknown = sorted(set(resources or ()) - set(every))
    if unknown:
        raise BadRequest(f"Unknown data type {unknown[0]!r}; known are {', '.join(every)}.", field="data_types")
    return list(dict.fromkeys(resources)) if resources else every


class Looks:
    """Which members' data was looked at. A read costs a look-up in memory; each hour's first costs a share of a statement."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: set[tuple[str, str]] = set()
        self._until = engine.clock.now()
        self._waiting: set[tuple[str, str]] = set()
        self._writing: asyncio.Task[None] | None = None

    def knows(self, user_id: str, provider: str) -> bool:
        """Whether a look was noted within the hour: then the member is not idle."""
        return (user_id, provider) in self._known and self._engine.clock.now() < self._until

    def note(self, user_id: str, provider: str) -> None:
        """Takes note of a look, and returns at once. It wakes nobody: `wake` comes first where a member may be idle."""
        key = (user_id, provider)
        now = self._engine.clock.now()
        if now >= self._until or len(self._known) > MOST_LOOKS_REMEMBERED:
            self._known, self._until = set(), now + LOOK_EVERY
        if key in self._known:
            return
        self._known.add(key)
        self._waiting.add(key)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_LOOKS_S)
            looked, self._waiting = sorted(self._waiting), set()
            try:
                async with self._engine.db.transaction() as tx:
                    await connections.look_all(tx, looked, now=self._engine.clock.now())
            except DatabaseUnavailable:
                self._known -= set(looked)  # the next look tries again
