"""Load: requests over 16 kept connections, by wrk if it is installed, else by a small client of our own."""

import asyncio
import json
import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report import quantile

CONNECTIONS = 16
SCRIPT = Path(__file__).parent / "load.lua"


@dataclass(frozen=True)
class Request:
    """One prepared request; as a line of the file that the script reads: parts separated by tabs, none holds one."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    def line(self) -> str:
        return "\t".join([self.path, self.body, *(part for pair in self.headers for part in pair)])

    def bytes(self) -> bytes:
        head = [f"{'POST' if self.body else 'GET'} {self.path} HTTP/1.1", "host: 127.0.0.1", *(f"{n}: {v}" for n, v in self.headers)]
        length = [f"content-length: {len(self.body)}"] if self.body else []
        return "\r\n".join([*head, *length, "", self.body]).encode()


@dataclass(frozen=True)
class Load:
    """What came of it."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds


def tool() -> str:
    """Which of the two is here."""
    return "wrk" if shutil.which("wrk") else "a client in Python, which takes a good part of one core (install wrk for better figures)"


def load(base_url: str, requests: Sequence[Request], *, seconds: int, folder: Path, is_random: bool = True) -> Load:
    """Sends for that long, in random order or each once in the order given. Raises RuntimeError if they do not suffice."""
    if shutil.which("wrk"):
        return _by_wrk(base_url, requests, seconds=seconds, folder=folder, is_random=is_random)
    return asyncio.run(_by_ourselves(base_url, requests, seconds=seconds, is_random=is_random))


def _by_wrk(base_url: str, requests: Sequence[Request], *, seconds: int, folder: Path, is_random: bool) -> Load:
    lines = folder / "requests.txt"
    lines.write_text("\n".join(r.line() for r in requests) + "\n")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(SCRIPT), base_url]
    order = "random" if is_random else "once"
    done = subprocess.run([*command, "--", str(lines), order], capture_output=True, text=True, check=True).stdout
    found = json.loads(done[done.index("{") :])
    if found["ran_out"]:
        raise RuntimeError("There were too few prepared requests.")
    return Load(found["requests"], found["seconds"], found["p50_ms"], found["p99_ms"], found["failed"])


async def _by_ourselves(base_url: str, requests: Sequence[Request], *, seconds: int, is_random: bool) -> Load:
    prepared = [r.bytes() for r in requests]
    if is_random:
        random.shuffle(prepared)
    turn = _for_ever(prepared) if is_random else iter(prepared)
    began, waits, failures = time.perf_counter(), [], []
    port = int(base_url.rpartition(":")[2])
    await asyncio.gather(*(_connection(port, turn, began + seconds, waits, failures) for _ in range(CONNECTIONS)))
    spent = time.perf_counter() - began
    return Load(len(waits), spent, quantile(waits, 0.5) * 1000, quantile(waits, 0.99) * 1000, len(failures))


def _for_ever(prepared: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from prepared


async def _connection(port: int, turn: Iterator[bytes], until: float, waits: list[float], failures: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.perf_counter()) < until:
        request = next(turn, None)
        if request is None:
            raise RuntimeError("There were too few prepared requests.")
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        if length:
            await reader.readexactly(length)
        waits.append(time.perf_counter() - began)
        if head[9:10] != b"2":
            failures.append(head)
    writer.close()
