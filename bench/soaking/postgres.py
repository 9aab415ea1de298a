"""A PostgreSQL of our own over TCP that can be stopped, killed, held still and started again."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psutil

from bench.children import free_port
from wearbase.store.postgres.embedded.account import database_account
from wearbase.store.postgres.embedded.binaries import find_binaries
from wearbase.store.postgres.embedded.cluster import Cluster

START_PATIENCE_S = 60.0
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT


class Postgres:
    """The server of one folder."""

    def __init__(self, folder: Path) -> None:
        self._account = database_account()
        self._port = free_port()
        tcp = {"listen_addresses": "127.0.0.1", "port": str(self._port), "max_connections": "100"}
        self._cluster = Cluster(folder, self._account, tcp)
        self._binaries = find_binaries(self._account)
        self._cluster.create(self._binaries)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        password = quote(self._cluster.password_path.read_text().strip(), safe="")
        return f"postgresql://wearbase:{password}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Until it takes connections."""
        self._child = self._cluster.spawn(self._binaries)
        give_up = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < give_up and self._child.poll() is None:
            running = self._cluster.postmaster()
            if running is not None and running.is_ready:
                return
            time.sleep(0.01)
        raise RuntimeError(f"PostgreSQL did not start:\n{self._cluster.last_words()}")

    def stop(self, how: signal.Signals = FAST) -> None:
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.kill(self._child.pid, how)
            self._child.wait()
            self._child = None

    def signal_all(self, number: signal.Signals) -> None:
        """To the server and every one of its processes: SIGSTOP holds all still, SIGCONT lets them go on."""
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def tree(self) -> list[psutil.Process]:
        if self._child is None:
            return []
        first = psutil.Process(self._child.pid)
        return [first, *first.children(recursive=True)]


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A running one; stopped with the block."""
    made = Postgres(folder)
    made.start()
    try:
        yield made
    finally:
        made.signal_all(signal.SIGCONT)
        made.stop(IMMEDIATE)
