"""The machine that was measured on, without its name."""

import os
import platform
from pathlib import Path

import psutil
import psycopg

from bench.rig import database


def described() -> dict[str, str]:
    """Cores, memory, processor, kernel and versions."""
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "processor": _processor(),
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": _postgresql(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _postgresql() -> str:
    with database() as url, psycopg.connect(url) as connection:
        found = connection.execute("show server_version").fetchone()
    return str(found[0]).split()[0] if found else "?"
