"""A circuit breaker: after failures in a row nobody calls for a while, then one call tries. Pure; the time is given."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """Whether calls are made: all, none, or one to try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class Breaker:
    """Opens after `threshold` failures in a row, half-opens `rest` later; a failed trial opens it again, for twice as long."""

    threshold: int = 5
    rest: timedelta = timedelta(seconds=10)
    longest_rest: timedelta = timedelta(minutes=1)
    trial_for: timedelta = timedelta(seconds=15)  # after which a trial of which nothing was heard no longer holds up the next
    failures: int = 0
    opened: int = 0  # how often, since the start
    _open_until: datetime | None = None
    _trial_until: datetime | None = None
    _rested: int = 0  # how often in a row

    def state(self, now: datetime) -> State:
        """How it stands."""
        if self._open_until is None:
            return State.CLOSED
        return State.OPEN if now < self._open_until else State.HALF_OPEN

    def may_call(self, now: datetime) -> bool:
        """Whether a call would be let through. Changes nothing."""
        state = self.state(now)
        is_tried = self._trial_until is not None and now < self._trial_until
        return state is State.CLOSED or (state is State.HALF_OPEN and not is_tried)

    def take(self, now: datetime) -> bool:
        """Lets a call through, or not. One that is let through must be followed by `succeed`, `fail` or `give_back`."""
        if not self.may_call(now):
            return False
        if self._open_until is not None:
            self._trial_until = now + self.trial_for
        return True

    def succeed(self) -> None:
        """A call was answered."""
        self.failures, self._rested = 0, 0
        self._open_until = self._trial_until = None

    def fail(self, now: datetime) -> None:
        """A call was not answered. Of calls from before it opened nothing is learnt."""
        self.failures += 1
        state = self.state(now)
        if state is State.OPEN or (state is State.CLOSED and self.failures < self.threshold):
            return
        self._open_until = now + min(self.longest_rest, self.rest * 2 ** min(self._rested, 16))
        self._trial_until = None
        self._rested += 1
        self.opened += 1

    def give_back(self) -> None:
        """A call was broken off by us: it tells nothing."""
        self._trial_until = None
