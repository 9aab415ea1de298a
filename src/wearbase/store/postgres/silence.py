"""Connections in use, and the end of those that a silent server would hold for ever.

A server that is held still (a stopped machine, a disk that does not answer) keeps its connections open and says nothing, and whoever
waits for it cannot be told to stop: the driver waits for the end of its statement. Cut at the socket, they fail as if it had gone.
"""

import os
import socket
import time
from contextlib import suppress
from typing import Any

from psycopg import AsyncConnection, OperationalError


class InUse:
    """Since when each connection has been in use."""

    def __init__(self) -> None:
        self._since: dict[AsyncConnection[Any], float] = {}

    def begin(self, connection: AsyncConnection[Any]) -> None:
        self._since[connection] = time.monotonic()

    def end(self, connection: AsyncConnection[Any]) -> None:
        self._since.pop(connection, None)

    def __len__(self) -> int:
        return len(self._since)

    def is_longer(self, seconds: float) -> bool:
        """Whether one has been in use for so long."""
        return bool(self._since) and next(iter(self._since.values())) < time.monotonic() - seconds  # the first is the oldest

    def cut(self, *, after_s: float) -> int:
        """Cuts those in use for so long; how many."""
        before = time.monotonic() - after_s
        silent = [connection for connection, since in self._since.items() if since < before]
        for connection in silent:
            cut(connection)
        return len(silent)


def cut(connection: AsyncConnection[Any]) -> None:
    """Whoever waits on it gets an OperationalError."""
    with suppress(OSError, OperationalError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
