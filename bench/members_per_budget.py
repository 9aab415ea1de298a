"""`python -m bench.members_per_budget`: how many members a day's data calls carry, on simulated days."""

import argparse
import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import uvloop

from bench.rig import database
from bench.simdays import told
from bench.simdays.day import Outcome, simulated
from bench.simdays.plan import Plan


def main() -> None:
    """Simulates a day as told by the options and prints what came of it."""
    given = _parser().parse_args()
    plan = _plan(given)
    if given.search:
        return _search(plan, *given.search)
    for line in told.lines(measured(plan)):
        print(line, flush=True)


def measured(plan: Plan) -> Outcome:
    """One simulated day on a database of its own."""
    with database() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(simulated(plan, url))


def _search(plan: Plan, low: int, high: int) -> None:
    """Halves the stretch between a number of members that is carried and one that is not."""
    while high - low > max(1, low // 50):
        members = (low + high) // 2
        day = measured(replace(plan, members=members))
        failed = [c for c in told.conditions(day) if not c.holds]
        print(f"{members:,}: {'carried' if not failed else '; '.join(f'{c.what}: {c.found}' for c in failed)}", flush=True)
        low, high = (members, high) if not failed else (low, members)
    print(f"carried: {low:,}; not carried: {high:,}")


def _plan(given: argparse.Namespace) -> Plan:
    return Plan(
        members=given.members, quota=given.quota, per_minute=given.per_minute, looking=given.looking, returning=given.returning,
        zones=given.zones, steps=given.steps, is_token_counted=given.tokens_counted, loss=given.loss, late=given.late,
        rescored=given.rescored, midnight=datetime.fromisoformat(given.day).replace(tzinfo=UTC),
        warm_up=timedelta(hours=given.warm_up), seed=given.seed,
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m bench.members_per_budget", description=__doc__)
    parser.add_argument("--members", type=int, default=usual.members)
    parser.add_argument("--quota", type=int, default=usual.quota, help="data calls a day")
    parser.add_argument("--per-minute", type=int, default=usual.per_minute, help="data calls a minute")
    parser.add_argument("--looking", type=float, default=usual.looking, help="part of the members who look, e.g. 0.2")
    parser.add_argument("--returning", type=float, default=usual.returning, help="part of the others who come back during the day")
    parser.add_argument("--zones", choices=("natural", "one"), default=usual.zones)
    parser.add_argument("--steps", type=int, choices=(1, 2), default=usual.steps, help="2: nights are stored too early first")
    parser.add_argument("--tokens-counted", action="store_true", help="calls to the token endpoint use up the quota too")
    parser.add_argument("--loss", type=float, default=usual.loss, help="part of the webhooks that never come")
    parser.add_argument("--late", type=float, default=usual.late, help="part of the members a day with a late upload")
    parser.add_argument("--rescored", type=float, default=usual.rescored, help="part of the records that are computed again")
    parser.add_argument("--day", default=f"{usual.midnight:%Y-%m-%d}", help="the simulated day, e.g. 2026-11-19 (a Thursday)")
    parser.add_argument("--search", type=int, nargs=2, metavar=("LOW", "HIGH"), help="find how many members are carried, between these")
    parser.add_argument("--warm-up", type=float, default=6, metavar="HOURS")
    parser.add_argument("--seed", type=int, default=usual.seed)
    return parser


if __name__ == "__main__":
    main()
