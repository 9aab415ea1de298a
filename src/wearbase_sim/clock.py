"""The simulator's clock: real, frozen, moved, or faster than life."""

import time
from datetime import UTC, datetime


def parse_ms(text: str) -> int:
    """UTC milliseconds of an RFC 3339 time; a naive one is read as UTC. Raises ValueError."""
    at = datetime.fromisoformat(text.strip())
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)


def iso(at_ms: int) -> str:
    """An instant as the provider writes it."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


class Clock:
    """Time as the simulated cloud sees it. `speed` 0 stands still, 1 is real time."""

    def __init__(self, at_ms: int | None = None) -> None:
        self.speed = 1.0 if at_ms is None else 0.0
        self._wall_ms = _wall_ms()
        self._anchor_ms = self._wall_ms if at_ms is None else at_ms

    def now_ms(self) -> int:
        """The present instant."""
        return self._anchor_ms + int((_wall_ms() - self._wall_ms) * self.speed)

    def hands(self) -> tuple[int, int, float]:
        """The simulated and the wall instant at which it was last set, and its speed: enough to show it elsewhere."""
        return self._anchor_ms, self._wall_ms, self.speed

    def advance(self, by_ms: int) -> None:
        """Jump forward."""
        self._set(self.now_ms() + by_ms)

    def to(self, at_ms: int) -> None:
        """Jump to an instant."""
        self._set(at_ms)

    def run(self, speed: float) -> None:
        """Let time pass at a speed from here on."""
        self._set(self.now_ms())
        self.speed = speed

    def real(self) -> None:
        """Go back to the real time."""
        self._set(_wall_ms())
        self.speed = 1.0

    def _set(self, at_ms: int) -> None:
        self._anchor_ms, self._wall_ms = at_ms, _wall_ms()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
