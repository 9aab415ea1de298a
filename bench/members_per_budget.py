"""`python -m bench.members_per_budget`: how many members a day's data calls carry, on simulated days."""

import argparse
import asyncio
from datetime import timedelta

import uvloop

from bench.rig import database
from bench.simdays import told
from bench.simdays.day import Outcome, simulated
from bench.simdays.plan import Plan


def main() -> None:
    """Simulates a day as told by the options and prints what came of it."""
    given = _parser().parse_args()
    plan = Plan(
        members=given.members, quota=given.quota, per_minute=given.per_minute, looking=given.looking, returning=given.returning,
        zones=given.zones, steps=given.steps, is_token_counted=given.tokens_counted, loss=given.loss, late=given.late,
        rescored=given.rescored, warm_up=timedelta(hours=given.warm_up), seed=given.seed,
    )  # fmt: skip
    for line in told.lines(measured(plan)):
        print(line, flush=True)


def measured(plan: Plan) -> Outcome:
    """One simulated day on a database of its own."""
    with database() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(simulated(plan, url))


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
    parser.add_argument("--warm-up", type=float, default=6, metavar="HOURS")
    parser.add_argument("--seed", type=int, default=usual.seed)
    return parser


if __name__ == "__main__":
    main()
