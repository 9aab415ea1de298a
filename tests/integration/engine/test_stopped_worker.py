"""A worker process that is stopped in the middle of a visit and wakes when another has long taken over."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, LiteralString

import httpx2
import psycopg

from tests.e2e.processes import PATIENCE_S, SECRET, Cloud, approve, canonical, cloud, pointed_at, wait_for
from wearbase.domain.provider import Credentials
from wearbase.providers.registry import PROVIDERS
from wearbase.store.postgres.database import Database
from wearbase.store.postgres.hints import Hints
from wearbase.store.sealing import KeyRing
from wearbase.store.work import due
from wearbase.store.work.due import Mark, Priority
from wearbase.sync import connect
from wearbase.sync.connect import Completer
from wearbase.sync.engine import Engine
from wearbase.sync.worker import LEASE, Worker
from wearbase.transport.apps import App
from wearbase.transport.gateway import Gateway
from wearbase.transport.grants import Grants
from wearbase.transport.http import Http

BASE = "http://127.0.0.1:9"  # nobody listens: webhooks do not matter here
KEY = bytes(range(32))
# The command, with so short a limit for idle transactions that the test need not wait for long.
WORKER = "from wearbase.store.postgres import database; database.IDLE_PATIENCE_S = 2; from wearbase.cli.main import app; app(['worker'])"
RESOURCES = ("recovery", "sleep", "workout", "cycle")


class AheadClock:
    """The real time, or as it will be when a lease has run out."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@asynccontextmanager
async def engine_on(url: str, sim: Cloud, clock: AheadClock) -> AsyncIterator[Engine]:
    db, http, keys = Database(url), Http(), KeyRing([KEY])
    credentials = Credentials(client_id="app", client_secret=SECRET, api_url=f"{sim.url}/developer", oauth_url=f"{sim.url}/oauth/oauth2")
    app = App(
        provider=PROVIDERS["whoop"], credentials=credentials, redirect_uris=(f"{BASE}/auth/whoop/callback",), per_minute=10_000,
        per_day=1_000_000,
    )  # fmt: skip
    await db.open()
    try:
        yield Engine(
            db=db, clock=clock, keys=keys, apps={"whoop": app}, gateway=Gateway(db, clock, http, Grants(db, clock, keys, http)),
            hints=Hints(db), hold_down=timedelta(0), backfill=timedelta(days=6),
        )  # fmt: skip
    finally:
        await http.close()
        await db.close()


class Gate:
    """The way to the data routes: what comes waits until it is opened."""

    def __init__(self, to: str) -> None:
        self.waiting = 0
        self._opened = threading.Event()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                gate.waiting += 1
                gate._opened.wait()
                answer = httpx2.get(f"{to}{self.path}", headers={"authorization": self.headers["authorization"]})
                self.send_response(answer.status_code)
                self.send_header("content-type", answer.headers["content-type"])
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 named so there
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,)).start()

    def open(self) -> None:
        self._opened.set()

    def close(self) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def worker_process(url: str, sim: Cloud, gate: Gate, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    settings = {
        "DATABASE_URL": url, "DATA_DIR": str(folder / "data"), "TOKEN_ENCRYPTION_KEYS": base64.urlsafe_b64encode(KEY).decode(),
        "RATE_LIMIT_PER_MINUTE": "10000", **pointed_at(sim), "WHOOP_API_URL": f"{gate.url}/developer",
    }  # fmt: skip
    path = folder / "worker.log"
    with path.open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", WORKER], env=kept | settings, cwd=folder, stdout=log, stderr=log)
    try:
        yield process, path
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(10)
        gate.close()


def rows(url: str, sql: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


def everything(url: str) -> list[list[tuple[Any, ...]]]:
    """What is stored of members, and where their walks stand."""
    return [
        rows(url, "select t::text from wearbase.record t order by 1"),
        rows(url, "select t::text from wearbase.day_document t order by 1"),
        rows(url, "select t::text from wearbase.sync_state t order by 1"),
    ]


async def connected(engine: Engine, account: int) -> None:
    started = await connect.begin(engine, "ann", "whoop")
    await connect.complete(engine, started.state, approve(started.authorization_url, account), by=Completer(is_service=True))
    await Worker(engine, slots=1).drain()


async def mark_all(engine: Engine) -> None:
    async with engine.db.transaction() as tx:
        wish = Mark(reason="person", priority=Priority.PERSON, due_at=engine.clock.now())
        await due.mark(tx, "ann", "whoop", list(RESOURCES), wish)


async def take_over(engine: Engine, url: str) -> None:
    """Works as another process until what was begun is done: what the stopped one still holds is free in a while."""
    async with asyncio.timeout(PATIENCE_S):
        while rows(url, "select 1 from wearbase.sync_state where window_start is not null"):
            await Worker(engine, slots=1).drain()


def is_waited_for(holder: psycopg.Connection[Any]) -> bool:
    sql = "select 1 from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
    return holder.execute(sql, (holder.info.backend_pid,)).fetchone() is not None


async def test_a_worker_stopped_past_its_lease_holds_nobody_up_and_cannot_store_when_it_wakes(database_url: str, tmp_path: Path) -> None:
    """Three of its calls are under way then, and the fourth resource's row is locked in a transaction of its own."""
    clock = AheadClock()
    with cloud(BASE, "--days", "5", "--quota-minute", "100000") as sim:
        account = sim.account()
        async with engine_on(database_url, sim, clock) as engine:
            await connected(engine, account)
            await mark_all(engine)
            gate = Gate(sim.url)
            with (
                psycopg.connect(database_url) as holder,
                worker_process(database_url, sim, gate, tmp_path) as (process, log),
            ):
                holder.execute("select 1 from wearbase.sync_state where resource = 'sleep' for update")
                wait_for(lambda: gate.waiting >= 3 and is_waited_for(holder), "it reads three resources and waits to begin with one")
                process.send_signal(signal.SIGSTOP)
                holder.rollback()
                sim.event(account, "workout", webhooks=False)
                clock.ahead = LEASE + timedelta(seconds=1)
                await take_over(engine, database_url)
                before = everything(database_url)
                gate.open()
                process.send_signal(signal.SIGCONT)
                wait_for(lambda: "visit abandoned" in log.read_text(), "it gives the visit up")
                process.terminate()
                assert process.wait(PATIENCE_S) == 0
            assert everything(database_url) == before
            stored = rows(database_url, "select raw from wearbase.record where resource = 'workout' and deleted_at is null")
            assert canonical([raw for (raw,) in stored]) == canonical(sim.truth(account, "workout"))
