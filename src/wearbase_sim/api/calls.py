"""A count of every call, so that a test can say what a service spent."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from wearbase_sim.clock import iso

MINUTE_MS = 60_000
ANSWER = "wearbase_sim.answer"  # in a request's scope: what was answered, in words


@dataclass
class Calls:
    """Calls since the last reset. Times are the simulated clock's."""

    kinds: Counter[str] = field(default_factory=Counter)
    by_route: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    last: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=200))
    most_in_minute: int = 0
    minute: deque[int] = field(default_factory=deque)

    def note(self, kind: str, request: Request, *, route: str, status: int, remaining: int | None, now_ms: int) -> None:
        """Remember one call: `data` or `token`."""
        self.kinds[kind] += 1
        self.by_route[route] += 1
        self.by_status[str(status)] += 1
        self._append(request, status=status, remaining=remaining, now_ms=now_ms)
        if kind == "data":
            self._slide(now_ms)

    def miss(self, request: Request, *, status: int, now_ms: int) -> None:
        """Show a call to a route that there is not, without counting it."""
        request.scope[ANSWER] = "no such route"
        self._append(request, status=status, remaining=None, now_ms=now_ms)

    def _append(self, request: Request, *, status: int, remaining: int | None, now_ms: int) -> None:
        where = {"method": request.method, "path": request.url.path, "query": request.url.query[:200]}
        answer = request.scope.get(ANSWER, "")
        self.last.append({"at": iso(now_ms), **where, "status": status, "remaining": remaining, "answer": answer})

    def _slide(self, now_ms: int) -> None:
        self.minute.append(now_ms)
        while self.minute[0] <= now_ms - MINUTE_MS:
            self.minute.popleft()
        self.most_in_minute = max(self.most_in_minute, len(self.minute))

    def report(self) -> dict[str, Any]:
        """Everything counted."""
        return {
            "total": self.kinds.total(),
            "data": self.kinds["data"],
            "token": self.kinds["token"],
            "by_route": dict(self.by_route),
            "by_status": dict(self.by_status),
            "max_in_60s": self.most_in_minute,
            "last": list(self.last),
        }
