"""Settings become parts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from wearbase.access.keys import KeyBook
from wearbase.domain.clock import Clock
from wearbase.domain.combining import Combining
from wearbase.domain.errors import BadRequest, DatabaseUnavailable, SettingsError
from wearbase.domain.provider import Provider
from wearbase.providers.registry import PROVIDERS
from wearbase.read.days import DayReader
from wearbase.settings import Settings
from wearbase.store.postgres import migrate
from wearbase.store.postgres.cancelling import cancel
from wearbase.store.postgres.clock import DatabaseClock
from wearbase.store.postgres.database import Database, is_pooled
from wearbase.store.postgres.embedded import EmbeddedPostgres, default_data_dir
from wearbase.store.postgres.hints import Hints
from wearbase.store.sealed.rings import given_ring, kept_ring
from wearbase.store.sealing import KeyRing
from wearbase.sync.engine import Engine
from wearbase.sync.receive import Receiver
from wearbase.transport.apps import App
from wearbase.transport.gateway import Gateway
from wearbase.transport.grants import Grants
from wearbase.transport.http import Http
from wearbase.transport.remote import ARCHIVE_S, LARGEST_ARCHIVE, Remote

CLOCK_SYNC_S = 30.0


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


@contextmanager
def place(settings: Settings, *, as_server: str | None = None, on_log: Callable[[str], None] = print) -> Iterator[Place]:
    """The database of these settings, migrated: the one given, or the embedded one, started or attached to.

    Raises: SettingsError, DatabaseUnavailable, DataFolderBusy.
    """
    folder = settings.data_dir or default_data_dir()
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        direct = settings.database_direct_url.get_secret_value() if settings.database_direct_url else None
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
    http_of_services = Http(within_s=ARCHIVE_S, largest_bytes=LARGEST_ARCHIVE)  # one that hangs takes no connection from the providers
    await db.open()
    keeper = asyncio.create_task(_keep_time(clock, db))
    try:
        await clock.sync(db)
        engine = Engine(
            db=db, clock=clock, keys=where.keys, apps=apps(settings), hints=Hints(db),
            gateway=Gateway(db, clock, http, Grants(db, clock, where.keys, http, keepalive=settings.token_keepalive)),
            combining=combining(settings), remotes=remotes(settings, http_of_services, clock),
            hold_down=settings.hold_down, backfill=timedelta(days=settings.backfill_days), idle_after=settings.idle_after,
            visit_idle_every=settings.visit_idle_members_every, keepalive=settings.token_keepalive,
            source_deadline=settings.source_deadline, keep_deliveries=settings.keep_deliveries, keep_payloads=settings.keep_payloads,
            consent_version=settings.consent_version, keep_audit=timedelta(days=settings.audit_retention_days) or None,
        )  # fmt: skip
        known = providers(settings)
        yield Parts(
            settings=settings, place=where, db=db, clock=clock, engine=engine, receiver=Receiver(engine),
            reader=DayReader(
                db, clock, {name: p.empty_day() for name, p in known.items()}, {name: p.keep_days for name, p in known.items()}
            ),
            key_book=_key_book(settings, db, clock),
        )  # fmt: skip
    finally:
        await cancel([keeper])
        await http.close()
        await http_of_services.close()
        await db.close()


def combining(settings: Settings) -> Combining:
    """How the sources are combined. Raises SettingsError naming what is allowed."""
    try:
        return Combining.of(providers(settings).values(), settings.source_precedence)
    except BadRequest as error:
        raise SettingsError(f"SOURCE_PRECEDENCE: {error.message}") from error


def providers(settings: Settings) -> dict[str, Provider]:
    """Those whose days can be read here, connected or not."""
    return settings.providers()


def apps(settings: Settings) -> dict[str, App]:
    """Our registrations at the providers; one without credentials is known but cannot be connected."""
    return {app.name: app for app in settings.apps()}


def remotes(settings: Settings, http: Http, clock: Clock) -> dict[str, Remote]:
    """The services that sources come from."""
    url, key = settings.whoop_service_url, settings.whoop_service_api_key
    if url is None or key is None:
        return {}
    redirect = settings.whoop_redirect_url[0] if settings.whoop_redirect_url else None
    return {"whoop": Remote(PROVIDERS["whoop"], url, key.get_secret_value(), http, clock, redirect_uri=redirect)}


async def _keep_time(clock: DatabaseClock, db: Database) -> None:
    while True:
        await asyncio.sleep(CLOCK_SYNC_S)
        with suppress(DatabaseUnavailable):
            await clock.sync(db)


def _key_book(settings: Settings, db: Database, clock: DatabaseClock) -> KeyBook:
    secret = settings.service_api_key.get_secret_value() if settings.service_api_key else None
    return KeyBook(db, clock, env_secret=secret, env_scopes=settings.service_api_key_scopes)


def _key_ring(settings: Settings, folder: Path) -> KeyRing:
    """The ring of the setting, or the one kept in the data folder."""
    given = settings.token_encryption_keys
    return given_ring(given.get_secret_value()) if given is not None else kept_ring(folder)
