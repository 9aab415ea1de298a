"""What is going to happen: actions at instants of the simulated clock."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

FAR_FUTURE_MS = 1 << 60


@dataclass(order=True, frozen=True, slots=True)
class Entry:
    """One action and its instant; equal instants keep the order in which they were planned."""

    at_ms: int
    nth: int
    action: Callable[[int], None] = field(compare=False)
    label: str = field(compare=False, default="")


class Agenda:
    """Planned actions, earliest first."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._made = 0

    def plan(self, at_ms: int, action: Callable[[int], None], *, label: str = "") -> None:
        """Have an action happen at an instant; it is called with that instant."""
        self._made += 1
        heapq.heappush(self._entries, Entry(at_ms, self._made, action, label))

    def next_ms(self) -> int:
        """The earliest instant at which something is planned."""
        return self._entries[0].at_ms if self._entries else FAR_FUTURE_MS

    def pop(self, until_ms: int) -> Entry | None:
        """The earliest entry up to an instant, no longer planned."""
        return heapq.heappop(self._entries) if self.next_ms() <= until_ms else None

    def drop(self, label: str) -> None:
        """Forget everything planned under a label."""
        self._entries = [entry for entry in self._entries if entry.label != label]
        heapq.heapify(self._entries)
