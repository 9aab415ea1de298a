"""Minutes of load while the database restarts, a worker is killed, a disk fills and the provider is cut off."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.children import ROOT
from bench.report import Line, Run
from bench.soaking import faults, told, truth
from bench.soaking.beside import beside
from bench.soaking.judging import Window, good
from bench.soaking.stage import Stage, plan_for, stage
from bench.soaking.told import Soaked

MINUTES, MEMBERS, QUICK_MEMBERS = 10.0, 320, 60
CALIBRATE_S, SPARE_S = 10.0, 10.0
EACH_MEMBER_S = 100.0  # between two wishes of one person: one a minute is allowed, after one that was held up from its end
AT_MOST = {"read": 8, "webhook": 8, "sync": 4}
HELD = {"read": 64, "webhook": 64, "sync": 16}
FIRST_HELD = 10_000_000


def measure(run: Run) -> tuple[list[Line], str]:
    """What failed and when, what was lost, how memory ran."""
    minutes = run.minutes or run.take(int(MINUTES), 1)
    with stage(MEMBERS if minutes >= MINUTES / 2 else QUICK_MEMBERS) as made:
        soaked = _soak(made, run, minutes * 60)
        return told.lines(soaked), told.how(soaked)


def _soak(made: Stage, run: Run, seconds: float) -> Soaked:
    since = truth.since_now()
    members = sum(1 for name in made.joined if name.startswith("soak-"))
    taken, left_out = faults.chosen(list(run.faults), room_s=seconds - SPARE_S, can_fill=made.disk is not None)
    _say(f"{len(made.joined)} members are there")
    limits, first = _limits(made)
    _say("limits: " + ", ".join(f"{name} {limit:,.1f}/s" for name, limit in limits.items()))
    made.tell("update wearbase.connection set asked_at = null")  # the minute between two wishes of a person begins anew
    per_s = {name: limit / 2 for name, limit in limits.items()}
    per_s["sync"] = min(per_s["sync"], members / EACH_MEMBER_S)
    with beside(made) as noticed:
        load = _Load(made, "held", per_s=per_s, connections=HELD, seconds=seconds, first=FIRST_HELD, rounds=1000)
        windows = _spread(made, taken, seconds)
        noted = load.wait()
        _say("load over")
        memory, cpu = dict(noticed.memory), dict(noticed.cpu_s)
    return Soaked(
        seconds=noted["ended"] - noted["began"], limits=limits, per_s=per_s, noted=noted, windows=windows, left_out=left_out,
        memory=memory, cpu_s=cpu, started_at=dict(made.started_at), events=noticed.events, members=len(made.joined),
        truth=truth.look(made, first["accepted"] + noted["accepted"], since=since),
    )  # fmt: skip


def _limits(made: Stage) -> tuple[dict[str, float], dict[str, Any]]:
    """Of each kind how many a second, all three at once as fast as they are answered."""
    nothing = dict.fromkeys(AT_MOST, 0.0)
    noted = _Load(made, "limits", per_s=nothing, connections=AT_MOST, seconds=CALIBRATE_S, first=1, rounds=1).wait()
    steady = range(int(noted["began"]) + 3, int(noted["ended"]))
    limits = {name: sum(good(kind["outcomes"].get(str(s), {})) for s in steady) / len(steady) for name, kind in noted["kinds"].items()}
    if not all(limits.values()):
        raise RuntimeError(f"Not every kind of call succeeds: {[kind['failures'][:1] for kind in noted['kinds'].values()]}")
    return limits, noted


def _spread(made: Stage, taken: list[faults.Fault], seconds: float) -> list[Window]:
    """Makes the faults happen one after another, as much apart as the time allows."""
    began, windows = time.monotonic(), []
    pause = (seconds - sum(f.takes_s for f in taken)) / (len(taken) + 1)
    for fault in taken:
        time.sleep(max(0.0, pause))
        _say(f"{fault.name}, after {time.monotonic() - began:.0f} s")
        windows.append(faults.happen(fault, made))
        time.sleep(max(0.0, windows[-1].end - time.monotonic()))
    return windows


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


class _Load:
    """The process that sends."""

    def __init__(self, made: Stage, name: str, **plan: Any) -> None:
        self._plan: Path = made.place.folder / f"{name}.plan"
        self._plan.write_text(json.dumps(plan_for(made, **plan)))
        self._process = subprocess.Popen([sys.executable, "-m", "bench.soaking.client", str(self._plan)], cwd=ROOT)
        made.stack.callback(self._process.kill)

    def wait(self) -> dict[str, Any]:
        """What it noted, once it has ended."""
        if self._process.wait() != 0:
            raise RuntimeError("The load has failed.")
        return json.loads(self._plan.with_suffix(".noted").read_text())
