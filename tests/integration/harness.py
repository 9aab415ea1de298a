"""A whole wearbase in one process, without HTTP: the engine on a real PostgreSQL, the simulator behind its HTTP client."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import orjson

from wearbase.domain.clock import SteppedClock
from wearbase.domain.combining import Combining
from wearbase.domain.provider import Credentials
from wearbase.providers.registry import PROVIDERS, taking_part
from wearbase.read import status
from wearbase.read.days import DayReader
from wearbase.store.postgres.database import Database, rows
from wearbase.store.postgres.hints import Hints
from wearbase.store.sealing import KeyRing
from wearbase.store.work import chores, due
from wearbase.store.work.due import Mark, Priority
from wearbase.sync import connect
from wearbase.sync.chores import do_chore
from wearbase.sync.connect import Completer, Connected
from wearbase.sync.engine import Engine
from wearbase.sync.receive import Receiver
from wearbase.sync.worker import Worker
from wearbase.transport.apps import App
from wearbase.transport.gateway import Gateway
from wearbase.transport.grants import Grants
from wearbase.transport.http import Http
from wearbase_sim.options import Options
from wearbase_sim.server import create_app

RESOURCES = ("recovery", "sleep", "workout", "cycle")
SIM = "http://127.0.0.1:8100"
REDIRECT = "http://127.0.0.1:8000/auth/whoop/callback"
TOKEN = "control-token-of-the-tests"
SAHHA_HOOK = "http://wearbase.test/sahha"
SAHHA_SECRET = "sahha-webhook-secret"
START = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)


def canonical(records: list[dict[str, Any]]) -> list[bytes]:
    """Records in an order of their own, so that lists can be compared."""
    return sorted(orjson.dumps(r, option=orjson.OPT_SORT_KEYS) for r in records)


Meddle = Callable[[httpx2.Request, Callable[[httpx2.Request], Awaitable[httpx2.Response]]], Awaitable[httpx2.Response]]


class Wire(httpx2.AsyncBaseTransport):
    """What lies between the engine and the cloud. `meddle` may look at a request, hold it up, or answer in the cloud's place."""

    def __init__(self, cloud: httpx2.AsyncBaseTransport) -> None:
        self._cloud = cloud
        self.meddle: Meddle | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.meddle is None:
            return await self._cloud.handle_async_request(request)
        return await self.meddle(request, self._cloud.handle_async_request)


@dataclass
class Bench:
    """The parts, and the few things that every test does with them."""

    engine: Engine
    worker: Worker
    reader: DayReader
    receiver: Receiver
    clock: SteppedClock
    sim: httpx2.AsyncClient
    deliveries: list[tuple[dict[str, str], bytes]]
    wire: Wire
    sahha_deliveries: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Worker]:
        """A worker as of another process: its own pool, its own way out, on the same database, clock and cloud."""
        mine, db, http = self.engine, patient(Database(self.engine.db.url)), Http(self.wire)
        await db.open()
        try:
            gateway = Gateway(db, self.clock, http, Grants(db, self.clock, mine.keys, http))
            yield Worker(replace(mine, db=db, gateway=gateway, hints=Hints(db)), slots=1)
        finally:
            await http.close()
            await db.close()

    def limit(self, **ceilings: int) -> None:
        """Sets our own ceilings: `per_minute`, `per_day`."""
        for name, ceiling in ceilings.items():
            object.__setattr__(self.engine.app("whoop"), name, ceiling)

    async def status(self, user_id: str = "ann") -> dict[str, dict[str, Any]]:
        """What `sync-status` says of each resource."""
        return (await status.status(self.engine.db, self.clock, user_id, "whoop")).resources

    async def members(self) -> list[dict[str, Any]]:
        answer = await self.sim.get("/control/members")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def connect(self, user_id: str, member: int = 0) -> Connected:
        """A consent as a browser would give it, and the code brought back."""
        started = await connect.begin(self.engine, user_id, "whoop")
        account = (await self.members())[member]
        code = await self.approve(started.authorization_url, account["user_id"])
        return await connect.complete(self.engine, started.state, code, by=Completer(is_service=True))

    async def approve(self, url: str, account: int, decision: str = "approve") -> str:
        page = await self.sim.get(url)
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        parts = urlsplit(url)
        answer = await self.sim.post(
            f"{parts.path}?{parts.query}", data={**fields, "member": str(account), "decision": decision}, follow_redirects=False
        )
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        return query["code"][0] if "code" in query else query["error"][0]

    async def one(self) -> bool:
        """The next visit, after the chores that are due; False if nothing was."""
        lease = timedelta(seconds=30)
        while True:
            now = self.clock.now()
            async with self.engine.db.transaction() as tx:
                chore = await chores.claim(tx, holder="chores", now=now, until=now + lease)
            if chore is None:
                return await self.worker._one()
            await do_chore(self.engine, chore)

    async def work(self) -> int:
        return await self.worker.drain()

    async def step(self, *, webhooks: bool = True, **by: float) -> None:
        """Moves both clocks."""
        delta = timedelta(**by)
        self.clock.advance(delta)
        await self.sim.post("/control/clock", json={"advance_s": delta.total_seconds(), "wait": True, "webhooks": webhooks})

    async def deliver(self) -> int:
        """Hands over the webhooks that the simulator has sent."""
        waiting, self.deliveries[:] = list(self.deliveries), []
        for headers, body in waiting:
            await self.receiver.receive("whoop", headers, body)
        return len(waiting)

    async def event(self, account: int, event: str, **more: Any) -> dict[str, Any]:
        answer = await self.sim.post(f"/control/members/{account}/events", json={"event": event, "wait": True, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def truth(self, account: int, resource: str) -> list[dict[str, Any]]:
        return (await self.sim.get(f"/control/truth/{account}/{resource}")).json()["records"]

    async def fault(self, route: str, kind: str, **more: Any) -> None:
        answer = await self.sim.post("/control/faults", json={"route": route, "kind": kind, **more})
        assert answer.status_code == 200, answer.text

    async def heal(self) -> None:
        await self.sim.delete("/control/faults")

    async def state(self, resource: str) -> dict[str, Any]:
        return (await self.rows("select * from wearbase.sync_state where resource = %s", resource))[0]

    async def states(self) -> dict[str, dict[str, Any]]:
        return {s["resource"]: s for s in await self.rows("select * from wearbase.sync_state")}

    async def mark(self, *resources: str, user_id: str = "ann") -> None:
        """A person's wish, without the limit of one a minute."""
        async with self.engine.db.transaction() as tx:
            wish = Mark(reason="person", priority=Priority.PERSON, due_at=self.clock.now())
            await due.mark(tx, user_id, "whoop", list(resources or RESOURCES), wish)

    async def same_as_truth(self, user_id: str, account: int) -> None:
        """Fails unless the store holds exactly the provider's records."""
        for resource in RESOURCES:
            assert canonical(await self.stored(user_id, resource)) == canonical(await self.truth(account, resource)), resource

    async def calls(self) -> dict[str, Any]:
        return (await self.sim.get("/control/calls")).json()

    async def day(self, user_id: str, day: date) -> dict[str, Any]:
        return orjson.loads((await self.reader.day(user_id, "whoop", day)).body)

    async def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        async with self.engine.db.connection() as tx:
            return await rows(tx, sql, params)

    async def stored(self, user_id: str, resource: str) -> list[dict[str, Any]]:
        """The live raw records, in no order."""
        found = await self.rows(
            "select raw from wearbase.record where user_id = %s and resource = %s and deleted_at is null", user_id, resource
        )
        return [f["raw"] for f in found]


def patient(db: Database) -> Database:
    """The same, but for this: a connection that is slow to come is no outage. On a machine that others use it may take its time."""
    db._pool.timeout = 60.0
    return db


@asynccontextmanager
async def bench(
    url: str, *, is_pooled: bool = False, days: int = 30, backfill_days: int = 60, start: datetime = START, has_sahha: bool = False,
    **sim: Any,
) -> AsyncIterator[Bench]:  # fmt: skip
    """A fresh wearbase and a fresh simulated cloud, on one stepped clock; with Sahha as a second source if asked."""
    deliveries: list[tuple[dict[str, str], bytes]] = []
    sahha_deliveries: list[tuple[dict[str, str], bytes]] = []
    if has_sahha:
        sim = {"sahha_webhook_url": (SAHHA_HOOK,), **sim}
    clock = SteppedClock(start)
    sim_app = create_app(
        Options(
            control_token=TOKEN, redirect_uri=(REDIRECT,), webhook_url=("http://wearbase.test/hook",), days=days,
            now=start.isoformat().replace("+00:00", "Z"), **{"quota_minute": 100_000, "quota_day": 1_000_000, **sim},
        ),
        webhook_transport=httpx2.MockTransport(
            lambda request: _take(sahha_deliveries if str(request.url) == SAHHA_HOOK else deliveries, request)
        ),
    )  # fmt: skip
    db = patient(Database(url, is_pooled=is_pooled))
    await db.open()
    wire = Wire(httpx2.ASGITransport(sim_app))
    http = Http(wire)
    try:
        async with (
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(sim_app), base_url=SIM, headers={"authorization": f"Bearer {TOKEN}"}
            ) as client,
            sim_app.router.lifespan_context(sim_app),
        ):
            engine = _engine(db, clock, http, backfill_days, has_sahha=has_sahha)
            reader = DayReader(db, clock, {name: provider.empty_day() for name, provider in PROVIDERS.items()})
            yield Bench(engine, Worker(engine, slots=1), reader, Receiver(engine), clock, client, deliveries, wire, sahha_deliveries)
    finally:
        await http.close()
        await db.close()


def _take(deliveries: list[tuple[dict[str, str], bytes]], request: httpx2.Request) -> httpx2.Response:
    deliveries.append(({k.lower(): v for k, v in request.headers.items()}, request.content))
    return httpx2.Response(204)


def _engine(db: Database, clock: SteppedClock, http: Http, backfill_days: int, *, has_sahha: bool) -> Engine:
    credentials = Credentials(
        client_id="sim-client", client_secret="sim-client-secret", api_url=f"{SIM}/developer", oauth_url=f"{SIM}/oauth/oauth2"
    )
    app = App(provider=PROVIDERS["whoop"], credentials=credentials, redirect_uris=(REDIRECT,), per_minute=10_000, per_day=1_000_000)
    keys, apps = KeyRing([bytes(range(32))]), {"whoop": app, **({"sahha": _sahha()} if has_sahha else {})}
    return Engine(
        db=db, clock=clock, keys=keys, apps=apps, gateway=Gateway(db, clock, http, Grants(db, clock, keys, http)),
        hints=Hints(db), combining=Combining.of(taking_part(apps).values()), hold_down=timedelta(0), backfill=timedelta(days=backfill_days),
    )  # fmt: skip


def _sahha() -> App:
    credentials = Credentials(
        client_id="sahha-client", client_secret="sahha-client-secret", api_url=f"{SIM}/sahha/sandbox", webhook_secret=SAHHA_SECRET
    )
    return App(provider=PROVIDERS["sahha"].pinned("hex-text"), credentials=credentials, per_minute=10_000, per_day=1_000_000)
