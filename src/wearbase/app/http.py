"""The HTTP side: its socket, its application, its server."""

import asyncio
import errno
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import uvicorn

from wearbase import __version__
from wearbase.app.logfile import LogFile
from wearbase.app.parts import Parts, providers
from wearbase.domain.errors import SettingsError
from wearbase.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from wearbase.api.door.rules import DoorRules
    from wearbase.app.connections import Watch

BACKLOG = 1_024
MOST_READERS = 64  # of the metrics
UNREAD_MS = 30_000  # a peer that takes nothing for so long is gone, or reads too slowly
LOOK_AT_FILES_EVERY_S = 1.0  # while somebody may be writing them
AFTER_CONSENT = "/app/sources"  # where the app's own members come back to; no setting need allow it


def listen(settings: Settings) -> tuple[Settings, socket.socket]:
    """The server's socket, bound before anything is started, and the settings with the port it has (PORT=0 takes a free one).

    Raises: SettingsError that says what is in the way.
    """
    listener = _bound(settings.host, settings.port, port_setting="PORT", both="HOST, PORT")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most if most != resource.RLIM_INFINITY else 4 * settings.connections, most))
    return settings.model_copy(update={"port": listener.getsockname()[1]}), listener


def listen_for_metrics(settings: Settings) -> socket.socket | None:
    """The socket of METRICS_BIND, if it is set. Raises SettingsError."""
    if settings.metrics_bind is None:
        return None
    host, port = settings.metrics_bind
    return _bound(host, port, port_setting="METRICS_BIND", both="METRICS_BIND")


def _bound(host: str, port: int, *, port_setting: str, both: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    is_both = host == "::" and socket.has_dualstack_ipv6()  # every address there is, of IPv4 too, as 0.0.0.0 is of its own kind
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=is_both)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            another = "number" if port_setting == "PORT" else f"address, such as {f'[{host}]' if ':' in host else host}:{port % 65_535 + 1}"
            taken = f"{port_setting}: {port} is taken by another program. Stop it, or set {port_setting} to another {another}."
            raise SettingsError(taken) from error
        raise SettingsError(f"{both}: cannot listen on {host}, port {port}: {error.strerror}.") from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)  # every accepted connection has it from here
    return listener


def door_rules(settings: Settings) -> "DoorRules":
    """What the door is told. In development without an address of its own, any IP address will do as its name."""
    from wearbase.api.door.hosts import LOOPBACK, name_of
    from wearbase.api.door.rules import DoorRules
    from wearbase.settings.addresses import ANY_HOST

    names = {*LOOPBACK, *settings.allowed_hosts, name_of(settings.base_url) or ""} - {""}
    return DoorRules(
        requests_per_key=settings.requests_per_key, requests_per_member=settings.requests_per_member,
        failures_per_address=settings.failures_per_address, webhooks_per_second=settings.webhooks_per_second,
        webhooks_at_once=settings.webhooks_at_once, hosts=None if ANY_HOST in names else frozenset(names),
        takes_addresses=settings.environment == "development" and settings.public_url is None, cors_origins=settings.cors_origins,
        proxies=settings.forwarded_allow_ips,
        streams=settings.streams, streams_per_member=settings.streams_per_member, has_own_metrics=settings.metrics_bind is not None,
    )  # fmt: skip


def http_app(running: Parts, *, is_demo: bool) -> "FastAPI":
    """The HTTP side. Imported only here: a short command does without it and starts in half the time."""
    from wearbase.access.identity import IdentityTokens
    from wearbase.access.keyset import KeySet
    from wearbase.access.redirects import RedirectAllowList
    from wearbase.access.tokens import MemberTokens
    from wearbase.api.build import create_app
    from wearbase.api.given import Services
    from wearbase.web import app_files, callback

    settings = running.settings
    services = Services(
        engine=running.engine, reader=running.reader, receiver=running.receiver, keys=running.key_book,
        tokens=MemberTokens(running.place.keys.signing_keys, running.clock), providers=providers(settings), public_url=settings.base_url,
        redirects=RedirectAllowList([*settings.redirect_url_allowlist, f"{settings.base_url}{AFTER_CONSENT}"]),
        environment=settings.environment, is_demo=is_demo, version=__version__, direct_url=running.place.direct_url,
        door=door_rules(settings), lost_log_lines=lambda: LogFile.lost,
    )  # fmt: skip
    if settings.auth_jwks_url is not None:
        told = {"issuer": settings.auth_issuer or "", "audiences": settings.auth_audience, "claim": settings.auth_user_claim}
        services = replace(services, identity=IdentityTokens(KeySet(settings.auth_jwks_url), clock=running.clock, **told))
    files = app_files.AppFiles(look_every_s=LOOK_AT_FILES_EVERY_S if settings.environment == "development" else None)
    return create_app(services, pages=[*callback.routes(running.engine), *app_files.routes(files)])


class Server(uvicorn.Server):
    """A server that leaves the signals to us. `answers` is set once it listens, or has failed to."""

    def __init__(self, config: uvicorn.Config, watch: "Watch | None" = None, *, on_stop: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._watch = watch
        self.answers = asyncio.Event()
        self._on_stop = on_stop

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

    async def on_tick(self, counter: int) -> bool:
        if self._watch is not None:
            self._watch.look(self.server_state.connections, now=time.monotonic())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()  # what would stay open for ever ends before the others are waited for
        await super().shutdown(sockets=sockets)


def server(settings: Settings, app: "FastAPI") -> Server:
    """What answers by this application."""
    from wearbase.app.connections import Connection, Watch

    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, http=Connection, loop="none", ws="none", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=30, timeout_graceful_shutdown=5,
        limit_concurrency=settings.connections, backlog=BACKLOG,
    )  # fmt: skip
    return Server(config, Watch(settings, note=app.state.metrics.note_refused), on_stop=app.state.services.end_streams)


def metrics_server(settings: Settings, app: "FastAPI") -> Server:
    """What answers at METRICS_BIND, without a key: whoever reaches that address may read."""
    from wearbase.api.build import metrics_app
    from wearbase.app.connections import Connection, Watch

    config = uvicorn.Config(
        metrics_app(app), http=Connection, loop="none", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, timeout_keep_alive=30, timeout_graceful_shutdown=5, limit_concurrency=MOST_READERS,
    )  # fmt: skip
    return Server(config, Watch(settings, note=app.state.metrics.note_refused, most=MOST_READERS))
