"""`python -m bench [names...] [--quick] [--all]`."""

import argparse
import importlib
import os
import sys
from datetime import UTC, datetime

from bench import machine, report
from bench.report import Run, Section

USUAL = ("reads", "webhooks", "sahha", "visible", "pickup", "connect", "backfill", "start", "sim", "app", "streams")
ELSEWHERE = {"app": "bench.app.view", "streams": "bench.app.streams", "soak": "bench.soak"}
SOAK_MINUTES = 10.0
LONG = ("concurrent", "growth", "members", "soak")


def main() -> None:
    """Measures what is asked for; the page is written unless it was only a quick look."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures; writes bench/results.md.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join((*USUAL, *LONG))}; without one all but the last")
    parser.add_argument("--quick", action="store_true", help="shorter, and nothing is written")
    parser.add_argument("--all", action="store_true", help="the long ones too")
    parser.add_argument("--minutes", type=float, help="of the soak; fewer than ten are a quick look")
    parser.add_argument("--faults", default="", help="of the soak, by name and comma; a quick look, too")
    wish = parser.parse_args()
    is_quick = wish.quick or bool(wish.faults) or (wish.minutes is not None and wish.minutes < SOAK_MINUTES)
    unknown = sorted(set(wish.names) - {*USUAL, *LONG})
    if unknown:
        parser.error(f"there is no figure {unknown[0]!r}")
    where = machine.described()
    faults = [name.strip() for name in wish.faults.split(",") if name.strip()]
    run = Run(is_quick=is_quick, minutes=wish.minutes, faults=faults)
    for name in wish.names or (USUAL + LONG if wish.all else USUAL):
        section = _measured(name, run)
        if not is_quick:
            report.keep(section, where, (*USUAL, *LONG))


def _measured(name: str, run: Run) -> Section:
    print(f"{name} ...", file=sys.stderr, flush=True)
    busy = os.getloadavg()[0]
    lines, how = importlib.import_module(ELSEWHERE.get(name, f"bench.figures.{name}")).measure(run)
    for line in lines:
        goal = "no goal" if line.goal == "none" else f"goal {line.goal}: {'reached' if line.is_met else 'NOT reached'}"
        print(f"{name:10} {line.what:34} {line.measured:48} {goal}; {line.beside}", flush=True)
    return Section(name=name, measured_on=f"{datetime.now(UTC):%Y-%m-%d}, load average before {busy:.1f}", lines=lines, how=how)


if __name__ == "__main__":
    main()
