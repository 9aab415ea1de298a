"""What fails while the load goes on, and for which kinds of calls that is an excuse."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.soaking.judging import Window, fitting
from bench.soaking.postgres import IMMEDIATE
from bench.soaking.stage import Stage

ALL, SYNCS, NONE = frozenset({"read", "webhook", "sync"}), frozenset({"sync"}), frozenset[str]()
LEASE_S = 30.0


@dataclass(frozen=True)
class Fault:
    """How long it lasts, how long the service has to recover from it, and which calls may fail until then."""

    name: str
    lasts_s: float
    within_s: float
    kinds: frozenset[str]
    begin: Callable[[Stage], None]
    end: Callable[[Stage], None]

    @property
    def takes_s(self) -> float:
        return self.lasts_s + self.within_s


def _kill_worker(stage: Stage) -> None:
    stage.workers[1].process.kill()
    stage.workers[1].process.wait()


def _worker_back(stage: Stage) -> None:
    dead = stage.names[1]
    stage.start_worker(1)
    give_up = time.monotonic() + LEASE_S + 5
    while time.monotonic() < give_up and _holds(stage, dead):
        time.sleep(0.2)


def _holds(stage: Stage, name: str) -> bool:
    """Whether a worker that is no more still keeps others from a member."""
    held = "select exists (select from wearbase.connection where lease_holder = %(who)s and lease_until > %(now)s)"
    return bool(stage.ask(held, who=name, now=datetime.now(UTC)))


def _start_database(stage: Stage) -> None:
    stage.server.start()
    stage.started_at["PostgreSQL"] = time.monotonic()


def _fill_disk(stage: Stage) -> None:
    if stage.disk is None:
        raise RuntimeError("Only root may make the small disk that is filled.")
    with (stage.disk / "ballast").open("wb") as ballast:
        block = b"\0" * 65_536
        try:
            while True:
                os.write(ballast.fileno(), block)
        except OSError:
            return


def _empty_disk(stage: Stage) -> None:
    assert stage.disk is not None
    (stage.disk / "ballast").unlink()


def _signal_cloud(number: signal.Signals) -> Callable[[Stage], None]:
    return lambda stage: stage.cloud.child.process.send_signal(number)


FAULTS = (
    Fault("database restarted", 5, 10, ALL, lambda s: s.server.stop(), _start_database),
    Fault("log disk full", 12, 5, NONE, _fill_disk, _empty_disk),
    Fault("worker killed", 3, 5, SYNCS, _kill_worker, _worker_back),
    Fault("database hangs", 20, 12, ALL, lambda s: s.server.signal_all(signal.SIGSTOP), lambda s: s.server.signal_all(signal.SIGCONT)),
    Fault("provider cut off", 12, 60, SYNCS, lambda s: s.line.cut(), lambda s: s.line.mend()),
    Fault("database killed", 3, 15, ALL, lambda s: s.server.stop(IMMEDIATE), _start_database),
    Fault("provider hangs", 15, 60, SYNCS, _signal_cloud(signal.SIGSTOP), _signal_cloud(signal.SIGCONT)),
)


def chosen(names: list[str], *, room_s: float, can_fill: bool) -> tuple[list[Fault], list[str]]:
    """Those of these names that find room, and the names of the others."""
    wanted = [f for f in FAULTS if (not names or f.name in names) and (can_fill or f.name != "log disk full")]
    taken = fitting([(f.name, f.takes_s + (LEASE_S if f.begin is _kill_worker else 0)) for f in wanted], room_s=room_s)
    return [f for f in wanted if f.name in taken], [f.name for f in FAULTS if f.name not in taken]


def happen(fault: Fault, stage: Stage) -> Window:
    """The fault, from its begin to its end."""
    began = time.monotonic()
    fault.begin(stage)
    time.sleep(fault.lasts_s)
    fault.end(stage)
    over = time.monotonic()
    return Window(fault.name, began, over, over + fault.within_s, fault.kinds)
