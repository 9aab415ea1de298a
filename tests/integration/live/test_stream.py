"""An open page is told what changes: days, connections and progress, and nothing once its credential has ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import orjson
import psycopg
import pytest

from tests.integration.api.conftest import Service, problem, serving
from tests.integration.harness import bench
from wearbase.access import keys, sessions
from wearbase.api.routes.ops import events
from wearbase.read import live
from wearbase.store.postgres.hints import LIVE_LISTENER
from wearbase.sync import disconnect

PATIENCE_S = 60.0  # nobody is answered because this has passed: a test then fails


class Reader:
    """Reads one stream, and keeps what came."""

    def __init__(self, service: Service, user_id: str, headers: dict[str, str], *, path: str = "/api/v1/stream/{user_id}") -> None:
        self.came: list[tuple[str, dict[str, Any]]] = []
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.raw = b""
        self._gone = asyncio.Event()
        self.task = asyncio.create_task(self._read(service, path.format(user_id=user_id), headers))

    async def _read(self, service: Service, path: str, headers: dict[str, str]) -> None:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        is_first = True

        async def receive() -> dict[str, Any]:
            nonlocal is_first
            if is_first:
                is_first = False
                return {"type": "http.request", "body": b"", "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status.set_result(message["status"])
            else:
                self._keep(message.get("body", b""))

        await service.app(scope, receive, send)

    def _keep(self, body: bytes) -> None:
        self.raw += body
        for block in body.decode().split("\n\n"):
            lines = {name: value for name, _, value in (line.partition(": ") for line in block.splitlines())}
            if "event" in lines:
                self.came.append((lines["event"], orjson.loads(lines["data"])))

    async def until(self, name: str, **like: Any) -> dict[str, Any]:
        """The first event of that name that is like this."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event, data in self.came:
                    if event == name and like.items() <= data.items():
                        return data
                await asyncio.sleep(0.02)

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.task

    async def leave(self) -> None:
        self._gone.set()
        await self.ended()


@asynccontextmanager
async def reading(service: Service, user_id: str = "ann", **headers: str) -> AsyncIterator[Reader]:
    given = {name.replace("_", "-"): value for name, value in headers.items()} or service.token(user_id)
    reader = Reader(service, user_id, given)
    try:
        yield reader
    finally:
        await reader.leave()


@pytest.fixture
async def told(database_url: str) -> AsyncIterator[Service]:
    """A service that listens for hints, and asks by itself only once in a long while."""
    async with bench(database_url, days=10, backfill_days=6) as world, serving(world, direct_url=database_url) as service:
        yield service
        service.services.live.close()


@pytest.fixture
def only_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_WITH_HINTS_S", 10 * PATIENCE_S)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What each check of a stream's credential found; they follow each other closely, and nothing is believed unasked."""
    found: list[bool] = []
    begin = events.EventStream.__init__

    def counted(self: events.EventStream, source: Any, *, is_allowed: Callable[[], Awaitable[bool]], leave: Callable[[], None]) -> None:
        async def asked() -> bool:
            found.append(await is_allowed())
            return found[-1]

        begin(self, source, is_allowed=asked, leave=leave)

    monkeypatch.setattr(events.EventStream, "__init__", counted)
    for module, name in ((events, "CHECK_S"), (sessions, "USABLE_S"), (keys, "FRESH_S"), (keys, "USABLE_S")):
        monkeypatch.setattr(module, name, 0.02)
    return found


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each look at what has changed; they follow each other closely."""
    found: list[None] = []
    look = live.Live._end_signed_out  # the last part of one

    async def counted(self: live.Live) -> None:
        await look(self)
        found.append(None)

    monkeypatch.setattr(live.Live, "_end_signed_out", counted)
    monkeypatch.setattr(live, "POLL_WITH_HINTS_S", 0.02)
    return found


async def two_more(of: Sequence[object]) -> None:
    """One may be under way already."""
    enough = len(of) + 2
    async with asyncio.timeout(PATIENCE_S):
        while len(of) < enough:  # noqa: ASYNC110 a list wakes nobody
            await asyncio.sleep(0.01)


async def listened(service: Service) -> None:
    """Returns once the session that waits for hints is there."""
    waits = "select 1 from pg_stat_activity where application_name = %s and datname = current_database() and query ilike 'listen%%'"
    async with asyncio.timeout(PATIENCE_S):
        while not await service.world.rows(f"{waits} and state = 'idle'", LIVE_LISTENER):  # noqa: ASYNC110 the database is asked
            await asyncio.sleep(0.02)


async def test_it_begins_with_how_everything_stands(told: Service) -> None:
    await told.connected()
    async with reading(told) as reader:
        assert await reader.until("connection") == {"provider": "whoop", "state": "connected"}
        whole = await reader.until("sync", resource=None)
        stored = await told.world.rows("select count(*) as n from wearbase.day_document")
        calls = await told.world.rows("select sum(api_calls)::int as n from wearbase.sync_state")
        assert whole == {
            "provider": "whoop", "resource": None, "state": "idle", "days_stored": stored[0]["n"], "calls": calls[0]["n"],
        }  # fmt: skip
        assert {data["resource"] for name, data in reader.came if name == "sync"} == {None, "recovery", "sleep", "workout", "cycle"}
        assert reader.raw.startswith(b"retry: 3000\n\n")


@pytest.mark.usefixtures("only_hints")
async def test_a_day_that_another_process_stores_is_told_by_its_hint(told: Service) -> None:
    account = await told.connected()
    async with reading(told) as reader:
        await reader.until("sync", resource=None)
        await listened(told)
        reader.came.clear()
        await told.world.event(account, "workout")
        await told.world.deliver()
        async with told.world.another() as worker:
            await worker.drain()
            day = await reader.until("day")
        stored = await told.world.rows("select revision from wearbase.day_document where day = %s", day["day"])
        newest = {"provider": "whoop", "day": day["day"], "revision": stored[0]["revision"]}
        assert await reader.until("day", **newest) == newest  # each part that the worker stored may have been told
        assert {tuple(data) for name, data in reader.came if name == "day"} == {("provider", "day", "revision")}


async def test_a_lost_hint_is_made_up_for_by_the_poll(told: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing() -> None: ...

    account = await told.connected()
    monkeypatch.setattr(type(told.world.engine.hints), "tell", lambda _: nothing())
    async with reading(told) as reader:
        await reader.until("sync", resource=None)
        await told.world.event(account, "workout")
        await told.world.deliver()
        await told.world.work()
        await reader.until("day")


@pytest.mark.usefixtures("only_hints")
async def test_a_cut_listening_session_is_replaced_and_what_was_missed_is_told(told: Service, database_url: str) -> None:
    account = await told.connected()
    async with reading(told) as reader:
        await reader.until("sync", resource=None)
        await listened(told)
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as session:
            cut = await session.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s and datname = current_database()",
                [LIVE_LISTENER],
            )
            assert cut.rowcount == 1
        await told.world.event(account, "workout")
        await told.world.deliver()
        await told.world.work()
        await reader.until("day")


@pytest.mark.usefixtures("only_hints")
async def test_without_a_direct_address_it_is_asked_for_every_second(database_url: str) -> None:
    assert live.POLL_S == 1.0
    async with bench(database_url, days=10, backfill_days=6) as world, serving(world) as service:
        account = await service.connected()
        async with reading(service) as reader:
            await reader.until("sync", resource=None)
            await world.event(account, "workout")
            await world.deliver()
            await world.work()
            await reader.until("day")
        ours = "application_name = %s and datname = current_database()"
        listening = await world.rows(f"select count(*) as n from pg_stat_activity where {ours}", LIVE_LISTENER)
        assert listening[0]["n"] == 0


async def test_the_first_history_is_told_with_real_counts(told: Service) -> None:
    async with reading(told) as reader:
        await told.world.connect("ann")
        await reader.until("connection", state="connected")
        await told.world.work()
        stored = (await told.world.rows("select count(*)::int as n from wearbase.day_document"))[0]["n"]
        whole = await reader.until("sync", resource=None, state="idle", days_stored=stored)
        assert whole["calls"] == (await told.world.rows("select sum(api_calls)::int as n from wearbase.sync_state"))[0]["n"]
        assert len({data["day"] for name, data in reader.came if name == "day"}) == stored > 5


async def test_a_day_that_goes_away_is_told_without_a_date(told: Service) -> None:
    await told.connected()
    async with reading(told) as reader:
        await reader.until("sync", resource=None)
        await disconnect.disconnect(told.world.engine, "ann", "whoop", erase=True)
        await reader.until("connection", state="not_connected")
        await reader.until("day", day=None, revision=None)


async def test_another_members_changes_are_not_told(told: Service, looks: list[None]) -> None:
    await told.connected("ann", 0)
    async with reading(told, "bob") as reader:
        account = await told.connected("cleo", 1)
        await told.world.event(account, "workout")
        await told.world.deliver()
        await told.world.work()
        await two_more(looks)
        assert reader.came == []
    assert (await told.get("/api/v1/stream/ann", headers=told.token("bob"))).status_code == 403
    problem(await told.get("/api/v1/stream/ann", headers={}), 401)


async def test_who_comes_back_is_told_what_was_missed(told: Service) -> None:
    account = await told.connected()
    async with reading(told) as reader:
        await reader.until("sync", resource=None)
        last_id = reader.raw.split(b"id: ")[-1].split(b"\n")[0].decode()
    await told.advance(minutes=20)
    await told.world.event(account, "workout")
    await told.world.deliver()
    await told.world.work()
    await told.advance(minutes=5)
    async with reading(told, **told.token("ann"), last_event_id=last_id) as reader:
        await reader.until("day")
    async with reading(told, **told.token("ann"), last_event_id="nonsense") as reader:
        await reader.until("sync", resource=None)
        assert [name for name, _ in reader.came if name == "day"] == []


async def test_it_ends_with_the_token(told: Service, checks: list[bool]) -> None:
    await told.connected()
    reader = Reader(told, "ann", told.token("ann", minutes=15))
    await reader.until("sync", resource=None)
    told.world.clock.advance(timedelta(minutes=14))
    await two_more(checks)
    assert (set(checks), reader.task.done()) == ({True}, False)
    told.world.clock.advance(timedelta(minutes=2))
    await reader.ended()
    assert checks[-1] is False


def test_what_is_believed_of_a_key_and_the_next_check_are_five_seconds_together() -> None:
    assert keys.USABLE_S + events.CHECK_S < 5


async def test_a_revoked_key_ends_it_at_the_next_check(told: Service, checks: list[bool]) -> None:
    key = await told.services.keys.create("backend", ["read"])
    reader = Reader(told, "ann", {"x-api-key": key.secret})
    assert await reader.status == 200
    await two_more(checks)
    assert (set(checks), reader.task.done()) == ({True}, False)
    async with told.world.engine.db.transaction() as tx:  # as another process revokes it
        await tx.execute("update wearbase.api_key set revoked_at = created_at where id = %s", [key.stored.id])
    await reader.ended()
    assert checks[-1] is False


async def test_signing_out_ends_it_and_a_new_cookie_does_not(told: Service, checks: list[bool], looks: list[None]) -> None:
    own = told.services.sessions
    kept = await own.begin((await own.make_link("ann", made_by="test")).secret)
    reader = Reader(told, "ann", {"cookie": f"wearbase={kept.cookie}"})
    assert await reader.status == 200
    assert kept.cookie is not None
    told.world.clock.advance(timedelta(hours=1))
    newer = await own.renew(kept.cookie.encode())
    assert newer.cookie is not None
    await own.find(newer.cookie.encode())
    told.world.clock.advance(timedelta(hours=1))
    await two_more(looks)
    await two_more(checks)
    assert not reader.task.done()
    await own.end(await own.find(newer.cookie.encode()))
    await reader.ended()


async def test_erasing_ends_every_stream_of_the_member_whatever_it_came_by(told: Service, looks: list[None]) -> None:
    await told.connected()
    token, key = told.token("ann"), await told.key("read")
    readers = [Reader(told, "ann", token), Reader(told, "ann", key)]
    other = Reader(told, "bob", key)
    for reader in (*readers, other):
        assert await reader.status == 200
    await two_more(looks)
    assert not any(reader.task.done() for reader in readers)
    told.world.clock.advance(timedelta(seconds=1))
    await disconnect.erase_user(told.world.engine, "ann")
    for reader in readers:
        await reader.ended()
    problem(await told.get("/api/v1/stream/ann", headers=token), 401, "made_before_erasure")
    async with reading(told, **key) as anew:  # a backend that asks for whoever is not there
        assert await anew.status == 200
        await two_more(looks)
        assert (anew.task.done(), other.task.done()) == (False, False)
        told.world.clock.advance(timedelta(seconds=1))
        await disconnect.erase_user(told.world.engine, "ann")
        await anew.ended()
    await other.leave()


async def test_stopping_ends_every_stream(told: Service) -> None:
    readers = [Reader(told, "ann", told.token("ann")), Reader(told, "bob", told.token("bob"))]
    for reader in readers:
        assert await reader.status == 200
    await listened(told)
    told.services.end_streams()
    for reader in readers:
        await reader.ended()


async def test_a_member_has_only_so_many_at_once(told: Service) -> None:
    readers = [Reader(told, "ann", told.token("ann")) for _ in range(live.MOST_OF_A_MEMBER)]
    for reader in readers:
        assert await reader.status == 200
    answer = await told.get("/api/v1/stream/ann", headers=told.token("ann"))
    problem(answer, 429, "too_many_requests")
    assert answer.headers["retry-after"] == "30"
    async with reading(told, "bob") as other:
        assert await other.status == 200
    await readers.pop().leave()
    async with reading(told) as again:
        assert await again.status == 200
    for reader in readers:
        await reader.leave()


async def test_all_together_have_only_so_many(told: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told.services.live, "_most", 1)
    async with reading(told) as reader:
        assert await reader.status == 200
        problem(await told.get("/api/v1/stream/bob", headers=told.token("bob")), 429)


async def test_a_heartbeat_comes_where_nothing_else_does(told: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "CHECK_S", 0.05)
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.2)
    async with reading(told) as reader:
        await reader.until("heartbeat")


async def test_a_reader_that_takes_nothing_is_cut_off(told: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SLOW_S", 0.3)
    await told.connected()
    stream = told.services.live.open("ann")
    left = False

    def leave() -> None:
        nonlocal left
        left = True
        told.services.live.leave(stream)

    async def receive() -> Any:
        await asyncio.sleep(3600)

    async def send(message: Any) -> None:
        if message.get("body", b"").startswith(b"id:"):
            await asyncio.sleep(3600)

    async def yes() -> bool:
        return True

    answer = events.EventStream(stream, is_allowed=yes, leave=leave)
    async with asyncio.timeout(PATIENCE_S):
        await answer({"type": "http"}, receive, send)
    assert left
    for _ in range(live.MOST_WAITING + 1):
        stream.put(b"x")
    assert stream.is_over


async def test_what_is_told_names_no_health_value(told: Service) -> None:
    async with reading(told) as reader:
        await told.connected()
        await reader.until("sync", resource=None, state="idle")
        names = {name for _, data in reader.came for name in data}
        assert names == {"provider", "state", "resource", "days_stored", "calls", "day", "revision"}


def test_the_answer_is_for_an_event_source(told: Service) -> None:
    stream = live.Stream("ann")

    async def no() -> bool:
        return False

    answer = events.EventStream(stream, is_allowed=no, leave=lambda: None)
    headers = httpx2.Headers(answer.raw_headers)
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store"
    assert "content-length" not in headers
