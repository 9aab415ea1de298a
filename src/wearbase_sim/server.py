"""The ASGI app and the server that runs it."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from secrets import token_urlsafe
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wearbase_sim.api import data
from wearbase_sim.faults import spoil
from wearbase_sim.oauth import authorize, token
from wearbase_sim.options import Options
from wearbase_sim.page import routes as page
from wearbase_sim.page.door import Door
from wearbase_sim.sahha import routes as sahha
from wearbase_sim.world import World, world_of

HEARTBEAT_S = 0.25


def create_app(options: Options, *, webhook_transport: Any = None) -> Starlette:
    """The simulator as an ASGI app; its `state.world` is the simulated cloud."""
    options = options if options.control_token else replace(options, control_token=token_urlsafe(24))
    world = World(options, webhook_transport=webhook_transport)
    app = Starlette(routes=_routes(), exception_handlers={HTTPException: _http_error}, lifespan=_lifespan)
    app.state.world, app.state.page_door, app.state.is_ending = world, Door(), False
    if options.log_requests:
        app.add_middleware(RequestLog)
    return app


def run(options: Options) -> None:
    """Serve until told to stop."""
    app = create_app(options)
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        http=Protocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    _Server(config, app.state, is_token_made_up=not options.control_token).run()


def _routes() -> list[Route | Mount]:
    return [
        Route("/oauth/oauth2/auth", authorize.show, methods=["GET"]),
        Route("/oauth/oauth2/auth", authorize.decide, methods=["POST"]),
        Route(token.ROUTE, token.token, methods=["POST"]),
        Mount("/developer", app=Router(data.routes(), redirect_slashes=False)),
        Mount("/sahha", app=Router(sahha.routes(), redirect_slashes=False)),
        Mount("/control", app=page.controls()),
        *page.routes(),
    ]


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith(("/developer/", "/oauth/")):
        world = world_of(request)
        world.calls.miss(request, status=error.status_code, now_ms=world.clock.now_ms())
    words = {404: "Not Found", 405: "Method Not Allowed"}.get(error.status_code, error.detail)
    return Response(f"HTTP {error.status_code} {words}", status_code=error.status_code, headers=data.TEXT)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    world: World = app.state.world
    heart = asyncio.create_task(_beat(world))
    try:
        yield
    finally:
        heart.cancel()
        await world.sender.close()
        await world.sahha.webhooks.close()


async def _beat(world: World) -> None:
    """Let what is due happen while the clock runs."""
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        await world.course.run_to(world.clock.now_ms())


class RequestLog:
    """One line per request on stderr, without queries, tokens or values."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            took_ms = (time.monotonic() - began) * 1000
            # The raw path is still escaped, so no request can write a line of its own.
            path = scope.get("raw_path", b"").decode("latin-1")
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {status} {scope['method']} {path} {took_ms:.0f}ms\n")


class Protocol(HttpToolsProtocol):
    """HTTP whose connection the app can close, for faults."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {spoil.ABORT: {"close": self.transport.close}}


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, state: State, *, is_token_made_up: bool) -> None:
        super().__init__(config)
        self._state, self._is_token_made_up = state, is_token_made_up

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        port = self.servers[0].sockets[0].getsockname()[1]
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        if self._is_token_made_up:
            sys.stderr.write(f"control token: {self._state.world.options.control_token}\n")
        near = "127.0.0.1" if host in ("0.0.0.0", "[::]") else host  # noqa: S104
        sys.stderr.write(f"page: http://{near}:{port}/#key={self._state.page_door.new_link()}\n")
        sys.stderr.flush()
        sys.stdout.write(f"wearbase_sim ready on http://{host}:{port}\n")
        sys.stdout.flush()

    async def shutdown(self, sockets: Any = None) -> None:
        self._state.is_ending = True  # or the pages' feeds would be waited for
        await super().shutdown(sockets)
