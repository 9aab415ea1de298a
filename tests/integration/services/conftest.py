"""Two wearbases in one process, each with a database of its own: an entry point, and the service that its WHOOP comes from."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.integration.api.conftest import ENV_KEY, Service, serving
from tests.integration.harness import Wire, bench
from tests.servers import Server
from wearbase.providers.registry import PROVIDERS
from wearbase.read.days import DayReader
from wearbase.store.postgres.database import Database
from wearbase.store.postgres.hints import Hints
from wearbase.store.sealing import KeyRing
from wearbase.sync.receive import Receiver
from wearbase.sync.worker import Worker
from wearbase.transport.gateway import Gateway
from wearbase.transport.grants import Grants
from wearbase.transport.http import Http
from wearbase.transport.remote import Remote

PATIENCE = timedelta(seconds=60)  # a busy machine is not a slow service
FAR = "http://whoop.internal:8000"
Answering = Callable[[httpx2.Request], Awaitable[httpx2.Response]]


@dataclass
class Pair:
    """`near` is the entry point, `far` the service; `wire` lies between them, and `asked` is what went over it."""

    near: Service
    far: Service
    wire: Wire
    remote: Remote
    asked: list[str]

    def between(self, answer: Answering | None) -> None:
        """Answers in the service's place; None lets everything through again."""

        async def meddle(request: httpx2.Request, _: Any) -> httpx2.Response:
            self.asked.append(f"{request.method} {request.url.path}")
            assert answer is not None
            return await answer(request)

        self.wire.meddle = meddle if answer else self._listen

    async def _listen(self, request: httpx2.Request, go_on: Answering) -> httpx2.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        return await go_on(request)

    def cut(self) -> None:
        """Nobody listens at the service's address."""

        async def refuse(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError("refused", request=request)

        self.between(refuse)

    def later(self, **by: float) -> None:
        """Both clocks go on: they are one."""
        self.near.world.clock.advance(timedelta(**by))

    async def both(self, path: str) -> tuple[Any, Any]:
        """What the two answer to the same question."""
        return (await self.near.get(path)).json(), (await self.far.get(path)).json()


@asynccontextmanager
async def pair(far_url: str, near_url: str, **sim: Any) -> AsyncIterator[Pair]:
    async with bench(far_url, **sim) as world, serving(world) as far:
        key = (await far.services.keys.create("the entry point", ("read", "sync", "connect", "erase"))).secret
        wire = Wire(httpx2.ASGITransport(far.app))
        http, db = Http(wire), Database(near_url)
        await db.open()
        try:
            remote = Remote(PROVIDERS["whoop"], FAR, key, http, world.clock)
            keys = KeyRing([bytes(range(1, 33))])
            gateway = Gateway(db, world.clock, http, Grants(db, world.clock, keys, http))
            engine = replace(
                world.engine, db=db, keys=keys, apps={}, remotes={"whoop": remote}, gateway=gateway, hints=Hints(db),
                source_deadline=PATIENCE,
            )  # fmt: skip
            reader = DayReader(db, world.clock, {name: p.empty_day() for name, p in PROVIDERS.items()})
            own = replace(world, engine=engine, worker=Worker(engine, slots=1), reader=reader, receiver=Receiver(engine))
            async with serving(own) as near:
                made = Pair(near, far, wire, remote, [])
                made.between(None)
                yield made
                await near.services.copies.close()
        finally:
            await http.close()
            await db.close()


@pytest.fixture
async def two(server: Server, database_url: str) -> AsyncIterator[Pair]:
    with server.database() as near_url:
        async with pair(database_url, near_url) as made:
            yield made


@pytest.fixture
async def joined(two: Pair) -> Pair:
    """With a member, connected and read at the service."""
    await two.far.connected("ann")
    return two


__all__ = ["ENV_KEY", "FAR", "Pair", "pair"]
