"""The app's call quota: a minute and a day, and the headers that tell of them."""

from collections import deque
from dataclasses import dataclass
from math import ceil

MINUTE_S, DAY_S = 60, 86_400


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands after a call."""

    is_allowed: bool
    limit: int
    remaining: int
    reset_s: int
    policy: str

    def headers(self) -> dict[str, str]:
        """The three headers of the provider."""
        return {
            "X-RateLimit-Limit": f"{self.limit}, {self.policy}",
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_s),
        }


class Window:
    """Calls within one length of time, fixed from its first call or sliding."""

    def __init__(self, length_s: int) -> None:
        self.length_ms = length_s * 1000
        self._calls: deque[int] = deque()

    def spent(self, now_ms: int, *, is_sliding: bool) -> int:
        """Calls that still count."""
        calls = self._calls
        if is_sliding:
            while calls and calls[0] <= now_ms - self.length_ms:
                calls.popleft()
        elif calls and now_ms >= calls[0] + self.length_ms:
            calls.clear()
        return len(calls)

    def add(self, now_ms: int) -> None:
        """Count a call."""
        self._calls.append(now_ms)

    def reset_s(self, now_ms: int) -> int:
        """Seconds until calls are given back."""
        first_ms = self._calls[0] if self._calls else now_ms
        return max(ceil((first_ms + self.length_ms - now_ms) / 1000), 0)


class Quota:
    """One client's windows."""

    def __init__(self) -> None:
        self._minute, self._day = Window(MINUTE_S), Window(DAY_S)

    def spend(self, now_ms: int, *, per_minute: int, per_day: int, is_sliding: bool) -> Standing:
        """Count a call if both windows have room. Refused calls are not counted."""
        pairs = ((self._minute, per_minute), (self._day, per_day))
        left = [limit - window.spent(now_ms, is_sliding=is_sliding) for window, limit in pairs]
        is_allowed = min(left) > 0
        if is_allowed:
            self._minute.add(now_ms)
            self._day.add(now_ms)
            left = [count - 1 for count in left]
        nearest = left.index(min(left))
        window, limit = pairs[nearest]
        policy = f"{per_minute};window={MINUTE_S}, {per_day};window={DAY_S}"
        return Standing(is_allowed, limit, max(left[nearest], 0), window.reset_s(now_ms), policy)

    def left(self, now_ms: int, *, per_minute: int, per_day: int, is_sliding: bool) -> tuple[tuple[int, int], tuple[int, int]]:
        """Calls left and seconds to the reset, of the minute and of the day."""
        minute, day = (
            (max(limit - window.spent(now_ms, is_sliding=is_sliding), 0), window.reset_s(now_ms))
            for window, limit in ((self._minute, per_minute), (self._day, per_day))
        )
        return minute, day
