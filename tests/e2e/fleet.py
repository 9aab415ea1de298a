"""Several `wear api` and `wear worker` processes on one database, behind a relay that shares deliveries out among the APIs."""

import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx2
import psycopg

from tests.e2e.canaries import search_folder
from tests.e2e.processes import KEY, PATIENCE_S, Cloud, Home, cloud, free_port, pointed_at, wait_for, wear
from wearbase.store.sealing import KeyRing


@dataclass
class Part(Home):
    """One process of the fleet."""

    command: str = "api"

    def start(self) -> None:
        """Until it is ready."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen([wear(), self.command], env=self.environment, cwd=self.folder, stdout=log, stderr=log)
        log.close()

    def wait_until_ready(self) -> None:
        wait_for(lambda: "is ready" in self.log(), f"wear {self.command} is ready: {self.log()[-500:]}")

    def log(self) -> str:
        return (self.folder / "log").read_text()


class Relay(ThreadingHTTPServer):
    """Hands each request to the next API; to the one after, if that refuses or breaks off. `answers` are those of the APIs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.apis: list[Part] = []
        self.answers: list[int] = []
        self._turn = itertools.count()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def relayed(self, path: str, headers: dict[str, str], body: bytes) -> int:
        first = next(self._turn)
        for n in range(len(self.apis)):
            api = self.apis[(first + n) % len(self.apis)]
            try:
                status = httpx2.post(api.url + path, headers=headers, content=body, timeout=5).status_code
            except httpx2.TransportError:
                continue
            self.answers.append(status)
            return status
        return 502


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        relay = self.server
        assert isinstance(relay, Relay)
        body = self.rfile.read(int(self.headers["content-length"]))
        passed = {name: text for name, text in self.headers.items() if name.lower().startswith(("x-", "content-type"))}
        self.send_response(relay.relayed(self.path, passed, body))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 its name is given


@dataclass
class Fleet:
    """The processes, the cloud, and the database seen from outside."""

    apis: list[Part]
    workers: list[Part]
    relay: Relay
    sim: Cloud
    database: psycopg.Connection[Any] = field(repr=False)

    def ask(self, statement: str, *values: Any) -> Any:
        """The first column of the first row."""
        found = self.database.execute(statement, values).fetchone()  # pyright: ignore[reportArgumentType]
        return found[0] if found else None

    def start(self) -> None:
        """All at once."""
        for part in (*self.apis, *self.workers):
            part.launch()
        for part in (*self.apis, *self.workers):
            part.wait_until_ready()

    def replace(self, worker: Part) -> str:
        """Starts a worker; under which name it works."""
        known = set(self.ask("select coalesce(array_agg(id), '{}') from wearbase.worker"))
        worker.start()

        def name() -> str | None:
            return self.ask("select id from wearbase.worker where id <> all(%s)", list(known))

        return wait_for(name, "the worker has signed on")

    def listeners(self) -> list[int]:
        """The database sessions that wait for hints."""
        return self.ask(
            "select coalesce(array_agg(pid order by pid), '{}') from pg_stat_activity"
            " where application_name = 'wearbase listen' and datname = current_database() and query ilike 'listen%%'"
        )


@contextmanager
def fleet(url: str, admin_url: str, sim_arguments: Sequence[str], settings: Mapping[str, str]) -> Iterator[Fleet]:
    """Two of each, not started yet; `url` is what the processes are given, `admin_url` goes straight to the database."""
    outer = Path(mkdtemp(prefix="wearbase-fleet-"))
    relay = Relay()
    threading.Thread(target=relay.serve_forever, daemon=True).start()
    with cloud(relay.url, *sim_arguments) as sim, psycopg.connect(admin_url, autocommit=True) as database:
        shared = {
            "DATABASE_URL": url, "SERVICE_API_KEY": KEY, "PUBLIC_URL": relay.url, "TOKEN_ENCRYPTION_KEYS": KeyRing.new_key_text(),
            **pointed_at(sim), **settings,
        }  # fmt: skip
        made = [_part(outer, command, n, shared) for command in ("api", "worker") for n in range(2)]
        relay.apis = made[:2]
        try:
            yield Fleet(made[:2], made[2:], relay, sim, database)
        finally:
            running = [part.process for part in made if part.process is not None and part.process.poll() is None]
            for process in running:
                process.kill()
            for process in running:
                process.wait(PATIENCE_S)
            relay.shutdown()
            relay.server_close()
            try:
                search_folder(outer)
            finally:
                shutil.rmtree(outer, ignore_errors=True)


def _part(outer: Path, command: str, number: int, shared: dict[str, str]) -> Part:
    folder = outer / f"{command}-{number}"
    folder.mkdir()
    port = free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return Part(folder, port, {**kept, **shared, "PORT": str(port), "DATA_DIR": str(folder)}, command=command)
