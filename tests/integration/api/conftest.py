"""A whole service behind HTTP, in one process: real PostgreSQL, simulated cloud, and a client with each kind of credential."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Any

import httpx2
import pytest

from tests.integration.harness import Bench, bench
from wearbase.access.caller import Caller
from wearbase.access.keys import KeyBook
from wearbase.access.redirects import RedirectAllowList
from wearbase.access.tokens import MemberTokens
from wearbase.api.build import create_app
from wearbase.api.given import Services
from wearbase.api.routes import consents, hot, internal_api, syncing
from wearbase.providers.registry import PROVIDERS
from wearbase.store import connections
from wearbase.store.work import chores, persons
from wearbase.sync.worker import Worker
from wearbase.web import app_files, callback

BASE = "http://127.0.0.1:8000"
APP_URL = "https://app.example/connected"
OWN_APP = f"{BASE}/app/sources"
ENV_KEY = "environment-key-of-the-tests-0123456789"
PATIENT_S = 120.0  # nobody is answered because this has passed: requests are given up before, tests then fail
IMPATIENT_S = 0.3
GUARD_S = 60.0
SCOPES = ("read", "sync", "connect", "erase", "ops")
_app_files = cache(app_files.AppFiles)  # read and packed once for all tests


@dataclass
class Service:
    """The service and who may call it."""

    world: Bench
    services: Services
    app: Any
    client: httpx2.AsyncClient
    keys: dict[str, str] = field(default_factory=dict)

    async def key(self, *scopes: str) -> dict[str, str]:
        """The header of a service key with these scopes."""
        name = "+".join(scopes)
        if name not in self.keys:
            self.keys[name] = (await self.services.keys.create(name, scopes)).secret
        return {"x-api-key": self.keys[name]}

    def token(self, user_id: str, minutes: float = 15, *, by: Collection[str] = ()) -> dict[str, str]:
        """The header of a member's token; as a service key with these scopes makes it, if any are named."""
        maker = Caller(kind="service", key_id="an-id", prefix="k3v9x0aa", scopes=frozenset(by)) if by else None
        return {"authorization": f"Bearer {self.services.tokens.issue(user_id, timedelta(minutes=minutes), by=maker)}"}

    async def call(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """A request with the environment's key, unless headers are given."""
        more.setdefault("headers", {"x-api-key": ENV_KEY})
        async with asyncio.timeout(GUARD_S):
            return await self.client.request(method, path, **more)

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.call("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx2.Response:
        return await self.call("POST", path, **more)

    async def delete(self, path: str, **more: Any) -> httpx2.Response:
        return await self.call("DELETE", path, **more)

    async def connected(self, user_id: str = "ann", member: int = 0) -> int:
        """Connects, brings everything; the member's account at the provider."""
        await self.world.connect(user_id, member)
        await self.world.work()
        return (await self.world.members())[member]["user_id"]

    async def today(self) -> str:
        rows = await self.world.rows("select open_day from wearbase.connection where open_day is not null")
        return rows[0]["open_day"].isoformat()

    async def advance(self, **by: float) -> None:
        """Moves our clock while a worker lives: its next heartbeat follows only after seconds of real time."""
        self.world.clock.advance(timedelta(**by))
        async with self.world.engine.db.transaction() as tx:
            await chores.beat(tx, "worker-of-the-tests", now=self.world.clock.now())

    async def unseen_day(self) -> str:
        """A day that has begun at the provider, of which nothing told us and which no timetable brings soon."""
        day = date.fromisoformat(await self.today()) + timedelta(days=1)
        await self.world.step(hours=24, webhooks=False)
        async with self.world.engine.db.transaction() as tx:
            await tx.execute("update wearbase.sync_state set due_at = due_at + interval '3 days'")
        return day.isoformat()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """With a worker alive."""
        stop = asyncio.Event()
        worker = Worker(self.world.engine, slots=2)
        task = asyncio.create_task(worker.run(stop))
        try:
            while not await self.world.rows("select 1 from wearbase.worker where id = %s", worker.id):  # noqa: ASYNC110 a row is waited for
                await asyncio.sleep(0.01)
            yield
        finally:
            stop.set()
            await task

    @asynccontextmanager
    async def hanging(self) -> AsyncIterator[None]:
        """The provider takes calls, and answers none of them before the end."""
        end = asyncio.Event()

        async def held(request: httpx2.Request, go_on: Callable[[httpx2.Request], Awaitable[httpx2.Response]]) -> httpx2.Response:
            await end.wait()
            return await go_on(request)

        self.world.wire.meddle = held
        try:
            yield
        finally:
            self.world.wire.meddle = None
            end.set()


def set_patience(world: Bench, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """How long readers are kept waiting for a source, wherever they ask."""
    object.__setattr__(world.engine, "source_deadline", timedelta(seconds=seconds))
    for routes in (consents, hot, internal_api, syncing):
        monkeypatch.setattr(routes, "WAIT_S", seconds)


def services_of(world: Bench, **more: Any) -> Services:
    given: dict[str, Any] = {
        "engine": world.engine, "reader": world.reader, "receiver": world.receiver,
        "keys": KeyBook(world.engine.db, world.engine.clock, env_secret=ENV_KEY, env_scopes=("read", "sync", "connect")),
        "tokens": MemberTokens(world.engine.keys.signing_keys, world.engine.clock), "providers": PROVIDERS, "public_url": BASE,
        "redirects": RedirectAllowList([APP_URL, "wearapp://connected", OWN_APP]), "environment": "production", "version": "test",
    }  # fmt: skip
    return Services(**{**given, **more})


@asynccontextmanager
async def serving(world: Bench, **more: Any) -> AsyncIterator[Service]:
    services = services_of(world, **more)
    app = create_app(services, pages=[*callback.routes(world.engine), *app_files.routes(_app_files())])
    transport = httpx2.ASGITransport(app, raise_app_exceptions=True)
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        yield Service(world, services, app, client)


@pytest.fixture
async def service(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """A service whose readers have all the time there is: what they are told is told for what is so, however slow the machine."""
    async with bench(database_url) as world, serving(world) as made:
        set_patience(world, monkeypatch, PATIENT_S)
        yield made


@pytest.fixture
def impatient(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers are kept waiting for a moment only."""
    set_patience(service.world, monkeypatch, IMPATIENT_S)


def problem(answer: httpx2.Response, status: int, code: str | None = None, field: str | None = None) -> dict[str, Any]:
    """The error of an answer, checked against the one body."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) in ({"code", "message", "request_id"}, {"code", "message", "request_id", "details"})
    assert error["request_id"] == answer.headers["x-request-id"]
    assert code is None or error["code"] == code
    assert field is None or [d["field"] for d in error["details"]] == [field], error
    return error


async def spend(service: Service, calls: int, user_id: str = "ann") -> None:
    """As visits count the calls that they make for a person."""
    async with service.world.engine.db.transaction() as tx:
        connection = await connections.get(tx, user_id, "whoop")
        assert connection is not None
        await persons.count(tx, connection, calls, now=service.world.clock.now())
