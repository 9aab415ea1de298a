"""The composition root: settings become parts, parts become a server or a worker."""

import asyncio
import errno
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import orjson
import structlog
import uvicorn

from wearbase import __version__
from wearbase.access.keys import KeyBook
from wearbase.domain.combining import Combining
from wearbase.domain.errors import BadRequest, DatabaseUnavailable, SettingsError
from wearbase.providers.registry import PROVIDERS
from wearbase.read.days import DayReader
from wearbase.settings import Settings
from wearbase.store.postgres import migrate
from wearbase.store.postgres.clock import DatabaseClock
from wearbase.store.postgres.database import Database, checked_url, is_pooled
from wearbase.store.postgres.embedded import EmbeddedPostgres, default_data_dir
from wearbase.store.postgres.hints import Hints
from wearbase.store.sealing import KeyRing
from wearbase.store.work import due
from wearbase.sync.engine import Engine
from wearbase.sync.receive import Receiver
from wearbase.sync.worker import Worker
from wearbase.transport.apps import App
from wearbase.transport.gateway import Gateway
from wearbase.transport.grants import Grants
from wearbase.transport.http import Http

if TYPE_CHECKING:
    from fastapi import FastAPI

log = structlog.get_logger()

CLOCK_SYNC_S = 30.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BACKLOG = 1_024
MOST_CONNECTIONS = 4_000  # half of them may be pages that stay open
UNREAD_MS = 30_000  # a peer that takes nothing for so long is gone, or reads too slowly
LOOK_AT_FILES_EVERY_S = 1.0  # while somebody may be writing them
AFTER_CONSENT = "/app/sources"  # where the app's own members come back to; no setting need allow it


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the data is: the database's address, and the key ring that goes with it."""

    url: str = field(repr=False)
    direct_url: str | None = field(repr=False)  # None behind a transaction pooler without a direct address
    keys: KeyRing = field(repr=False)
    folder: Path  # ours on this machine: the embedded database, and keys that no setting gives
    is_embedded: bool = False
    is_pooled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that runs in one process."""

    settings: Settings
    place: Place
    db: Database
    clock: DatabaseClock
    engine: Engine
    reader: DayReader
    receiver: Receiver
    key_book: KeyBook


Beside: TypeAlias = Callable[[Parts], Coroutine[Any, Any, None]]


@contextmanager
def place(settings: Settings, *, as_server: str | None = None, on_log: Callable[[str], None] = print) -> Iterator[Place]:
    """The database of these settings, migrated: the one given, or the embedded one, started or attached to.

    Raises: SettingsError, DatabaseUnavailable, DataFolderBusy.
    """
    folder = settings.data_dir or default_data_dir()
    if settings.database_url is not None:
        url = checked_url(settings.database_url.get_secret_value(), setting="DATABASE_URL")
        given = settings.database_direct_url.get_secret_value() if settings.database_direct_url else None
        direct = checked_url(given, setting="DATABASE_DIRECT_URL") if given else None
        migrate.upgrade(direct or url, schema=settings.database_schema)
        pooled = is_pooled(url)
        yield Place(
            url=url, direct_url=direct or (None if pooled else url), keys=_key_ring(settings, folder), folder=folder, is_pooled=pooled
        )
        return
    with EmbeddedPostgres(folder, log=on_log) as embedded:
        url = embedded.start(as_server=as_server)
        migrate.upgrade(url, schema=settings.database_schema)
        yield Place(url=url, direct_url=url, keys=_key_ring(settings, folder), folder=folder, is_embedded=True)


@asynccontextmanager
async def parts(settings: Settings, where: Place) -> AsyncIterator[Parts]:
    """The parts, open. Raises DatabaseUnavailable."""
    db = Database(where.url, size=settings.database_pool_size, schema=settings.database_schema, is_pooled=where.is_pooled)
    clock, http = DatabaseClock(), Http()
    await db.open()
    keeper = asyncio.create_task(_keep_time(clock, db))
    try:
        await clock.sync(db)
        engine = Engine(
            db=db, clock=clock, keys=where.keys, apps=apps(settings), hints=Hints(db),
            gateway=Gateway(db, clock, http, Grants(db, clock, where.keys, http, keepalive=settings.token_keepalive)),
            combining=combining(settings),
            hold_down=settings.hold_down, backfill=timedelta(days=settings.backfill_days), idle_after=settings.idle_after,
            visit_idle_every=settings.visit_idle_members_every, keepalive=settings.token_keepalive,
            keep_deliveries=settings.keep_deliveries, keep_payloads=settings.keep_payloads,
        )  # fmt: skip
        yield Parts(
            settings=settings, place=where, db=db, clock=clock, engine=engine, receiver=Receiver(engine),
            reader=DayReader(db, clock, {p.name: p.empty_day() for p in PROVIDERS.values()}), key_book=_key_book(settings, db, clock),
        )  # fmt: skip
    finally:
        keeper.cancel()
        await http.close()
        await db.close()


def combining(settings: Settings) -> Combining:
    """How the sources are combined. Raises SettingsError naming what is allowed."""
    try:
        return Combining.of(PROVIDERS.values(), settings.source_precedence)
    except BadRequest as error:
        raise SettingsError(f"SOURCE_PRECEDENCE: {error.message}") from error


def apps(settings: Settings) -> dict[str, App]:
    """Our registrations at the providers; one without credentials is known but cannot be connected."""
    return {app.name: app for app in settings.apps()}


def listen(settings: Settings) -> tuple[Settings, socket.socket]:
    """The server's socket, bound before anything is started, and the settings with the port it has (PORT=0 takes a free one).

    Raises: SettingsError that says what is in the way.
    """
    host, family = settings.host, socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(f"PORT: {settings.port} is taken by another program. Stop it, or set PORT to another number.") from error
        raise SettingsError(f"HOST, PORT: cannot listen on {host}, port {settings.port}: {error.strerror}.") from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)  # every accepted connection has it from here
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most if most != resource.RLIM_INFINITY else 4 * MOST_CONNECTIONS, most))
    return settings.model_copy(update={"port": listener.getsockname()[1]}), listener


async def serve(
    settings: Settings, where: Place, listener: socket.socket, *, with_worker: bool, is_demo: bool = False, beside: Beside | None = None
) -> None:
    """Answers HTTP until told to stop; with a worker inside if asked. `beside` is run once it answers."""
    stop = _stop_event()
    async with parts(settings, where) as running:
        http = _http_app(running, is_demo=is_demo)
        server = _Server(_uvicorn(settings, http), on_stop=http.state.services.end_streams)
        lasting: list[asyncio.Task[Any]] = [asyncio.create_task(server.serve(sockets=[listener]))]
        passing: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
        if with_worker:
            lasting.append(asyncio.create_task(_work(running, stop, is_alone=where.is_embedded)))
        try:
            await server.answers.wait()
            if not server.started:
                raise RuntimeError("the HTTP side did not start")
            if beside is not None:
                passing.append(asyncio.create_task(beside(running)))
            await asyncio.wait([*lasting, passing[0]], return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            server.should_exit = True
            await _cancelled(passing)
            await asyncio.gather(*lasting)
        finally:  # interrupted, nothing may still use what is closed next; uvicorn would report that as an error of its own
            logging.getLogger("uvicorn.error").disabled = True
            await _cancelled([*lasting, *passing])


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def work(settings: Settings, where: Place, *, on_ready: Callable[[], None] = lambda: None) -> None:
    """Visits members and does chores until told to stop."""
    stop = _stop_event()
    async with parts(settings, where) as running:
        on_ready()
        await _work(running, stop)


async def _work(running: Parts, stop: asyncio.Event, *, is_alone: bool = False) -> None:
    if is_alone:  # the folder's server lock says that whoever held these leases is dead
        async with running.db.transaction() as tx:
            await due.release_dead(tx)
    worker = Worker(running.engine)
    listener = None
    if running.place.direct_url is not None:
        listener = asyncio.create_task(running.engine.hints.listen(running.place.direct_url, worker.wake))
    try:
        await worker.run(stop)
    finally:
        if listener is not None:
            listener.cancel()


async def _keep_time(clock: DatabaseClock, db: Database) -> None:
    while True:
        await asyncio.sleep(CLOCK_SYNC_S)
        with suppress(DatabaseUnavailable):
            await clock.sync(db)


def _key_book(settings: Settings, db: Database, clock: DatabaseClock) -> KeyBook:
    secret = settings.service_api_key.get_secret_value() if settings.service_api_key else None
    return KeyBook(db, clock, env_secret=secret, env_scopes=settings.service_api_key_scopes)


def _http_app(running: Parts, *, is_demo: bool) -> "FastAPI":
    """The HTTP side. Imported only here: a short command does without it and starts in half the time."""
    from wearbase.access.redirects import RedirectAllowList
    from wearbase.access.tokens import MemberTokens
    from wearbase.api.build import create_app
    from wearbase.api.given import Services
    from wearbase.web import app_files, callback

    settings = running.settings
    services = Services(
        engine=running.engine, reader=running.reader, receiver=running.receiver, keys=running.key_book,
        tokens=MemberTokens(running.place.keys.signing_keys, running.clock), providers=PROVIDERS, public_url=settings.base_url,
        redirects=RedirectAllowList([*settings.redirect_url_allowlist, f"{settings.base_url}{AFTER_CONSENT}"]),
        environment=settings.environment, is_demo=is_demo, version=__version__, direct_url=running.place.direct_url,
    )  # fmt: skip
    files = app_files.AppFiles(look_every_s=LOOK_AT_FILES_EVERY_S if settings.environment == "development" else None)
    return create_app(services, pages=[*callback.routes(running.engine), *app_files.routes(files)])


class _Server(uvicorn.Server):
    """A server that leaves the signals to us. `answers` is set once it listens, or has failed to."""

    def __init__(self, config: uvicorn.Config, *, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()
        self._on_stop = on_stop

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets=sockets)
        finally:
            self.answers.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()  # what would stay open for ever ends before the others are waited for
        await super().shutdown(sockets=sockets)


def _uvicorn(settings: Settings, app: Callable) -> uvicorn.Config:
    return uvicorn.Config(
        app, host=settings.host, port=settings.port, http="httptools", loop="none", ws="none", log_config=None, access_log=False,
        server_header=False, forwarded_allow_ips=settings.forwarded_allow_ips, timeout_keep_alive=30, timeout_graceful_shutdown=5,
        limit_concurrency=MOST_CONNECTIONS, backlog=BACKLOG,
    )  # fmt: skip


def _stop_event() -> asyncio.Event:
    """Set by the first signal to stop; the second one cancels the caller's task, a third interrupts the process."""
    stop, loop, caller = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()
    wanted = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

    def ask() -> None:
        if not stop.is_set():
            return stop.set()
        for number in wanted:
            loop.remove_signal_handler(number)
            signal.signal(number, _interrupt)
        if caller is not None:
            caller.cancel()
        return None

    for number in wanted:
        loop.add_signal_handler(number, ask)
    return stop


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _key_ring(settings: Settings, folder: Path) -> KeyRing:
    """The ring of the setting, or the one kept in the data folder, made on the first start."""
    if settings.token_encryption_keys is not None:
        return KeyRing.from_text(settings.token_encryption_keys.get_secret_value())
    path = folder / "token.keys"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(made, "w") as file:
                file.write(KeyRing.new_key_text() + "\n")
        return KeyRing.from_text(path.read_text())
    except OSError as error:
        raise SettingsError(f"The keys for stored tokens cannot be kept in {path}: {error.strerror}. Set TOKEN_ENCRYPTION_KEYS.") from error


def configure_logging(settings: Settings, *, is_human: bool | None = None) -> None:
    """Structured logs on standard error: lines for a person in a terminal, JSON elsewhere."""
    is_human = sys.stderr.isatty() if is_human is None else is_human
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if is_human else structlog.processors.JSONRenderer(serializer=orjson.dumps, default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr) if is_human else structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
