"""The PostgreSQL servers that tests run against, and databases on them."""

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from wearbase.store.postgres.embedded import EmbeddedPostgres
from wearbase.store.postgres.embedded.account import claim_folder, database_account
from wearbase.store.postgres.embedded.binaries import Binaries
from wearbase.store.postgres.embedded.cluster import Cluster
from wearbase.store.postgres.migrate import upgrade

TEMPLATE = "migrated"
# A session that a test broke off while it signed on would hold up whoever makes or drops a database until the server gives it up.
PROMPT = {"authentication_timeout": "5s"}
UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "200", "max_wal_size": "128MB", **PROMPT}
IN_MEMORY, ROOM_BYTES = Path("/dev/shm"), 2 << 30
_numbers = itertools.count(1)


def place_for_servers() -> Path:
    """Where data folders of the tests are: in memory if there is room. A database is made there in a tenth of the time."""
    try:
        is_roomy = os.access(IN_MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(IN_MEMORY).free >= ROOM_BYTES
    except OSError:
        is_roomy = False
    return IN_MEMORY if is_roomy else Path("/tmp")


@dataclass
class Server:
    """A running server. `admin_url` goes straight to it; `url` is what the program under test is given."""

    admin_url: str
    url: str
    has_template: bool = field(default=False, init=False)
    _admin: psycopg.Connection[Any] | None = field(default=None, init=False, repr=False)

    def create(self, *, is_migrated: bool) -> str:
        """A fresh database; its URL."""
        if is_migrated and not self.has_template:
            self._make_template()
        name = f"test_{next(_numbers)}"
        # A copy of the template's files takes a fifth of the time of a copy by way of the log.
        self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, TEMPLATE if is_migrated else "template1")
        return _with_database(self.url, name)

    def _make_template(self) -> None:
        self._administer("DROP DATABASE IF EXISTS {}", TEMPLATE)
        self._administer("CREATE DATABASE {}", TEMPLATE)
        upgrade(_with_database(self.admin_url, TEMPLATE))
        self.has_template = True

    def drop(self, url: str) -> None:
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", urlsplit(url).path.lstrip("/"))

    @contextmanager
    def database(self, *, is_migrated: bool = True) -> Iterator[str]:
        url = self.create(is_migrated=is_migrated)
        try:
            yield url
        finally:
            self.drop(url)

    def close(self) -> None:
        if self._admin is not None:
            self._admin.close()

    def _administer(self, statement: str, *names: str) -> None:
        """On one session that stays open."""
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.admin_url, autocommit=True)
        self._admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # pyright: ignore[reportArgumentType]


@contextmanager
def private_folder() -> Iterator[Path]:
    """A short folder of the account that runs servers; pytest's own temporary folders cannot be entered by others."""
    folder = Path(tempfile.mkdtemp(prefix="wearbase-", dir=place_for_servers()))
    claim_folder(folder, database_account())
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def embedded_server() -> Iterator[Server]:
    with private_folder() as folder, EmbeddedPostgres(folder, settings=UNSAFE_BUT_FAST) as postgres:
        url = postgres.start(as_server="tests")
        _make_signing_on_cheap(url)
        yield from _served(Server(admin_url=url, url=url))


@contextmanager
def system_server(programs: Path) -> Iterator[Server]:
    """The system's PostgreSQL, over TCP on loopback as a server elsewhere would be, on a cluster of its own."""
    binaries = Binaries(programs, int("".join(filter(str.isdigit, programs.parent.name))))
    port = _free_port()
    tcp = {"listen_addresses": "127.0.0.1", "port": str(port)}
    with private_folder() as folder:
        cluster = Cluster(folder, database_account(), {**UNSAFE_BUT_FAST, **tcp})
        cluster.create(binaries)
        child = cluster.spawn(binaries)
        try:
            _wait_until_ready(cluster, child)
            url = f"postgresql://wearbase:{quote(cluster.password_path.read_text(), safe='')}@127.0.0.1:{port}/postgres"
            _make_signing_on_cheap(url)
            yield from _served(Server(admin_url=url, url=url))
        finally:
            _end(child)


@contextmanager
def pooled_server(pgbouncer: Path, behind: Server) -> Iterator[Server]:
    """PgBouncer in transaction mode in front of another server, on a socket."""
    target = conninfo_to_dict(behind.admin_url)
    user, password = str(target["user"]), str(target["password"])
    account = database_account()
    with private_folder() as folder:
        configuration = folder / "pgbouncer.ini"
        users = folder / "users.txt"
        users.write_text(f'"{user}" "{password}"\n')
        configuration.write_text(
            f"[databases]\n* = host={target['host']} port={target['port']}\n[pgbouncer]\npool_mode = transaction\nlisten_port = 6432\n"
            f"unix_socket_dir = {folder}\nauth_type = scram-sha-256\nauth_file = {users}\nmax_client_conn = 500\n"
            "default_pool_size = 20\nserver_idle_timeout = 5\nlog_connections = 0\nlog_disconnections = 0\n"
        )
        for path in (users, configuration):
            account.own(path)
        log = (folder / "log").open("wb")
        child = subprocess.Popen[bytes]([pgbouncer, str(configuration)], stdout=log, stderr=log, **account.process_arguments())
        log.close()
        try:
            _wait_for(folder / ".s.PGSQL.6432", child)
            host = quote(str(folder), safe="")
            url = f"postgresql://{user}:{quote(password, safe='')}@/postgres?host={host}&port=6432"
            yield from _served(Server(admin_url=behind.admin_url, url=url))
        finally:
            _end(child)


def _served(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.close()


def _make_signing_on_cheap(url: str) -> None:
    """The same password, hashed fewer times: that is half the price of a session, and each test has several."""
    known = conninfo_to_dict(url)
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.info.server_version >= 160_000:
            connection.execute("SET scram_iterations = 1")
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(str(known["user"])), str(known["password"])))


def _wait_until_ready(cluster: Cluster, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and child.poll() is None:
        running = cluster.postmaster()
        if running is not None and running.is_ready:
            return
        time.sleep(0.01)
    raise RuntimeError(f"PostgreSQL did not start:\n{cluster.last_words()}")


def _wait_for(path: Path, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and child.poll() is None:
        if path.exists():
            return
        time.sleep(0.01)
    raise RuntimeError(f"no {path}:\n{(path.parent / 'log').read_text()}")


def _end(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(2)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _with_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()
