"""Locks between processes: advisory locks on files, which the system releases when their holder dies."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wearbase.store.postgres.embedded.account import EmbeddedError


class FileLock:
    """One lock file. Not inherited by child programs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: int | None = None

    def take(self, *, shared: bool = False) -> bool:
        """Takes the lock if nobody is in the way; also turns a shared one into an exclusive one."""
        if self._opened is None:
            self._opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._opened, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None

    def sign(self, name: str) -> None:
        """Writes who holds it."""
        if self._opened is None:
            raise RuntimeError("sign before take")
        os.ftruncate(self._opened, 0)
        os.pwrite(self._opened, json.dumps({"name": name, "pid": os.getpid()}).encode(), 0)

    def holder(self) -> tuple[str, int]:
        """Name and pid of whoever signed it; a holder that has not signed yet is given a moment."""
        for _ in range(20):
            try:
                found = json.loads(self._path.read_text())
                return str(found["name"]), int(found["pid"])
            except (OSError, ValueError, KeyError, TypeError):
                time.sleep(0.01)
        return "another program", 0


@contextmanager
def held(path: Path, *, patience_s: float, on_wait: Callable[[], None]) -> Iterator[None]:
    """Holds the lock for the block. Calls `on_wait` once if that takes more than two seconds."""
    lock = FileLock(path)
    started = time.monotonic()
    is_told = False
    try:
        while not lock.take():
            waited_s = time.monotonic() - started
            if waited_s > patience_s:
                raise EmbeddedError(f"Another program has been starting or stopping the database for {patience_s:.0f} s ({path}).")
            if waited_s > 2 and not is_told:
                on_wait()
                is_told = True
            time.sleep(0.02)
        yield
    finally:
        lock.release()
