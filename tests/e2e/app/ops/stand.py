"""A stand-in for the operator's side of the server: the page's real files, canned figures that a test may change, and its events."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from wearbase.web.app_files import AppFiles, routes

AT = "2026-11-21T13:24:06.000Z"
DAY = {"resets_at": "2026-11-22T00:00:00.000Z", "begins_at": "2026-11-21T00:00:00.000Z", "used_elsewhere": 0}
USUAL = (  # calls made by each full hour
    0, 40, 80, 120, 160, 240, 600, 1700, 2600, 3000, 3250, 3400,
    3600, 3800, 4200, 4500, 4650, 4750, 4900, 5200, 5700, 6000, 6300, 6500, 6700,
)  # fmt: skip
KEY = "wb_k3v9x0aa_secret"


def _curve() -> list[list[int]]:
    made = [0, 40, 80, 110, 150, 200, 420, 1500, 2600, 3000, 3200, 3320, 3480, 3640]
    return [[0, 10_000], *([(h + 1) * 60, 10_000 - made[h + 1]] for h in range(13)), [804, 6_343]]


def figures() -> dict[str, Any]:
    return {
        "at": AT,
        "members": {"total": 1_754, "current": 1_719, "filling": 14, "stale": 12, "reconnect": 9},
        "freshness": {
            "parts": [
                {"from_s": start, "until_s": until, "members": count, "idle": idle, "late": late}
                for start, until, count, idle, late in (
                    (0, 60, 212, 0, 0), (60, 300, 864, 0, 0), (300, 900, 391, 0, 0), (900, 3_600, 200, 2, 0), (3_600, 21_600, 71, 58, 0),
                    (21_600, 93_600, 4, 4, 0), (93_600, None, 12, 0, 12),
                )
            ],
            "never": 0, "median_s": 190,
        },
        "budgets": [whoop(), sahha()],
        "deliveries": {
            "stored": 3_066, "waiting": 0, "waiting_idle": 41, "parked": 7, "unknown": 4, "total": 3_118, "quick_percent": 99.2,
            "by_half_hour": [12, 12, 22, 8, 18, 8, 25, 22, 26, 22, 38, 70, 130, 170, 181, 146, 122, 70, 60, 30, 24, 22, 25, 17, 18, 17, 28],
        },
        "trouble": {"failing": 2, "parked": 2, "reconnect": 1, "counted_to": 10_000},
        "workers": [
            worker(1, work("m-0212", [], ["backfill"], 24, is_history=True)), worker(2, work("m-1188", ["delivery"], ["sleep"], 29)),
            worker(3), worker(4, work("m-1204", ["timetable"], ["cycle"], 19, waits_until="2026-11-21T13:24:17.000Z")),
        ],
    }  # fmt: skip


def whoop() -> dict[str, Any]:
    band = [[hour * 60, *(10_000 - round(made * part) for part in (1.08, 0.94))] for hour, made in enumerate(USUAL)]
    expected = [[804, 6_343], *([at, round(6_343 - (6_343 - 3_586) * (at - 804) / 636)] for at in range(810, 1_441, 30))]
    return {
        "provider": "whoop", "title": "WHOOP",
        "day": {"limit": 10_000, "used": 3_657, "left": 6_343, **DAY},
        "minute": {"limit": 100, "left": 71}, "reserve": {"at_start": 1_000, "now": 442},
        "forecast": {"made_at": AT, "needed": 2_757, "is_enough": True, "thinned": [], "left_at_end": 3_586},
        "curve": _curve(), "expected": expected,
        "usual": {"weekday": 6, "weeks": 8, "band": band},
        "by_group": [{"group": g, "calls": n} for g, n in (("people", 329), ("deliveries", 2_121), ("schedule", 987), ("history", 220))],
        "token_calls": 1_754, "closed_until": None, "paused_until": None, "alarm_since": None,
    }  # fmt: skip


def sahha() -> dict[str, Any]:
    return {
        "provider": "sahha", "title": "Sahha",
        "day": {"limit": 172_800, "used": 0, "left": 172_800, **DAY},
        "minute": {"limit": 120, "left": 120}, "reserve": {"at_start": 17_280, "now": 7_632}, "forecast": None,
        "curve": [[0, 172_800], [804, 172_800]], "expected": [[804, 172_800], [1_440, 172_800]], "usual": None,
        "by_group": [{"group": g, "calls": 0} for g in ("people", "deliveries", "schedule")], "token_calls": 0,
        "closed_until": None, "paused_until": None, "alarm_since": None,
    }  # fmt: skip


def worker(nth: int, *pieces: dict[str, Any], is_alive: bool = True) -> dict[str, Any]:
    seen = "2026-11-21T13:24:04.000Z" if is_alive else "2026-11-21T13:20:00.000Z"
    return {
        "id": f"worker-{nth:012d}",
        "started_at": "2026-11-20T09:00:00.000Z",
        "heartbeat_at": seen,
        "is_alive": is_alive,
        "work": [*pieces],
    }


def work(
    user_id: str, reasons: list[str], resources: list[str], lease_s: int, *, is_history: bool = False, waits_until: str | None = None
) -> dict[str, Any]:
    return {
        "user_id": user_id, "provider": "whoop", "chore": None, "reasons": reasons, "resources": [] if is_history else resources,
        "is_history": is_history, "waits_until": waits_until, "lease_s": lease_s,
    }  # fmt: skip


def troubles() -> dict[str, Any]:
    why = "The provider sent a record that cannot be understood. At: "
    return {
        "counts": {"failing": 2, "parked": 2, "reconnect": 1, "counted_to": 10_000},
        "parked": [
            {"id": 7, "user_id": "m-0448", "provider": "whoop", "resource": "sleep", "external_id": "6f3e0c5a-1111-4000",
             "reason": f"{why}score.stage_summary.", "tries": 1, "parked_at": "2026-11-21T06:02:00.000Z"},
            {"id": 8, "user_id": "m-0917", "provider": "whoop", "resource": "workout", "external_id": "a1b2",
             "reason": f"{why}score_state.", "tries": 1, "parked_at": "2026-11-21T05:40:00.000Z"},
        ],
        "reconnect": [{"user_id": "m-1203", "provider": "whoop", "ended_at": "2026-11-19T21:40:00.000Z"}],
        "failing": [
            {"user_id": "m-0031", "provider": "whoop", "resource": "cycle", "error": "provider_unavailable", "tries": 4,
             "is_history": False, "last_attempt_at": "2026-11-21T13:22:00.000Z", "next_at": "2026-11-21T13:27:06.000Z",
             "watermark": "2026-11-20T22:00:00.000Z"},
            {"user_id": "m-1660", "provider": "sahha", "resource": "score", "error": "rate_limited", "tries": 2, "is_history": True,
             "last_attempt_at": "2026-11-21T13:23:00.000Z", "next_at": "2026-11-21T13:24:46.000Z", "watermark": None},
        ],
    }  # fmt: skip


def quiet() -> dict[str, Any]:
    return {"counts": {"failing": 0, "parked": 0, "reconnect": 0, "counted_to": 10_000}, "parked": [], "reconnect": [], "failing": []}


class OpsStand:
    """What the server would say."""

    def __init__(self) -> None:
        self.figures, self.troubles = figures(), troubles()
        self.is_signed_in = False
        self.asked: list[tuple[str, str, Any]] = []
        self.retried: dict[str, Any] = {"failing": 1, "parked": []}
        self.down: set[str] = set()
        self.url = ""
        self._streams: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[str | None]]] = []

    def send(self, event: str, data: Any) -> None:
        for loop, queue in self._streams:
            loop.call_soon_threadsafe(queue.put_nowait, f"event: {event}\ndata: {json.dumps(data)}\n\n")

    def tell(self) -> None:
        """Everything as it is now."""
        self.send("summary", deepcopy(self.figures))
        self.send("failing", deepcopy(self.troubles))

    def cut(self) -> None:
        for loop, queue in self._streams:
            loop.call_soon_threadsafe(queue.put_nowait, None)

    async def session(self, request: Request) -> Response:
        if request.method == "POST":
            assert request.headers["x-wearbase"] == "app"
            key = (await request.json())["key"]
            if key != KEY:
                return refused(403 if key == "wb_reads" else 429 if key == "often" else 401)
            self.is_signed_in = True
        if not self.is_signed_in:
            return refused(401)
        if request.method == "DELETE":
            self.is_signed_in = False
            return Response(status_code=204)
        who = {"key": "wb_k3v9x0aa_…", "expires_at": "2026-11-21T21:00:00.000Z", "version": "0.6", "is_demo": False, "server_time": AT}
        return JSONResponse(who)

    async def api(self, request: Request) -> Response:
        path, body = request.url.path, await request.body()
        self.asked.append(
            (request.method, path + (f"?{request.url.query}" if request.url.query else ""), json.loads(body) if body else None)
        )
        if not self.is_signed_in:
            return refused(401)
        if any(part in path for part in self.down):
            return refused(503)
        if path.endswith("/retry"):
            return JSONResponse(self.retried)
        if path.endswith("/failing"):
            return JSONResponse(self.troubles)
        if path.endswith("/members"):
            late = [
                {"user_id": f"m-{n:04d}", "state": "stale", "last_success_at": "2026-11-20T09:00:00.000Z", "is_idle": False}
                for n in range(12)
            ]
            return JSONResponse({"members": late, "next": None})
        if "/parked/" in path:
            return JSONResponse({**self.troubles["parked"][0], "payload": {"id": "6f3e0c5a", "score": {"respiratory_rate": 16.1}}})
        return refused(404)

    async def stream(self, request: Request) -> Response:
        if not self.is_signed_in:
            return refused(401)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        mine = (asyncio.get_running_loop(), queue)
        self._streams.append(mine)

        async def said() -> AsyncIterator[str]:
            yield "retry: 300\n\n"
            yield f"event: summary\ndata: {json.dumps(self.figures)}\n\nevent: failing\ndata: {json.dumps(self.troubles)}\n\n"
            try:
                while (event := await queue.get()) is not None:
                    yield event
            finally:
                self._streams.remove(mine)

        return StreamingResponse(said(), media_type="text/event-stream")

    def application(self) -> Starlette:
        every = ["GET", "POST", "DELETE"]
        mine = [Route("/ops/session", self.session, methods=every), Route("/api/v1/ops/stream", self.stream)]
        return Starlette(routes=[*mine, Route("/api/{path:path}", self.api, methods=every), *routes(AppFiles())])


def refused(status: int) -> Response:
    return JSONResponse({"error": {"code": "refused", "message": "Not now.", "request_id": "7f2c-41aa"}}, status)


@contextmanager
def standing() -> Iterator[OpsStand]:
    """A stand-in that listens on loopback."""
    stand = OpsStand()
    server = uvicorn.Server(uvicorn.Config(stand.application(), port=0, log_level="error", timeout_graceful_shutdown=0, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    stand.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield stand
    server.should_exit = True
    thread.join(5)
