"""The demo stopped, killed and started again: nothing is left running, nothing is lost."""

import json
import subprocess
from typing import Any

import psutil

from tests.e2e.processes import Home, home, wait_for, wear

READY = "Stop with Ctrl-C"


def family(place: Home) -> list[psutil.Process]:
    """The processes that `wear up` has started."""
    assert place.process is not None
    return psutil.Process(place.process.pid).children(recursive=True)


def simulators(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and "wearbase_sim" in process.cmdline()]


def are_gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def shown(place: Home, *arguments: str) -> dict[str, Any]:
    """What a command prints as JSON."""
    done = subprocess.run(
        [wear(), *arguments, "--json"],
        env=place.environment,
        cwd=place.folder.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def starts(place: Home, count: int) -> None:
    place.start()
    wait_for(lambda: place.log().count(READY) == count, "the demo is complete")


def test_stopped_killed_and_started_again() -> None:
    with home() as place:
        starts(place, 1)
        stored = shown(place, "status", "demo")["sources"]["whoop"]
        running = family(place)
        assert simulators(running)
        assert place.stop() == 0
        assert are_gone(running)

        assert shown(place, "status", "demo")["sources"]["whoop"]["days_stored"] == stored["days_stored"]

        starts(place, 2)
        again = shown(place, "status", "demo")["sources"]["whoop"]["resources"]
        assert {name: r["backfill"]["pages"] for name, r in again.items()} == {
            name: r["backfill"]["pages"] for name, r in stored["resources"].items()
        }
        cloud = simulators(family(place))
        place.kill()
        wait_for(lambda: are_gone(cloud), "the simulator ends with its owner", patience_s=5)

        starts(place, 3)
        assert shown(place, "status", "demo")["sources"]["whoop"]["days_stored"] >= stored["days_stored"]
        assert place.stop() == 0
        assert "Traceback" not in place.log()
