"""The line to the simulated cloud in a storm: everything that passes is written down; answers can be spoilt, held up, or be the last."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import httpx2
import orjson

from tests.integration.harness import RESOURCES, Bench
from wearbase_sim.api import wire
from wearbase_sim.world import World

Send = Callable[[httpx2.Request], Awaitable[httpx2.Response]]
Key = tuple[int, str, str]  # account, resource, the provider's id
Window = tuple[datetime, datetime]

COLLECTIONS = {"/v2/recovery": "recovery", "/v2/activity/sleep": "sleep", "/v2/activity/workout": "workout", "/v2/cycle": "cycle"}
SPOILT = ("repeat", "spoilt", "html200", "no_object", "no_records")


@dataclass
class Trap:
    """What happens at the n-th time that a place is passed: the worker dies there, or stands still until it is let go."""

    place: str  # "call", "answer", "commit" (before it), "committed"
    nth: int
    victim: "asyncio.Task[Any] | None" = None  # None: it stands still
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def reach(self, place: str) -> None:
        if self.sprung.is_set():
            if self.victim:
                raise asyncio.CancelledError  # nothing of a dead process goes on
            return
        self.nth -= place == self.place
        if self.nth > 0:
            return
        self.sprung.set()
        if self.victim is None:
            await self.let_go.wait()
            return
        self.victim.cancel()
        raise asyncio.CancelledError


@dataclass
class Refresh:
    """One call of the token endpoint with a refresh token."""

    account: int
    spent: str
    made: str | None  # the new refresh token, if the pair was rotated
    is_refused: bool = False  # invalid_grant
    is_lost: bool = False  # the answer did not reach the store: its worker died, or the answer was spoilt


class Cloud:
    """What the cloud was asked and what it truly holds."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.world: World = bench.wire._cloud.app.state.world  # type: ignore[attr-defined]
        self.sent: list[datetime] = []
        self.over_quota = 0
        self.pages: dict[tuple[int, str], dict[Window, dict[str, str | None]]] = defaultdict(lambda: defaultdict(dict))
        self.completed: set[tuple[int, str, Window]] = set()
        self.refreshes: list[Refresh] = []
        self.untold: set[Key] = set()  # spoilt or denied by id: the engine cannot know these before it reads a month again
        self.spoiling: list[tuple[str, int]] = []
        self.trap: Trap | None = None
        self.is_token_last = False
        bench.wire.meddle = self.meddle

    async def meddle(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        trap = self.trap
        if trap:
            await trap.reach("call")
        self.is_token_last = "/oauth/" in request.url.path
        answer = await (self._token if self.is_token_last else self._data)(request, send)
        if trap:
            await trap.reach("answer")
        return answer

    def calm(self) -> None:
        self.spoiling.clear()
        self.trap = None

    def truth(self, account: int) -> dict[tuple[str, str], tuple[int, dict[str, Any]]]:
        """Everything that a member has now: when it began, in ms, and as the provider shows it."""
        timeline, now_ms = self.world.timeline(self.number(account)), self.world.clock.now_ms()
        return {
            (resource, record_id(resource, raw)): (item.start_ms, raw)
            for resource in RESOURCES
            for item in timeline.listed(resource, now_ms)
            for raw in [wire.record(timeline.person, item.record, self.world.options)]
        }

    def number(self, account: int) -> int:
        return next(n for n in range(1, self.world.options.members + 1) if self.world.user_id(n) == account)

    def live_refresh_tokens(self, account: int) -> set[str]:
        grants = self.world.grants.by_member.get(self.number(account), [])
        return {g.refresh_token for g in grants if g.is_live}

    def is_read(self, account: int, resource: str, window: Window) -> bool:
        """Whether every page of the window was answered, from the first to the one without a next."""
        pages, token, seen = self.pages[(account, resource)].get(window, {}), "", set[str]()
        while token in pages and token not in seen:
            seen.add(token)
            if (following := pages[token]) is None:
                return True
            token = following
        return False

    async def _data(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        path, now = request.url.path.removeprefix("/developer"), self.bench.clock.now()
        grant = self.world.grants.by_access.get(request.headers.get("authorization", "").partition(" ")[2])
        account = self.world.user_id(grant.number) if grant else 0
        self.sent.append(now)
        answer = await self._spoilt(account, path, await _whole(await send(request)))
        self.over_quota += answer.status_code == 429 and "retry-after" in answer.headers
        if answer.status_code == 404 and account:
            self._denied(account, path)
        if answer.status_code == 200 and path in COLLECTIONS:
            self._note(account, COLLECTIONS[path], request, answer.content)
        return answer

    def _note(self, account: int, resource: str, request: httpx2.Request, content: bytes) -> None:
        body = _json_object(content)
        if not isinstance(body.get("records"), list):
            return
        asked = request.url.params
        window = (datetime.fromisoformat(asked["start"]), datetime.fromisoformat(asked["end"]))
        self.pages[(account, resource)][window][asked.get("nextToken", "")] = body["next_token"]
        if body["next_token"] is None and self.is_read(account, resource, window):
            self.completed.add((account, resource, window))

    def _denied(self, account: int, path: str) -> None:
        """A record that exists was answered with 404."""
        parts = path.strip("/").split("/")
        resource = "recovery" if parts[-1] == "recovery" else parts[2] if parts[1] == "activity" else parts[1]
        key = parts[2] if parts[1] == "cycle" else parts[-1]
        for name in ("recovery", "sleep") if resource == "sleep" else (resource,):
            if name in RESOURCES and (found := self.world.timeline(self.number(account)).find(name, self.world.clock.now_ms(), key)):
                self.untold.add((account, name, record_id(name, wire_of(self.world, self.number(account), found))))

    async def _spoilt(self, account: int, path: str, answer: httpx2.Response) -> httpx2.Response:
        if not self.spoiling or path not in COLLECTIONS or answer.status_code != 200:
            return answer
        kind, count = self.spoiling[0]
        self.spoiling[:1] = [(kind, count - 1)] if count > 1 else []
        body = orjson.loads(answer.content)
        match kind:
            case "repeat":
                body["next_token"] = "eyIkIjoib0AxIiwibyI6MH0="  # offset 0: the first page, again and again
            case "spoilt" if body["records"]:
                raw = body["records"][len(body["records"]) // 2]
                self.untold.add((account, COLLECTIONS[path], record_id(COLLECTIONS[path], raw)))
                del raw["updated_at"]
            case "html200":
                return httpx2.Response(200, headers={"content-type": "text/html"}, content=b"<html><body>Just a moment</body></html>")
            case "no_object":
                body = []
            case "no_records":
                body = {"records": None, "next_token": None}
        return httpx2.Response(200, headers=_headers(answer), content=orjson.dumps(body))

    async def _token(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        spent = parse_qs(request.content.decode()).get("refresh_token", [""])[0]
        grant = self.world.grants.by_refresh.get(spent)
        if grant is None:
            return await _whole(await send(request))
        is_current = grant.refresh_token == spent
        noted = Refresh(self.world.user_id(grant.number), spent, made=None, is_lost=True)
        self.refreshes.append(noted)
        try:
            answer = await _whole(await send(request))
        finally:
            noted.made = grant.refresh_token if is_current and grant.refresh_token != spent else None
        body = _json_object(answer.content)
        noted.is_lost = not body.get("access_token")
        noted.is_refused = answer.status_code == 400 and body.get("error") == "invalid_grant"
        return answer


def record_id(resource: str, raw: dict[str, Any]) -> str:
    return str(raw["cycle_id" if resource == "recovery" else "id"])


def wire_of(world: World, number: int, record: Any) -> dict[str, Any]:
    return wire.record(world.person(number), record, world.options)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


async def _whole(answer: httpx2.Response) -> httpx2.Response:
    content = await answer.aread()
    return httpx2.Response(answer.status_code, headers=_headers(answer), content=content)


def _headers(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
