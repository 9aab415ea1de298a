"""A database that is away is said to be within a second; a pool that is only busy is borne. The two are not taken for each other."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.postgres import database, quiet
from wearbase.store.postgres.database import AGAIN_S, CONNECT_S, USABLE_S, Database, value
from wearbase.store.postgres.quiet import tell_of_the_pool

SIZE, THERE, MANY = 4, 2, 30  # connections at the most, those that are always there, and askers
GUARD_S = 60.0  # nobody is answered because this has passed: a test then fails


class Road:
    """The way to the server, which can be cut (whoever is on it is thrown off) or blocked (nothing moves)."""

    def __init__(self, to: str, at: Path) -> None:
        self._to, self._at = to, at
        self._server: asyncio.Server | None = None
        self._ends: list[asyncio.StreamWriter] = []
        self._moves = asyncio.Event()
        self._moves.set()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._came, self._at)

    def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        self._at.unlink(missing_ok=True)
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def block(self) -> None:
        self._moves.clear()

    def unblock(self) -> None:
        self._moves.set()

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._to)
        self._ends += [writer, back]
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await self._moves.wait()
            sink.write(data)
            await sink.drain()
        sink.close()


@pytest.fixture
async def road(database_url: str, tmp_path: Path) -> AsyncIterator[Road]:
    known = conninfo_to_dict(database_url)
    made = Road(f"{known['host']}/.s.PGSQL.{known['port']}", tmp_path / ".s.PGSQL.5432")
    await made.open()
    yield made
    made.unblock()
    made.cut()


@pytest.fixture
async def far(road: Road, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """Nobody is told anything for having waited long for a turn."""
    monkeypatch.setattr(database, "TURN_PATIENCE_S", 10 * GUARD_S)
    db = Database(make_conninfo(database_url, host=str(tmp_path), port=5432), size=SIZE)
    await db.open()
    yield db
    await db.close()


async def timed(work: Awaitable[object]) -> tuple[object, float]:
    began = time.monotonic()
    try:
        async with asyncio.timeout(GUARD_S):
            return await work, time.monotonic() - began
    except DatabaseUnavailable as error:
        return error, time.monotonic() - began


async def one(db: Database) -> object:
    async with db.connection() as tx:
        return await value(tx, "select 1")


@pytest.fixture
def waits(far: Database, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that each who waited for a connection had for it."""
    found: list[float] = []
    get = far._pool.getconn

    async def counted(timeout: float | None = None) -> Any:
        found.append(far._pool.timeout if timeout is None else timeout)
        return await get(timeout)

    monkeypatch.setattr(far._pool, "getconn", counted)
    return found


async def fails_at_once(db: Database, waits: list[float]) -> None:
    """Only who has a turn waits for a connection, or finds one that is cut, and for no longer than a second."""
    before = len(waits)
    results = await asyncio.gather(*(timed(one(db)) for _ in range(MANY)))
    assert {type(result) for result, _ in results} == {DatabaseUnavailable}
    assert len(waits) - before <= SIZE + THERE
    assert max(waits) <= 1


async def is_back(db: Database) -> None:
    async with asyncio.timeout(GUARD_S):
        while not await db.is_usable():  # noqa: ASYNC110 the database is asked
            await asyncio.sleep(0.1)


async def test_an_outage_is_said_within_a_second_and_its_end_noticed(far: Database, road: Road, waits: list[float]) -> None:
    assert max(CONNECT_S, AGAIN_S, USABLE_S) <= 1
    assert (await one(far), await far.is_usable()) == (1, True)
    road.cut()
    with suppress(DatabaseUnavailable):
        await one(far)  # the connection that was there
    for _ in range(3):
        await fails_at_once(far, waits)
        usable, _ = await timed(far.is_usable())
        assert usable is False
    await road.open()
    await is_back(far)
    assert {result for result, _ in await asyncio.gather(*(timed(one(far)) for _ in range(30)))} == {1}


async def test_a_server_that_says_nothing_at_all_is_not_ready_within_a_second(far: Database, road: Road, waits: list[float]) -> None:
    """Until the road is free again nothing moves: whoever is answered did not wait for the server."""
    road.block()
    for _ in range(3):
        usable, _ = await timed(far.is_usable())
        assert usable is False
    await fails_at_once(far, waits)
    road.unblock()
    await is_back(far)
    assert await one(far) == 1


async def test_a_full_pool_is_waited_for_and_is_no_outage(far: Database) -> None:
    end = asyncio.Event()

    async def long() -> None:
        async with far.connection():
            await end.wait()

    busy = [asyncio.create_task(long()) for _ in range(SIZE)]
    while not far._turns.locked():  # noqa: ASYNC110 a semaphore wakes only who takes it
        await asyncio.sleep(0.01)
    assert await far.is_usable()
    waiting = asyncio.gather(*(timed(one(far)) for _ in range(20)))
    asyncio.get_running_loop().call_later(1.3 * CONNECT_S, end.set)
    results = await waiting
    await asyncio.gather(*busy)
    assert {result for result, _ in results} == {1}
    assert min(seconds for _, seconds in results) > CONNECT_S


def ours() -> list[logging.Handler]:
    return [handler for handler in logging.getLogger("psycopg.pool").handlers if isinstance(handler, quiet._Pool)]


async def test_an_outage_is_told_now_and_then_and_never_with_an_address(
    far: Database, road: Road, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for handler in ours():
        monkeypatch.setattr(handler, "_told_at", float("-inf"))
    road.cut()
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await fails_at_once(far, waits)
    told = [entry for entry in logs if entry["event"] == "the database's connections fail"]
    assert len(told) == 1
    assert told[0]["said"]


def test_the_driver_speaks_through_our_log_alone(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tell_of_the_pool()
    tell_of_the_pool()
    pool = logging.getLogger("psycopg.pool")
    assert (len(ours()), pool.propagate) == (1, False)
    monkeypatch.setattr(quiet, "AGAIN_AFTER_S", 0.0)
    with structlog.testing.capture_logs() as logs:
        pool.warning("error connecting in 'pool-1': postgresql://ann:very-secret@db.test:5432/x is away\nsecond line")
        pool.warning("password=very-secret host=db.test, password='very secret' too")
        pool.info("connection requested")
    assert len(logs) == 2
    assert "secret" not in str(logs)
    assert "db.test" in logs[0]["said"]
    assert capfd.readouterr().err == ""


async def test_a_statement_that_a_silent_server_holds_is_broken_off(far: Database, road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver alone would wait for its answer for ever, cancelled or not."""
    monkeypatch.setattr(database, "SILENT_S", 0.2)
    monkeypatch.setattr(database, "SAYS_NOTHING_S", 0.2)
    monkeypatch.setitem(database.MISSED_BY, "connect_timeout", 2)  # the driver's least
    assert await one(far) == 1
    road.block()
    asyncio.get_running_loop().call_later(8, road.unblock)  # for the end of this test, if it fails
    held = asyncio.create_task(timed(one(far)))
    while not far._in_use.is_longer(database.SILENT_S):  # noqa: ASYNC110 time is waited for
        await asyncio.sleep(0.02)
    assert not held.done()
    later, _ = await timed(one(far))  # whoever comes next finds that somebody has waited for long
    result, _ = await held
    assert {type(result), type(later)} == {DatabaseUnavailable}
    road.unblock()
    await is_back(far)
    assert await one(far) == 1


async def test_a_long_statement_is_borne_while_the_server_answers_others(far: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SILENT_S", 0.2)
    monkeypatch.setattr(database, "SAYS_NOTHING_S", 0.2)

    async def long() -> object:
        async with far.connection() as tx:
            return await value(tx, "select 7 from pg_sleep(1)")

    held = asyncio.create_task(long())
    while not held.done():
        assert await one(far) == 1
        await asyncio.sleep(0.05)
    assert await held == 7
