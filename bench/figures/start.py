"""How soon `wear up` answers, and what it takes of the memory when nothing happens."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import httpx2

from bench.children import Child, free_port, pss_mib, started
from bench.report import Line, Run, spread
from bench.rig import CLIENT_ID, CLIENT_SECRET, SERVICE_KEY, private_folder

SETTLE_S = 8
HOW = (
    "From starting the process of `wear up` (API, worker and a database of its own; no simulator) until /health/ready "
    "says 200; the first start "
    "makes the database. Memory: the proportional share (PSS) of all its processes, the database's included, after "
    f"{SETTLE_S} s without requests."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """Seconds of the first and of later starts; MiB."""
    first, later, memory = [], [], []
    for _ in range(run.take(3, 1)):
        with private_folder() as folder, private_folder() as logs:
            first.append(_start(folder, logs))
            later += [_start(folder, logs) for _ in range(run.take(2, 1))]
            memory.append(_idle(folder, logs, run.take(SETTLE_S, 3)))
    bare = median(_bare_python_s() for _ in range(5))
    total, count = median(m[0] for m in memory), memory[0][1]
    return [
        Line(
            what="first start", measured=f"{spread(first, '{:.2f}')} s", goal="none", is_met=True,
            beside=f"{median(first) / bare:.0f} times starting Python alone ({bare * 1000:.0f} ms)",
        ),
        Line(
            what="second start", measured=f"{spread(later, '{:.2f}')} s", goal="< 2 s", is_met=median(later) < 2,
            beside=f"{median(later) / bare:.0f} times starting Python alone",
        ),
        Line(
            what="memory when idle", measured=f"{spread([m[0] for m in memory])} MiB", goal="< 200 MiB", is_met=total < 200,
            beside=f"{count} processes; Python's own {memory[0][2]:.0f} MiB",
        ),
    ], HOW  # fmt: skip


def _environment(folder: Path, port: int) -> dict[str, str]:
    return {
        "DATA_DIR": str(folder), "PORT": str(port), "ENVIRONMENT": "development", "SERVICE_API_KEY": SERVICE_KEY,
        "WHOOP_CLIENT_ID": CLIENT_ID, "WHOOP_CLIENT_SECRET": CLIENT_SECRET, "WHOOP_API_URL": "http://127.0.0.1:9/developer",
        "WHOOP_OAUTH_URL": "http://127.0.0.1:9/oauth/oauth2",
    }  # fmt: skip


def _start(folder: Path, logs: Path) -> float:
    port, began = free_port(), time.perf_counter()
    with started("-m", "bench.wear", "up", folder=logs, variables=_environment(folder, port)) as child:
        _wait_ready(port, child)
        return time.perf_counter() - began


def _wait_ready(port: int, child: Child) -> None:
    give_up = time.perf_counter() + 60
    with httpx2.Client(trust_env=False, timeout=5) as client:
        while time.perf_counter() < give_up and child.process.poll() is None:
            try:
                if client.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.01)
    raise RuntimeError(f"It did not start:\n{child.log.read_text(errors='replace')[-2000:]}")


def _idle(folder: Path, logs: Path, settle_s: float) -> tuple[float, int, float]:
    """PSS of everything, how many processes, and PSS of the Python process alone."""
    port = free_port()
    with started("-m", "bench.wear", "up", folder=logs, variables=_environment(folder, port)) as child:
        _wait_ready(port, child)
        time.sleep(settle_s)
        tree = child.tree()
        return pss_mib(tree), len(tree), pss_mib(tree[:1])


def _bare_python_s() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began
