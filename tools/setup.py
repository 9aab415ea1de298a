"""Makes `.venv` from the hashed lock; does nothing when it is already what the lock and pyproject.toml say.

Runs on a bare Python: standard library only. `python tools/setup.py runtime|dev`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "wearbase-setup"
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}


def wanted(level: str) -> str:
    """The line that a finished `.venv` of this level carries."""
    digest = hashlib.sha256(str(ROOT).encode())  # a moved clone has wrong paths in its scripts
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        digest.update((ROOT / name).read_bytes())
    return f"{level} {digest.hexdigest()}"


def is_ready(level: str) -> bool:
    """Whether `.venv` already has this level; dev includes runtime."""
    levels = ("runtime", "dev") if level == "runtime" else ("dev",)
    try:
        stamp = STAMP.read_text().strip()
    except OSError:
        return False
    return stamp in {wanted(name) for name in levels} and (VENV / "bin/python").exists()


def level_to_install(level: str) -> str:
    """Never less than what a developer already has."""
    try:
        return "dev" if STAMP.read_text().startswith("dev ") else level
    except OSError:
        return level


def has_working_venv() -> bool:
    """Whether `.venv` was once finished and its Python still runs; then it is brought up to date in place."""
    if not STAMP.exists():
        return False
    probe = subprocess.run([VENV / "bin/python", "-m", "pip", "--version"], capture_output=True, text=True, check=False)
    return probe.returncode == 0 and str(VENV) in probe.stdout


def pip(*arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET"}}
    command = [VENV / "bin/python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=True)


def install(level: str) -> None:
    """Makes or updates `.venv`. The stamp is taken away first and written last: an interrupted run starts over."""
    is_new = not has_working_venv()
    if is_new:
        shutil.rmtree(VENV, ignore_errors=True)
        print(f"Making .venv with Python {sys.version.split()[0]}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True, stdout=subprocess.DEVNULL)
    STAMP.unlink(missing_ok=True)
    lock = ROOT / LOCKS[level]
    count = sum(not line.startswith(" ") for line in lock.read_text().splitlines())
    print(f"Installing the packages of {lock.name} (up to {count})", flush=True)
    pip("--require-hashes", "--requirement", str(lock))
    pip("--no-deps", "--no-build-isolation", "--editable", ".")
    unfinished = STAMP.with_suffix(".new")
    unfinished.write_text(wanted(level) + "\n")
    unfinished.replace(STAMP)


def main(level: str) -> int:
    if is_ready(level):
        return 0
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready(level):  # another run did it while we waited
            return 0
        started = time.monotonic()
        try:
            install(level_to_install(level))
        except subprocess.CalledProcessError as error:
            print(f"Setup failed: {' '.join(str(part) for part in error.cmd[:6])} ...", file=sys.stderr)
            print("Nothing else was changed; run the same command again once the cause above is gone.", file=sys.stderr)
            return 1
        print(f"Ready in {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
