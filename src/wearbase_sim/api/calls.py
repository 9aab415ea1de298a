"""A count of every call, so that a test can say what a service spent."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from wearbase_sim.clock import iso

MINUTE_MS = 60_000


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
        path = request.url.path
        self.last.append({"at": iso(now_ms), "method": request.method, "path": path, "status": status, "remaining": remaining})
        if kind == "data":
            self._slide(now_ms)

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
