"""A stand-in for the server: the app's real files and canned answers that a test may change, with events that it may send."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.e2e.app import canned
from wearbase.web.app_files import AppFiles, routes

_FILES = cache(AppFiles)  # read and packed once for all tests


class Stand:
    """What the server would say. `days` are answers by date; `down` are paths that fail, with their status."""

    def __init__(self, files: AppFiles | None = None) -> None:
        self.today: Any = canned.day()
        self.days: dict[str, Any] = {}
        self.session: Any = canned.session()
        self.workouts: Any = canned.workouts()
        self.preferences: Any = {"user_id": canned.USER, "precedence": {}, "units": {}, "default_precedence": {}}
        self.down: dict[str, int | tuple[int, str]] = {}  # a status, or a status and a code
        self.slow_s: dict[str, float] = {}
        self.asked: list[str] = []
        self.open_paths: tuple[str, ...] = ()  # answered though nobody is signed in
        self.also: list[Callable[[str, dict[str, str], str], Any]] = []  # asked first: path, query, method
        self.url = ""
        self.streams_opened, self.is_mute = 0, False  # a mute server takes a stream and sends nothing
        self.files = files or _FILES()
        self._streams: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[str]]] = []

    def send(self, event: str, data: dict[str, Any]) -> None:
        """An event to every page that listens."""
        for loop, queue in self._streams:
            loop.call_soon_threadsafe(queue.put_nowait, f"event: {event}\ndata: {json.dumps(data)}\n\n")

    def listened(self) -> None:
        """Returns once a page listens."""
        for _ in range(500):
            if self._streams:
                return
            threading.Event().wait(0.01)
        raise AssertionError("nobody listens")

    def was_asked(self, start: str) -> None:
        """Returns once something was asked that begins so."""
        for _ in range(500):
            if any(asked.startswith(start) for asked in self.asked):
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"{start} was not asked: {self.asked}")

    def reads(self) -> list[str]:
        """The readings of a day."""
        return [asked for asked in self.asked if asked.startswith("GET /api/v1/app/") and "/day" in asked]

    def answer(self, path: str, query: Any, method: str) -> Any:
        for other in self.also:
            if (found := other(path, query, method)) is not None:
                return found
        if path == "/app/session":
            return self.session
        if path == "/app/opening":
            return self.opening()
        if path.endswith("/day"):
            on = query.get("date") or self.today["date"]
            return self.today if on == self.today["date"] else self.days.get(on) or canned.past(date.fromisoformat(on))
        if path.endswith("/month"):
            return canned.month(query["month"])
        if path.endswith("/workouts"):
            return self.workouts if "before" not in query else {"workouts": [], "next": None, "week": self.workouts["week"]}
        if "/whoop/days/" in path:
            return {"user_id": canned.USER, "days": [canned.napping(date(2026, 11, 15), 69), canned.napping(date(2026, 11, 20), 38)]}
        if path.endswith("/preferences"):
            return self.preferences
        if "/connect/" in path and method == "POST":
            return {"user_id": canned.USER, "authorization_url": f"{self.url}/consent", "state": "s", "expires_in": 300}
        return {"synced": {}, "total_api_calls": 0} if "/sync/" in path else None

    def opening(self) -> dict[str, Any]:
        """What the app begins with; the day only where nothing was said about its own address."""
        session = self.answer("/app/session", {}, "GET") if self.session is not None else None
        if session is None:
            return {"session": None, "why": "signed_out", "preferences": None, "day": None}
        user = session["user_id"]
        is_apart = any(part in f"/api/v1/app/{user}/day" for part in (*self.down, *self.slow_s))
        day = None if is_apart else self.answer(f"/api/v1/app/{user}/day", {}, "GET")
        wishes = self.answer(f"/api/v1/users/{user}/preferences", {}, "GET")
        return {"session": session, "why": None, "preferences": wishes, "day": day}

    async def api(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append(f"{request.method} {path}{'?' + request.url.query if request.url.query else ''}")
        asked = self.asked[-1]
        await asyncio.sleep(next((s for part, s in self.slow_s.items() if part in path), 0))
        for part, status in self.down.items():
            if part in asked:
                status, code = status if isinstance(status, tuple) else (status, "unavailable")
                error = {"code": code, "message": "Not now.", "request_id": "7f2c-41aa"}
                return JSONResponse({"error": error}, status, headers={"Cache-Control": "no-store"})
        if self.session is None and not path.endswith(("/app/opening", *self.open_paths)):
            return JSONResponse({"error": {"code": "signed_out", "message": "Signed out.", "request_id": "1"}}, 401)
        found = self.answer(path, dict(request.query_params), request.method)
        return JSONResponse(found, 200 if found is not None else 404, headers={"Cache-Control": "no-store"})

    async def stream(self, request: Request) -> Response:
        queue: asyncio.Queue[str] = asyncio.Queue()
        mine = (asyncio.get_running_loop(), queue)
        self._streams.append(mine)
        self.streams_opened += 1
        await asyncio.sleep(60 if self.is_mute else 0)

        async def said() -> AsyncIterator[str]:
            yield "retry: 1000\nevent: heartbeat\ndata: {}\n\n"
            try:
                while True:
                    yield await queue.get()
            finally:
                self._streams.remove(mine)

        return StreamingResponse(said(), media_type="text/event-stream")

    def application(self) -> Starlette:
        every = ["GET", "POST", "PUT", "DELETE"]
        mine = [
            Route("/app/opening", self.api),
            Route("/app/session", self.api, methods=every),
            Route("/app/session/peek", self.api, methods=every),
            Route("/api/v1/stream/{user}", self.stream),
            Route("/api/{path:path}", self.api, methods=every),
        ]
        return Starlette(routes=[*mine, *routes(self.files)])


@contextmanager
def standing(port: int = 0, files: AppFiles | None = None) -> Iterator[Stand]:
    """A stand-in that listens on loopback."""
    stand = Stand(files)
    server = uvicorn.Server(uvicorn.Config(stand.application(), port=port, log_level="error", timeout_graceful_shutdown=0, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    stand.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield stand
    server.should_exit = True
    thread.join(5)
