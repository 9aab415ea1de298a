"""How a process is told to stop, and the end of its time for it."""

import asyncio
import os
import signal
import threading
from typing import Any, NoReturn

import structlog

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_WITHIN_S = 30.0  # whoever stops us waits as long before SIGKILL, as documented


class HardEnd:
    """The end of a process that was told to stop and does not, whatever holds it up. It costs what a kill costs: leases run out."""

    def __init__(self, within_s: float = STOP_WITHIN_S) -> None:
        self._within_s = within_s
        self._timer: threading.Timer | None = None

    def begin(self) -> None:
        """From now on the time runs."""
        if self._timer is None:
            self._timer = threading.Timer(self._within_s, self._end)
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        """It has stopped."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        log.critical("did not stop in time: ended hard", seconds=self._within_s)
        os._exit(1)


HARD_END = HardEnd()


def stop_event() -> asyncio.Event:
    """Set by the first signal to stop; the second one cancels the caller's task, a third interrupts the process."""
    stop, loop, caller = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()
    wanted = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

    def ask() -> None:
        HARD_END.begin()
        if not stop.is_set():
            return stop.set()
        for number in wanted:
            loop.remove_signal_handler(number)
            signal.signal(number, _interrupt)
        if caller is not None:
            caller.cancel()
        return None

    for number in wanted:
        loop.add_signal_handler(number, ask)
    return stop


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt
