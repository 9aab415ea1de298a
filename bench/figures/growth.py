"""Whether reads, visits and the finding of work cost more with more members."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from statistics import median
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg import Rollback, sql

from bench import crowd, load, people
from bench.children import free_port
from bench.load import Load, Request
from bench.report import Line, Run
from bench.rig import NO_CEILING, NO_QUOTA, SERVICE_KEY, Cloud, Rig, rig, signed
from wearbase.app.parts import Parts, parts
from wearbase.store.postgres.database import Tx
from wearbase.store.postgres.database import run as execute
from wearbase.store.work import chores, due
from wearbase.store.work.due import Mark, Priority
from wearbase.sync.receive import Receiver
from wearbase.sync.upkeep.forecast import forecast_all
from wearbase.sync.worker import Worker

STEPS, QUICK_STEPS, DAYS = (100, 10_000, 100_000), (100, 10_000), 7
KEYS, FIRST_ACCOUNT = 20_000, 80_000_000
BACKLOG_MEMBERS, HELD_MEMBERS = 5_000, 200
IDLE_S, SETTLE_S = 15.0, 8.0
TOGETHER, RATIO, WARM_UP = 20, 1.3, 8
SCANNED_AT_MOST = 2_000  # of a table with a handful of rows, as chores are
VISIT, ONE_DUE, NEXT_DUE = "claim and visit", "claim, one member due", "next due"
KEPT, IDLE = f"{TOGETHER} deliveries kept", "a worker without work, a second"
BACKLOG, FORECAST = "backlog", "forecast"
GROWING = ("connection", "sync_state", "record", "day_document", "metric", "delivery", "chore")
HOW = (
    f"Databases with {{steps}} members of {DAYS} days each on one server, copied inside it from {people.SOURCES} that really connected; "
    f"{crowd.IDLE_PERCENT} % of them idle. They are measured in turn, time after time, so that whatever else the machine does strikes all. "
    "Reads as in the figure of that name, of keys of all members. A visit is timed in this process from before its claim to its release, "
    "four collections from a simulator that answers at once. Claims are rolled back; the backlog is "
    f"{4 * BACKLOG_MEMBERS:,} due rows, the {4 * HELD_MEMBERS} oldest of members that others visit. The ratio is that of the most members "
    "to the fewest. Load by {tool}."
)


@dataclass
class Size:
    """A database with so many members, and what was measured there: times in ms."""

    members: int
    place: Rig
    reads: list[Load] = field(default_factory=list)
    spent: dict[str, list[float]] = field(default_factory=dict)
    scanned: dict[str, int] = field(default_factory=dict)  # rows read by sequential scans, by table

    def took(self, what: str, began: float) -> None:
        self.spent.setdefault(what, []).append(1000 * (time.perf_counter() - began))

    def ms(self, what: str) -> float:
        """The median, without the first ones, which only warm up."""
        return median(self.spent[what][WARM_UP:] or self.spent[what])


def measure(run: Run) -> tuple[list[Line], str]:
    """Costs with few and with many members, and their ratio."""
    steps = QUICK_STEPS if run.is_quick else STEPS
    with rig(max_wal_size="2GB") as place:
        place.environment.update(NO_CEILING, HOLD_DOWN="0", BACKFILL_DAYS=str(DAYS + 5))
        cloud = place.cloud(members=people.SOURCES, days=30, **NO_QUOTA)
        asyncio.run(_join(place, cloud))
        days = crowd.last_days(place.url, DAYS)
        sizes = _grown(place, steps, since=days[-1])
        _read(sizes, run, days)
        asyncio.run(_work(sizes, run))
        _rest(sizes)
    return _lines(sizes), HOW.format(steps=", ".join(f"{n:,}" for n in steps), tool=load.tool())


async def _join(place: Rig, cloud: Cloud) -> None:
    async with parts(place.settings(), place.place()) as running:
        await people.join(running, cloud)


def _grown(place: Rig, steps: Sequence[int], *, since: date) -> list[Size]:
    """Grows one database, and keeps a copy of it at each step but the last."""
    made = []
    for before, members in zip((0, *steps), steps, strict=False):
        values = {"now": datetime.now(UTC), "account": FIRST_ACCOUNT, "since": since}
        crowd.grow(place.url, first=before + 1, last=members, sources=people.SOURCES, values=values)
        made.append(Size(members, place if members == steps[-1] else _copy(place, f"with_{members}")))
    return made


def _copy(place: Rig, name: str) -> Rig:
    """The same on a copy of the database, with a port of its own."""
    address = urlsplit(place.url)
    url, port = address._replace(path=f"/{name}").geturl(), free_port()
    with psycopg.connect(address._replace(path="/postgres").geturl(), autocommit=True) as connection:
        template = sql.Identifier(address.path.lstrip("/"))
        connection.execute(sql.SQL("create database {} template {} strategy file_copy").format(sql.Identifier(name), template))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze")  # the counters of the statistics are not copied
    return replace(place, url=url, api_port=port, environment={**place.environment, "DATABASE_URL": url, "PORT": str(port)})


def _read(sizes: Sequence[Size], run: Run, days: Sequence[date]) -> None:
    wanted = [_requests(size, days) for size in sizes]
    servers = [size.place.api() for size in sizes]
    for n in range(1 + run.take(5, 2)):
        for size, requests in zip(sizes, wanted, strict=True):
            size.reads.append(load.load(size.place.base_url, requests, seconds=run.take(4, 2), folder=size.place.folder))
            if n == 0:
                size.reads.clear()  # it only warmed up
    for server in servers:
        server.stop()


def _requests(size: Size, days: Sequence[date]) -> list[Request]:
    keys = [(n, day) for n in range(1, size.members + 1) for day in days]
    sample = random.sample(keys, min(KEYS, len(keys)))
    key = (("x-api-key", SERVICE_KEY),)
    return [Request(f"/api/v1/whoop/daily-data/{crowd.user_id(n)}?date={day}", key) for n, day in sample]


async def _work(sizes: Sequence[Size], run: Run) -> None:
    """Everything but the reads, in turn on each database."""
    async with AsyncExitStack() as stack:
        # Deliveries are held down for a day, so that nothing comes to be due by them.
        opened = [await stack.enter_async_context(parts(s.place.settings(hold_down=timedelta(days=1)), s.place.place())) for s in sizes]
        both, count = list(zip(sizes, opened, strict=True)), WARM_UP + run.take(60, 10)
        for running in opened:
            await Worker(running.engine, slots=1).drain()
        with _scanning(sizes):
            for n in range(count):
                for size, running in both:
                    await _visit(size, running, f"source-{n % people.SOURCES + 1}")
            for running in opened:
                await _mark(running, "source-1")
            for _ in range(count):
                for size, running in both:
                    await _rolled_back(size, running, ONE_DUE, _claim)
                    await _rolled_back(size, running, NEXT_DUE, _next_due)
            for _ in range(count):
                for size, running in both:
                    await _deliver(size, running.receiver)
        for _ in range(run.take(9, 3)):
            for size, running in both:
                began = time.perf_counter()
                await forecast_all(running.engine)
                size.took(FORECAST, began)
        async with _backlog(opened[-1]):
            for _ in range(count):
                await _rolled_back(sizes[-1], opened[-1], BACKLOG, _claim)


async def _visit(size: Size, running: Parts, user_id: str) -> None:
    """A whole visit: claim, four collections, storing, release."""
    await _mark(running, user_id)
    worker, began = Worker(running.engine, slots=1), time.perf_counter()
    if await worker.drain() == 1:  # else a chore came between
        size.took(VISIT, began)


async def _mark(running: Parts, user_id: str) -> None:
    """Due for a person, without the cap on what persons may ask."""
    forget = "update wearbase.connection set person_hour_calls = 0, person_day_calls = 0 where user_id = %s"
    async with running.db.transaction() as tx:
        await execute(tx, forget, (user_id,))
        wish = Mark(reason="person", priority=Priority.PERSON, due_at=running.clock.now())
        await due.mark(tx, user_id, "whoop", ["recovery", "sleep", "workout", "cycle"], wish)


async def _deliver(size: Size, receiver: Receiver) -> None:
    """Deliveries of members at random that arrive together and share a commit."""
    accounts = [FIRST_ACCOUNT + random.randint(1, size.members) for _ in range(TOGETHER)]
    notices = [signed({"user_id": a, "id": str(uuid4()), "type": "workout.updated", "trace_id": str(uuid4())}) for a in accounts]
    began = time.perf_counter()
    await asyncio.gather(*(receiver.receive("whoop", headers, body) for body, headers in notices))
    size.took(KEPT, began)


async def _rolled_back(size: Size, running: Parts, what: str, statement: Callable[[Tx], Awaitable[object]]) -> None:
    async with running.db.transaction() as tx:
        began = time.perf_counter()
        await statement(tx)
        size.took(what, began)
        raise Rollback


@asynccontextmanager
async def _backlog(running: Parts) -> AsyncIterator[None]:
    """Many members overdue while the block runs, the oldest of them visited by others."""
    now = running.clock.now()
    names = [crowd.user_id(n) for n in range(1, BACKLOG_MEMBERS + 1)]
    overdue = """update wearbase.sync_state s set priority = 1, due_at = %s::timestamptz + n * interval '1 millisecond'
                   from unnest(%s::text[]) with ordinality m(u, n) where s.user_id = m.u"""
    hold = "update wearbase.connection set lease_holder = 'bench', lease_until = %s where user_id = any(%s)"
    async with running.db.connection() as tx:
        await execute(tx, overdue, (now - timedelta(hours=1), names))
        await execute(tx, hold, (now + timedelta(hours=1), names[:HELD_MEMBERS]))
        await execute(tx, "update wearbase.sync_state set due_at = null where user_id = 'source-1'")
        yield
        later = "update wearbase.sync_state set priority = 2, due_at = %s where user_id = any(%s)"
        await execute(tx, later, (now + timedelta(hours=8), names))


async def _claim(tx: Tx) -> None:
    now = datetime.now(UTC)
    until = now + timedelta(seconds=30)
    assert await chores.claim(tx, holder="bench", now=now - timedelta(days=1), until=until) is None
    assert await due.claim_visit(tx, holder="bench", now=now, until=until) is not None


async def _next_due(tx: Tx) -> None:
    await due.next_due(tx)
    await chores.next_due(tx)


@contextmanager
def _scanning(sizes: Sequence[Size]) -> Iterator[None]:
    """Counts the rows that sequential scans read while the block runs."""
    before = [_scanned(size.place) for size in sizes]
    yield
    for size, were in zip(sizes, before, strict=True):
        for table, count in _scanned(size.place).items():
            size.scanned[table] = size.scanned.get(table, 0) + count - were[table]


def _scanned(place: Rig) -> dict[str, int]:
    time.sleep(1.2)  # sessions report to the statistics once a second
    with psycopg.connect(place.url) as connection:
        found = connection.execute("select relname, seq_tup_read from pg_stat_user_tables where relname = any(%s)", (list(GROWING),))
        return dict(found.fetchall())


def _rest(sizes: Sequence[Size]) -> None:
    """How long in a second each database is busy for a worker that has nothing to do; what is done at intervals is behind it."""
    for size in sizes:
        with psycopg.connect(size.place.url) as connection:
            connection.execute("update wearbase.chore set due_at = clock_timestamp()")
    workers = [size.place.worker() for size in sizes]
    time.sleep(SETTLE_S)
    with _scanning(sizes):
        before, began = [_active_ms(size.place) for size in sizes], time.perf_counter()
        time.sleep(IDLE_S)
        for size, were in zip(sizes, before, strict=True):
            size.spent[IDLE] = [(_active_ms(size.place) - were) / (time.perf_counter() - began)]
    for worker in workers:
        worker.stop()


def _active_ms(place: Rig) -> float:
    with psycopg.connect(place.url) as connection:
        found = connection.execute("select active_time from pg_stat_database where datname = current_database()").fetchone()
    return float(found[0]) if found else 0.0


def _lines(sizes: Sequence[Size]) -> list[Line]:
    many = sizes[-1]
    rates = [median(r.per_s for r in size.reads) for size in sizes]
    p99s = [median(r.p99_ms for r in size.reads) for size in sizes]
    failed = sum(r.failed for size in sizes for r in size.reads)
    scanned = {table: count for table, count in many.scanned.items() if count > SCANNED_AT_MOST}
    backlog = many.ms(BACKLOG)
    forecast, kept, idle = ([size.ms(what) for size in sizes] for what in (FORECAST, KEPT, IDLE))
    return [
        Line(
            what="reads", measured=f"{_told(rates, '{:,.0f}')}/s, {failed} failed; p99 {_told(p99s)} ms", goal=f"ratio ≤ {RATIO}",
            is_met=rates[0] / rates[-1] <= RATIO and not failed, beside=f"ratio {rates[0] / rates[-1]:.2f}",
        ),
        *(_cost_line(what, [size.ms(what) for size in sizes]) for what in (VISIT, ONE_DUE, NEXT_DUE)),
        Line(
            what=KEPT, measured=f"{_told(kept)} ms", goal="none", is_met=True,
            beside=f"ratio {kept[-1] / kept[0]:.2f}: of many members at random, nearly every page is touched for the first time",
        ),
        Line(
            what=IDLE, measured=f"{_told(idle)} ms of the database", goal="< 10 ms", is_met=idle[-1] < 10,
            beside="heartbeats and four looks a second",
        ),
        Line(
            what=f"claim, {4 * BACKLOG_MEMBERS:,} rows due", measured=f"{backlog:.2f} ms", goal="≤ 4 times one due",
            is_met=backlog <= 4 * many.ms(ONE_DUE), beside=f"{backlog / many.ms(ONE_DUE):.1f} times the claim of the only one due",
        ),
        Line(
            what="forecast, every 5 minutes", measured=f"{_told(forecast, '{:.0f}')} ms", goal="< 1 s", is_met=forecast[-1] < 1000,
            beside="the one thing that looks at every member",
        ),
        Line(
            what="read by sequential scans", measured=", ".join(f"{t} {n:,} rows" for t, n in scanned.items()) or "nothing", goal="nothing",
            is_met=not scanned, beside=f"with {many.members:,} members: claims, visits, deliveries, an idle worker",
        ),
    ]  # fmt: skip


def _cost_line(what: str, ms: Sequence[float]) -> Line:
    ratio, told = ms[-1] / ms[0], f"{_told(ms, '{:.2f}')} ms"
    return Line(what=what, measured=told, goal=f"ratio ≤ {RATIO}", is_met=ratio <= RATIO, beside=f"ratio {ratio:.2f}")


def _told(numbers: Sequence[float], form: str = "{:.1f}") -> str:
    return ", ".join(form.format(n) for n in numbers)
