"""What goes on beside the load: members live on at the simulator, logs are kept short, memory is looked at."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import psutil

from bench.children import pss_mib
from bench.soaking.stage import Stage

EVENTS_PER_S, LOOK_EVERY_S, PSS_EVERY = 3.0, 2.0, 5
LONGEST_LOG = 8 << 20
EVENTS = (
    {"event": "workout"}, {"event": "workout"}, {"event": "edit", "resource": "workout", "shift_s": -60},
    {"event": "rescore", "resource": "recovery"}, {"event": "rescore", "resource": "sleep"}, {"event": "delete", "resource": "workout"},
)  # fmt: skip


class Beside:
    """Threads of this process while the load runs."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._is_over = threading.Event()
        self.memory: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self.events = 0
        self.cpu_s: dict[str, float] = {}

    def live(self) -> None:
        """Records change at the provider, each change with its webhook."""
        chance, accounts = random.Random(5), list(self._stage.joined.values())
        headers = dict(self._stage.cloud.control.headers)
        with httpx2.Client(base_url=self._stage.cloud.url, headers=headers, timeout=3, trust_env=False) as client:
            while not self._is_over.wait(1 / EVENTS_PER_S):
                with suppress(httpx2.HTTPError):  # the simulator may be held still just now
                    wish: dict[str, Any] = chance.choice(EVENTS)
                    answer = client.post(f"/control/members/{chance.choice(accounts)}/events", json=wish)
                    self.events += answer.status_code == 200

    def look(self) -> None:
        """Memory of each part, every two seconds; PostgreSQL's, whose processes share most of it, less often."""
        turn = 0
        while not self._is_over.wait(LOOK_EVERY_S):
            turn += 1
            for name, tree in self._stage.trees().items():
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
                    self._note(name, tree, is_dear=turn % PSS_EVERY == 0)
            self._shorten_logs()

    def _note(self, name: str, tree: list[psutil.Process], *, is_dear: bool) -> None:
        now = time.monotonic()
        if name != "PostgreSQL":
            self.memory[name].append((now, sum(p.memory_info().rss for p in tree) / 2**20))
            self.cpu_s[name] = sum(sum(p.cpu_times()[:2]) for p in tree)
        elif is_dear:
            self.memory[name].append((now, pss_mib(tree)))

    def _shorten_logs(self) -> None:
        disk = self._stage.disk
        for log in disk.glob("*.log") if disk is not None and not (disk / "ballast").exists() else ():
            if log.stat().st_blocks * 512 > LONGEST_LOG:
                with log.open("r+b") as written:
                    written.truncate(0)

    def end(self) -> None:
        self._is_over.set()


@contextmanager
def beside(stage: Stage) -> Iterator[Beside]:
    """All of it, ended with the block."""
    made = Beside(stage)
    threads = [threading.Thread(target=work) for work in (made.live, made.look)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.end()
        for thread in threads:
            thread.join()
