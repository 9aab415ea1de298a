"""The composition root: settings become parts, parts become a server or a worker."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

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
from wearbase.store import observations
from wearbase.store.postgres import migrate
from wearbase.store.postgres.cancelling import cancel
from wearbase.store.postgres.clock import DatabaseClock
from wearbase.store.postgres.database import Database, checked_url, is_pooled
from wearbase.store.postgres.embedded import EmbeddedPostgres, default_data_dir
from wearbase.store.postgres.hints import Hints
from wearbase.store.sealed.rings import given_ring, kept_ring
from wearbase.store.sealing import KeyRing
from wearbase.store.work import due
from wearbase.sync.engine import Engine
from wearbase.sync.receive import Receiver
from wearbase.sync.worker import LAST_REFRESH_S, Worker
from wearbase.transport.apps import App
from wearbase.transport.gateway import Gateway
from wearbase.transport.grants import Grants
from wearbase.transport.http import Http

log = structlog.get_logger()

CLOCK_SYNC_S = 30.0
CEILINGS = "ceilings"  # the name of the observation
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_WITHIN_S = 30.0  # whoever stops us waits as long before SIGKILL, as documented
BACKLOG = 1_024


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
            source_deadline=settings.source_deadline, keep_deliveries=settings.keep_deliveries, keep_payloads=settings.keep_payloads,
        )  # fmt: skip
        yield Parts(
            settings=settings, place=where, db=db, clock=clock, engine=engine, receiver=Receiver(engine),
            reader=DayReader(db, clock, {p.name: p.empty_day() for p in PROVIDERS.values()}), key_book=_key_book(settings, db, clock),
        )  # fmt: skip
    finally:
        await cancel([keeper])
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
    return settings.model_copy(update={"port": listener.getsockname()[1]}), listener


async def serve(
    settings: Settings, where: Place, listener: socket.socket, *, with_worker: bool, is_demo: bool = False, beside: Beside | None = None
) -> None:
    """Answers HTTP until told to stop; with a worker inside if asked. `beside` is run once it answers."""
    stop = _stop_event()
    async with parts(settings, where) as running:
        await _note_ceilings(running)
        server = _Server(_uvicorn(settings, _http_app(running, is_demo=is_demo)))
        lasting: list[asyncio.Task[Any]] = [asyncio.create_task(server.serve(sockets=[listener]))]
        passing: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
        if with_worker:
            lasting.append(asyncio.create_task(_work(running, stop, is_alone=where.is_embedded)))
        try:
            await server.until_answering(lasting[0])
            if beside is not None:
                passing.append(asyncio.create_task(beside(running)))
            await asyncio.wait([*lasting, passing[0]], return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            server.should_exit = True
            await cancel(passing)
            await asyncio.gather(*lasting)
        finally:  # interrupted, nothing may still use what is closed next; uvicorn would report that as an error of its own
            logging.getLogger("uvicorn.error").disabled = True
            await cancel(passing)
            await _broken_off(lasting)


async def _note_ceilings(running: Parts) -> None:
    """Keeps for `wear doctor` which ceilings the server that started last was given: they must be the same everywhere."""
    now = running.clock.now()
    async with running.db.transaction() as tx:
        for app in running.engine.apps.values():
            said = {"per_minute": app.per_minute, "per_day": app.per_day, "host": socket.gethostname()}
            await observations.note(tx, app.name, CEILINGS, said, now=now)


async def _broken_off(tasks: list[asyncio.Task[Any]]) -> None:
    """Tells the tasks once to stop: what they have to finish they may, for as long as a token refresh takes."""
    for task in tasks:
        task.cancel()
    _, left = await asyncio.wait(tasks, timeout=LAST_REFRESH_S)
    if left:
        log.error("a part does not stop: it is left behind", parts=len(left))
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # told where it was waited for


async def work(settings: Settings, where: Place, *, on_ready: Callable[[], None] = lambda: None) -> None:
    """Visits members and does chores until told to stop."""
    stop = _stop_event()
    async with parts(settings, where) as running:
        await _note_ceilings(running)
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
            await cancel([listener])


async def _keep_time(clock: DatabaseClock, db: Database) -> None:
    while True:
        await asyncio.sleep(CLOCK_SYNC_S)
        with suppress(DatabaseUnavailable):
            await clock.sync(db)


def _key_book(settings: Settings, db: Database, clock: DatabaseClock) -> KeyBook:
    secret = settings.service_api_key.get_secret_value() if settings.service_api_key else None
    return KeyBook(db, clock, env_secret=secret, env_scopes=settings.service_api_key_scopes)


def _http_app(running: Parts, *, is_demo: bool) -> Callable[..., Any]:
    """The HTTP side. Imported only here: a short command does without it and starts in half the time."""
    from wearbase.access.redirects import RedirectAllowList
    from wearbase.access.tokens import MemberTokens
    from wearbase.api.build import create_app
    from wearbase.api.given import Services
    from wearbase.web import callback

    settings = running.settings
    services = Services(
        engine=running.engine, reader=running.reader, receiver=running.receiver, keys=running.key_book,
        tokens=MemberTokens(running.place.keys.signing_keys, running.clock), providers=PROVIDERS, public_url=settings.base_url,
        redirects=RedirectAllowList(settings.redirect_url_allowlist), environment=settings.environment, is_demo=is_demo,
        version=__version__,
    )  # fmt: skip
    return create_app(services, pages=callback.routes(running.engine))


class _Server(uvicorn.Server):
    """A server that leaves the signals to us. `answers` is set once it listens, or has failed to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def until_answering(self, running: "asyncio.Task[Any]") -> None:
        """Waits until it answers. Raises what kept it from it."""
        waiting = asyncio.create_task(self.answers.wait())
        try:
            await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not self.started:
            if running.done():
                running.result()
            raise RuntimeError("the HTTP side did not start")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets=sockets)
        finally:
            self.answers.set()


def _uvicorn(settings: Settings, app: Callable) -> uvicorn.Config:
    return uvicorn.Config(
        app, host=settings.host, port=settings.port, http="httptools", loop="none", ws="none", log_config=None, access_log=False,
        server_header=False, forwarded_allow_ips=settings.forwarded_allow_ips, timeout_keep_alive=30, timeout_graceful_shutdown=5,
        limit_concurrency=1_000, backlog=BACKLOG,
    )  # fmt: skip


class HardEnd:
    """The end of a process that was told to stop and does not, whatever holds it up. It costs what a kill costs: leases run out."""

    def __init__(self, within_s: float = STOP_WITHIN_S) -> None:
        self._within_s = within_s
        self._timer: threading.Timer | None = None

    def begin(self) -> None:
        """From now on the time runs."""
        if self._timer is None:
            self._timer = threading.Timer(self._within_s, self._end)
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        """It has stopped."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        log.critical("did not stop in time: ended hard", seconds=self._within_s)
        os._exit(1)


HARD_END = HardEnd()


def _stop_event() -> asyncio.Event:
    """Set by the first signal to stop; the second one cancels the caller's task, a third interrupts the process."""
    stop, loop, caller = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()
    wanted = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

    def ask() -> None:
        HARD_END.begin()
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
    """The ring of the setting, or the one kept in the data folder."""
    given = settings.token_encryption_keys
    return given_ring(given.get_secret_value()) if given is not None else kept_ring(folder)


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
