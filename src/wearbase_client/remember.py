"""Documents of days kept for conditional requests."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

D = TypeVar("D")


class DayKey(NamedTuple):
    """Of one provider, or of all where it is empty; today's own has no day."""

    provider: str
    user_id: str
    day: str


@dataclass(frozen=True, slots=True)
class Remembered(Generic[D]):
    etag: str
    document: D


class RememberedDays(Generic[D]):
    """The most recently used documents of days, at most `capacity`; none when it is 0. Safe to share between threads.

    One is only ever used after the service has said, for this client's credential, that it has not changed.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = max(0, capacity)
        self._days: OrderedDict[DayKey, Remembered[D]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: DayKey) -> Remembered[D] | None:
        with self._lock:
            if key in self._days:
                self._days.move_to_end(key)
            return self._days.get(key)

    def put(self, key: DayKey, remembered: Remembered[D]) -> None:
        with self._lock:
            self._days[key] = remembered
            self._days.move_to_end(key)
            while len(self._days) > self._capacity:
                self._days.popitem(last=False)

    def forget(self, user_id: str) -> None:
        with self._lock:
            for key in [key for key in self._days if key.user_id == user_id]:
                del self._days[key]
