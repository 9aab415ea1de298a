"""The page's routes: its files, the way in, the live feed, and the control API behind the door."""

import asyncio
import mimetypes
import time
from collections.abc import AsyncIterator
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route, Router

from wearbase_sim.control import routes as control
from wearbase_sim.members import ids
from wearbase_sim.page import connect, door
from wearbase_sim.page.snapshot import snapshot
from wearbase_sim.world import World, world_of

TICK_S, HEARTBEAT_S = 0.25, 15.0
POLICY = """default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';
base-uri 'none'; form-action 'none'; frame-ancestors 'none'"""
HEADERS = {
    "content-security-policy": POLICY.replace("\n", " "),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


async def index(request: Request) -> Response:
    """The page; it holds nothing about the world."""
    return _file("index.html")


async def static(request: Request) -> Response:
    """One of its files."""
    name = request.path_params["name"]
    return _file(name) if name in _names() else Response(b"", status_code=404)


async def session(request: Request) -> Response:
    """Whether this browser has a session."""
    return control.reply({"entered": door.is_inside(request) and not door.stranger(request, world_of(request).options)})


async def live(request: Request) -> Response:
    """Server-sent events: every section at first, then those that changed."""
    world = world_of(request)
    if door.stranger(request, world.options) or not door.is_inside(request):
        return control.reply({"error": "The page has no session."}, status=403)
    number = ids.member_number(request.query_params.get("member", "1"))
    number = number if 1 <= number <= world.options.members else 1
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return StreamingResponse(_events(request, number), media_type="text/event-stream", headers=headers)


async def _events(request: Request, number: int) -> AsyncIterator[bytes]:
    world, sent = world_of(request), dict[str, bytes]()
    quiet_since = time.monotonic()
    while not request.app.state.is_ending:
        if message := _changes(world, number, sent=sent):
            yield message
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > HEARTBEAT_S:
            yield b": still here\n\n"
            quiet_since = time.monotonic()
        await asyncio.sleep(TICK_S)


def _changes(world: World, number: int, *, sent: dict[str, bytes]) -> bytes:
    changed: dict[str, Any] = {}
    for name, value in snapshot(world, number).items():
        content = orjson.dumps(value)
        if sent.get(name) != content:
            sent[name] = content
            changed[name] = orjson.Fragment(content)
    if not changed:
        return b""
    changed["wall_ms"] = time.time_ns() // 1_000_000
    return b"data: " + orjson.dumps(changed) + b"\n\n"


async def link(world: World, request: Request, wish: dict[str, Any]) -> Any:
    """A link to the page that works once."""
    return {"url": f"{request.url.scheme}://{request.headers.get('host', '')}/#key={door.door_of(request).new_link()}"}


@cache
def _names() -> frozenset[str]:
    return frozenset(entry.name for entry in (files("wearbase_sim.page") / "static").iterdir() if entry.is_file())


def _file(name: str) -> Response:
    content = (files("wearbase_sim.page") / "static" / name).read_bytes()
    kind = TYPES.get(f".{name.rpartition('.')[2]}") or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, headers=HEADERS, media_type=kind)


def routes() -> list[Route | Mount]:
    """The page at `/` and what it needs below `/page`."""
    return [
        Route("/", index),
        Route("/page/static/{name}", static),
        Route("/page/session", session),
        Route("/page/session", door.enter, methods=["POST"]),
        Route("/page/session", door.leave, methods=["DELETE"]),
        Route("/page/live", live),
        Mount("/page/control", app=door.Inside(controls())),
    ]


def controls() -> Router:
    """Everything below `/control`: the control API, a link to the page, and connecting without an app."""
    more = [
        Route("/page", control.controlled(link), methods=["POST"]),
        Route("/members/{user_id}/connect", control.controlled(connect.connect), methods=["POST"]),
    ]
    return Router([*more, *control.routes()], redirect_slashes=False)
