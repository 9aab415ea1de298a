"""A server's lines on a standard output that takes none."""

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
PROGRAM = "from wearbase.cli.output import announce; announce('ready'); announce('stopped')"


def run(stdout: str) -> subprocess.CompletedProcess[str]:
    with Path(stdout).open("w") as out:
        return subprocess.run([sys.executable, "-c", PROGRAM], stdout=out, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_server_that_cannot_say_that_it_is_ready_runs_and_ends_well() -> None:
    done = run(str(FULL))
    assert (done.returncode, done.stderr) == (0, "")


def test_where_lines_can_be_written_they_are(tmp_path: Path) -> None:
    assert run(str(tmp_path / "out")).returncode == 0
    assert (tmp_path / "out").read_text() == "ready\nstopped\n"
