"""`make test`: installs what tests need where that is possible, then runs every test (ARGS are pytest's).

What cannot be had does not stop the run: the tests that need it are left out, and the run fails at its end, saying so.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.needs import NEEDS, PLAYWRIGHT_INSTALL, SYSTEM_PATH, Need, left_out, missing  # noqa: E402 - the clone is no package


def is_run(*command: str) -> bool:
    """Runs it without a word; whether it succeeded."""
    environment = {**os.environ, "PATH": SYSTEM_PATH, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        ran = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=900)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0


def install(needs: list[Need]) -> None:
    if not needs:
        return
    if os.geteuid() == 0:
        packages = [need.apt_package for need in needs]
        print(f"Installing {', '.join(need.title for need in needs)} (apt-get)", flush=True)
        is_run("apt-get", "update", "-qq")
        if not is_run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages):
            for package in packages:  # one that cannot be had must not cost the others
                is_run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)
    if NEEDS["browser"] in needs and missing(["browser"]):
        print("Downloading a browser (Playwright)", flush=True)
        is_run(*PLAYWRIGHT_INSTALL)


def divided(arguments: list[str]) -> list[str]:
    """Whole files over as many processes as there are cores, at most four; in one process where a debugger is asked for.

    Files are begun in the order of the collection (tests/conftest.py puts the longest first), not by how many tests they hold.
    """
    if any(argument in {"--pdb", "--trace"} or argument.startswith("-n") for argument in arguments):
        return []
    return ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile", "--no-loadscope-reorder"]


def main() -> int:
    try:
        chosen_out = left_out()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    install(missing(name for name in NEEDS if name not in chosen_out))
    arguments = shlex.split(os.environ.get("ARGS", ""))
    command = [sys.executable, "-m", "pytest", *divided(arguments), *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
