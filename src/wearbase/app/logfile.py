"""Where log lines go: a full disk or a reader that has stopped reading costs lines, never a request."""

import os
import select
import threading
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson

PATIENCE_MS = 50  # for a reader who is only slow; from one who has not read for so long nothing is waited for until it reads again


class LogFile:
    """Whole lines into a descriptor. Never raises and never waits long; what it does not take is counted and told later."""

    lost: ClassVar[int] = 0  # lines of this process, since it began

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLOUT)
        self._lock = threading.Lock()
        self._lost = 0
        self._is_stuck = self._is_torn = False

    def write(self, line: bytes | str) -> int:
        """Takes one line, with its end; its length."""
        content = line.encode(errors="replace") if isinstance(line, str) else line
        with self._lock:
            if self._lost and self._put(self._apology()):
                self._lost = 0
            if self._lost or not self._put(content):
                self._lost += 1
                LogFile.lost += 1
        return len(line)

    def flush(self) -> None: ...

    def _apology(self) -> bytes:
        said = {"lines": self._lost, "event": "log lines were lost", "level": "error", "timestamp": datetime.now(UTC).isoformat()}
        return orjson.dumps(said) + b"\n"

    def _put(self, content: bytes) -> bool:
        """Whether all of it was written. A line that was torn is ended before the next."""
        left = memoryview(b"\n" + content if self._is_torn else content)
        whole = len(left)
        while left:
            written = self._some(left)
            if not written:
                self._is_torn = self._is_torn or len(left) < whole
                return False
            left = left[written:]
            self._is_torn = False
        return True

    def _some(self, content: memoryview) -> int:
        """How many bytes were taken, 0 if none are."""
        try:
            if not self._ready.poll(0 if self._is_stuck else PATIENCE_MS):
                self._is_stuck = True
                return 0
            self._is_stuck = False
            return os.write(self._descriptor, content[: select.PIPE_BUF])  # a pipe that is ready takes as much at once
        except OSError:
            return 0


def log_file(stream: Any) -> Any:
    """A LogFile on the stream's descriptor; the stream itself if it has none."""
    try:
        return LogFile(stream.fileno())
    except (OSError, ValueError):
        return stream
