"""`wear`, with one more route in its HTTP side: bytes that never change, behind the same middleware and key check."""

import os
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wearbase.access.caller import OPEN, member
from wearbase.api import build
from wearbase.api.door.entry import admitted
from wearbase.api.given import Services
from wearbase.cli.main import app

PATH = "/bench/static/{user_id}"
NUMBER_PAGE = "BENCH_NUMBER_PAGE"  # adds a page of one number, the yardstick of the app's
BODY = "BENCH_STATIC_BODY"  # names a file


class StaticBytes:
    """The yardstick of reads: admits the caller as a read does, and sends a body that is already there."""

    rule = member("read")

    def __init__(self, services: Services, body: bytes) -> None:
        self._services = services
        self._body = body
        self._headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await admitted(self._services, scope, self.rule, scope["path_params"]["user_id"])
        await send({"type": "http.response.start", "status": 200, "headers": list(self._headers)})
        await send({"type": "http.response.body", "body": self._body})


def _with_static_route(body: bytes) -> None:
    made = build.create_app

    def create_app(services: Services, *, pages: Sequence[Route] = ()) -> FastAPI:
        application = made(services, pages=pages)
        application.router.routes.insert(0, Route(PATH, StaticBytes(services, body), methods=["GET"]))
        return application

    build.create_app = create_app


async def _number(request: Request) -> HTMLResponse:
    return HTMLResponse('<!doctype html><html lang="en"><title>1</title><p class="num-xl">1</p></html>')


def _with_a_number_page() -> None:
    made = build.create_app

    def create_app(services: Services, *, pages: Sequence[Route] = ()) -> FastAPI:
        route = Route("/bench/number", _number)
        route.rule = OPEN  # type: ignore[attr-defined]
        return made(services, pages=[*pages, route])

    build.create_app = create_app


if __name__ == "__main__":
    if NUMBER_PAGE in os.environ:
        _with_a_number_page()
    if BODY in os.environ:
        _with_static_route(Path(os.environ[BODY]).read_bytes())
    app()
