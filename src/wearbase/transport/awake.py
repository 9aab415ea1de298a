"""Whether this process was awake. One that was stopped finds its own timeouts run out as it wakes, which tells nothing of the provider."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TICK_S = 0.5
SLEPT_S = 2.0  # so late comes no tick of a process that runs


class Awake:
    """Ticks while anybody watches; a tick that comes late has slept. It is due before any timeout that runs out meanwhile."""

    def __init__(self) -> None:
        self._slept_at = float("-inf")
        self._watchers = 0
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def watching(self) -> Iterator[Callable[[], bool]]:
        """Gives what tells whether the process has slept since."""
        began = asyncio.get_running_loop().time()
        if self._timer is None:
            self._tick(began)
        self._watchers += 1
        try:
            yield lambda: self._slept_at >= began
        finally:
            self._watchers -= 1
            if not self._watchers and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _tick(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - due > SLEPT_S:
            self._slept_at = now
        self._timer = loop.call_at(now + TICK_S, self._tick, now + TICK_S)
