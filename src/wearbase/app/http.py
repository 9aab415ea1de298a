"""The HTTP side: its socket, its application, its server."""

import asyncio
import errno
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import uvicorn

from wearbase import __version__
from wearbase.app.parts import Parts, providers
from wearbase.domain.errors import SettingsError
from wearbase.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

BACKLOG = 1_024
MOST_CONNECTIONS = 4_000  # half of them may be pages that stay open
UNREAD_MS = 30_000  # a peer that takes nothing for so long is gone, or reads too slowly
LOOK_AT_FILES_EVERY_S = 1.0  # while somebody may be writing them
AFTER_CONSENT = "/app/sources"  # where the app's own members come back to; no setting need allow it


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
    )  # fmt: skip
    if settings.auth_jwks_url is not None:
        told = {"issuer": settings.auth_issuer or "", "audiences": settings.auth_audience, "claim": settings.auth_user_claim}
        services = replace(services, identity=IdentityTokens(KeySet(settings.auth_jwks_url), clock=running.clock, **told))
    files = app_files.AppFiles(look_every_s=LOOK_AT_FILES_EVERY_S if settings.environment == "development" else None)
    return create_app(services, pages=[*callback.routes(running.engine), *app_files.routes(files)])


class Server(uvicorn.Server):
    """A server that leaves the signals to us. `answers` is set once it listens, or has failed to."""

    def __init__(self, config: uvicorn.Config, *, on_stop: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()  # what would stay open for ever ends before the others are waited for
        await super().shutdown(sockets=sockets)


def uvicorn_config(settings: Settings, app: Callable) -> uvicorn.Config:
    return uvicorn.Config(
        app, host=settings.host, port=settings.port, http="httptools", loop="none", ws="none", log_config=None, access_log=False,
        server_header=False, forwarded_allow_ips=settings.forwarded_allow_ips, timeout_keep_alive=30, timeout_graceful_shutdown=5,
        limit_concurrency=MOST_CONNECTIONS, backlog=BACKLOG,
    )  # fmt: skip
