"""Failures switched on from outside: what goes wrong, where, and how often."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import httpx2
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

KINDS = ("status", "drop", "html", "empty", "cut", "slow", "lost_answer", "duplicate")
ABORT = "wearbase_sim.abort"
GATEWAY = b"<html><body>Bad Gateway</body></html>"


@dataclass
class Fault:
    """Something that goes wrong `count` more times; without a count, until it is removed."""

    id: int
    route: str
    kind: str
    status: int = 500
    count: int | None = 1
    user_id: int | None = None
    delay_s: float = 5.0

    def matches(self, route: str, user_id: int | None) -> bool:
        """Whether it strikes this request."""
        is_here = route == self.route if self.route in ("token", "webhook") else route.startswith(self.route)
        return is_here and self.user_id in (None, user_id)


class Faults:
    """All faults that are switched on."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._made = 0

    def add(self, wish: dict[str, Any]) -> Fault:
        """Switch one on. Raises ValueError or TypeError."""
        kind, route = str(wish.get("kind", "")), str(wish.get("route", ""))
        if kind not in KINDS or not route:
            raise ValueError(f"a fault needs a route and a kind of {', '.join(KINDS)}")
        allowed = {name: wish[name] for name in ("status", "count", "user_id", "delay_s") if name in wish}
        self._made += 1
        fault = Fault(self._made, route.removeprefix("/developer"), kind, **allowed)
        self._faults.append(fault)
        return fault

    def take(self, route: str, *, user_id: int | None = None) -> Fault | None:
        """The fault that strikes now, counted down."""
        fault = next((fault for fault in self._faults if fault.matches(route, user_id)), None)
        if fault and fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                self._faults.remove(fault)
        return fault

    def listed(self) -> list[dict[str, Any]]:
        """What is switched on."""
        return [asdict(fault) for fault in self._faults]

    def clear(self) -> None:
        """Switch everything off."""
        self._faults.clear()


class Dropped(Response):
    """A connection that closes without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        abort = scope.get("extensions", {}).get(ABORT)
        if abort is None:
            # In process there is no connection to close: the caller sees what a closed one would raise.
            raise httpx2.RemoteProtocolError("Server disconnected without sending a response.")
        abort["close"]()
        while (await receive())["type"] != "http.disconnect":
            pass


class Cut(Response):
    """An answer that ends in the middle of its body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
        if ABORT not in scope.get("extensions", {}):
            raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


async def spoil(fault: Fault | None, work: Callable[[], Awaitable[Response]], *, latency_ms: int = 0) -> Response:
    """The answer of `work`, as a fault leaves it."""
    if latency_ms:
        await asyncio.sleep(latency_ms / 1000)
    if fault is None or fault.kind == "duplicate":
        return await work()
    if fault.kind == "slow":
        await asyncio.sleep(fault.delay_s)
        return await work()
    if fault.kind == "lost_answer":
        await work()
        return Dropped()
    if fault.kind == "cut":
        return _cut(await work())
    return _instead(fault)


def status_of(response: Response) -> int:
    """The status that the caller gets; 0 for none."""
    return 0 if isinstance(response, Dropped) else response.status_code


def _cut(whole: Response) -> Response:
    response = Cut(whole.body, status_code=whole.status_code)
    response.raw_headers = whole.raw_headers
    return response


def _instead(fault: Fault) -> Response:
    if fault.kind == "html":
        return Response(GATEWAY, status_code=502, headers={"content-type": "text/html"})
    if fault.kind == "status":
        return Response(b"", status_code=fault.status)
    return Response(b"", status_code=200, headers={"content-type": "application/json"}) if fault.kind == "empty" else Dropped()
