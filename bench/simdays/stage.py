"""Engine and simulator in one process: real code, a real PostgreSQL, one clock for both."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2
import structlog

from bench.simdays.plan import Plan, at_ms
from wearbase.domain.clock import SteppedClock
from wearbase.domain.provider import Credentials
from wearbase.providers.registry import PROVIDERS
from wearbase.read.days import DayReader
from wearbase.store.postgres.database import Database, rows
from wearbase.store.postgres.hints import Hints
from wearbase.store.sealing import KeyRing
from wearbase.sync.engine import Engine
from wearbase.sync.receive import Receiver
from wearbase.sync.worker import Worker
from wearbase.transport.apps import App
from wearbase.transport.gateway import Gateway
from wearbase.transport.grants import Grants
from wearbase.transport.http import Http
from wearbase_sim.options import Options
from wearbase_sim.server import create_app
from wearbase_sim.world import World

SIM, CLIENT_ID, CLIENT_SECRET = "http://127.0.0.1:8100", "bench-client", "bench-client-secret"
# What is measured are calls and virtual time: the disk need not be waited for.
QUICK = "options=-csynchronous_commit%3Doff"


@dataclass
class Stage:
    """The parts, and the one clock."""

    plan: Plan
    engine: Engine
    worker: Worker
    receiver: Receiver
    reader: DayReader
    clock: SteppedClock
    world: World
    said: Counter[str] = field(default_factory=Counter)  # what the engine logged
    _arrived: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def move(self, at: datetime) -> None:
        """Moves both clocks; what happens on the way at the provider happens at its own time."""
        await self.world.course.run_to(at_ms(at), settle=True)
        self.clock.advance(at - self.clock.now())

    def arrived(self) -> list[tuple[dict[str, str], bytes]]:
        """The webhooks since the last time."""
        found, self._arrived[:] = list(self._arrived), []
        return found

    def take(self, request: httpx2.Request) -> httpx2.Response:
        self._arrived.append(({k.lower(): v for k, v in request.headers.items()}, request.content))
        return httpx2.Response(204)

    async def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        async with self.engine.db.connection() as tx:
            return await rows(tx, sql, params)


@asynccontextmanager
async def staged(plan: Plan, url: str) -> AsyncIterator[Stage]:
    """An engine without members and a simulated cloud full of them, at the plan's first instant."""
    clock, holder = SteppedClock(plan.starts_at), list[Stage]()
    sim = create_app(_options(plan), webhook_transport=httpx2.MockTransport(lambda request: holder[0].take(request)))
    db, http = Database(f"{url}{'&' if '?' in url else '?'}{QUICK}"), Http(httpx2.ASGITransport(sim))
    await db.open()
    try:
        engine = _engine(plan, db, clock, http)
        reader = DayReader(db, clock, {"whoop": PROVIDERS["whoop"].empty_day()})
        stage = Stage(plan, engine, Worker(engine, slots=1), Receiver(engine), reader, clock, sim.state.world)
        holder.append(stage)
        with _listening(stage.said):
            yield stage
    finally:
        await sim.state.world.sender.close()
        await http.close()
        await db.close()


def _options(plan: Plan) -> Options:
    return Options(
        client_id=CLIENT_ID, client_secret=CLIENT_SECRET, control_token="bench", webhook_url=("http://wearbase.test/hook",),
        members=plan.members, days=45, seed=plan.seed, now=plan.starts_at.isoformat(), quota_minute=plan.per_minute, quota_day=plan.quota,
        token_calls="counted" if plan.is_token_counted else "apart",
    )  # fmt: skip


def _engine(plan: Plan, db: Database, clock: SteppedClock, http: Http) -> Engine:
    credentials = Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, api_url=f"{SIM}/developer", oauth_url=f"{SIM}/oauth/oauth2")
    app = App(
        provider=PROVIDERS["whoop"], credentials=credentials, redirect_uris=("http://127.0.0.1/cb",),
        per_minute=plan.per_minute, per_day=plan.quota, counts_token_calls=plan.is_token_counted,
    )  # fmt: skip
    keys = KeyRing([bytes(range(32))])
    gateway = Gateway(db, clock, http, Grants(db, clock, keys, http))
    return Engine(
        db=db, clock=clock, keys=keys, apps={"whoop": app}, gateway=gateway, hints=Hints(db),
        backfill=timedelta(days=30),
    )  # fmt: skip


@contextmanager
def _listening(said: Counter[str]) -> Iterator[None]:
    """Counts what is logged instead of printing it."""

    def count(logger: Any, method: str, event: MutableMapping[str, Any]) -> Any:
        said[" ".join(str(event[k]) for k in ("event", "resource", "error", "place") if k in event)] += 1
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[count], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)
