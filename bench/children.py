"""Processes that a figure starts, and ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
START_PATIENCE_S, STOP_PATIENCE_S = 60.0, 15.0


@dataclass
class Child:
    """A running process and what it says."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def wait_for(self, words: str) -> None:
        """Returns once it has said this. Raises RuntimeError with its last words if it does not."""
        give_up = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < give_up and self.process.poll() is None:
            if words.encode() in self.log.read_bytes()[:20_000]:
                return
            time.sleep(0.005)
        raise RuntimeError(f"{self.process.args} did not start:\n{self.log.read_text(errors='replace')[-2000:]}")

    def tree(self) -> list[psutil.Process]:
        """It and everything that it started."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def started(*program: str, folder: Path, variables: Mapping[str, str]) -> Iterator[Child]:
    """`python ...` with these variables and nothing of ours that would change it; ended with the block."""
    log = folder / f"{program[-1].replace('/', '-')}-{time.monotonic_ns()}.log"
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, *program], cwd=folder, stdin=subprocess.DEVNULL, stdout=written, stderr=written,
            env={**plain, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **variables}, start_new_session=True,
        )  # fmt: skip
    child = Child(process, log)
    try:
        yield child
    finally:
        child.stop()


def pss_mib(processes: list[psutil.Process]) -> float:
    """What these processes take of the memory, shared pages divided among those that share them."""
    return sum(p.memory_full_info().pss for p in processes) / 2**20


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
