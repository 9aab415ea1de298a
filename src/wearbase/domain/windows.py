"""Half-open windows of time, `[start, end)` in UTC."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Window:
    """What one walk over a collection reads; the end is always explicit."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError("a window's instants must be aware")
        if self.end <= self.start:
            raise ValueError("a window must end after it starts")

    def hull(self, other: "Window | None") -> "Window":
        """The smallest window that covers both."""
        if other is None:
            return self
        return Window(min(self.start, other.start), max(self.end, other.end))
