"""How many members a day's data calls carry, on simulated days."""

from collections.abc import Iterator, Mapping

from bench.members_per_budget import measured
from bench.report import Line, Run
from bench.simdays import told
from bench.simdays.day import Outcome
from bench.simdays.plan import Plan

HOW = (
    "24 simulated hours, a Saturday by UTC: planner, budget, receiver and worker on PostgreSQL, the simulator in the same process, one "
    "virtual clock, which stands still while calls are made. Members of ten time zones with their nights, naps and workouts; 1 % of the "
    "webhooks lost, 3 % of the members with a late upload, 3 % of the records scored again. Before it six hours that are not measured. "
    "Events whose webhook was lost are not among those that must be visible within 60 s. Members are carried if every condition holds for "
    "all of them. The day of which a fifth looks is taken at a fifth of its size, 1,000 members for 5,000 at a fifth of the calls; "
    "`python -m bench.members_per_budget --members 5000 --looking 0.2` takes it whole."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """1,700 members who all look, 5,000 of whom a fifth looks (at a fifth of the size), 17 of the first: whether each is carried."""
    part = run.take(1, 10)
    plans = {
        "all look": Plan(members=1_700 // part, quota=10_000 // part),
        "a fifth looks": Plan(members=1_000 // part, quota=2_000 // part, looking=0.2),
        "quota 100": Plan(members=17, quota=100),
    }
    return [line for name, plan in plans.items() for line in _lines(name, measured(plan))], HOW


def _lines(name: str, day: Outcome) -> Iterator[Line]:
    conditions = told.conditions(day)
    is_carried = all(condition.holds for condition in conditions)
    spent = day.provider["data"]
    yield Line(
        what=f"{name}: members carried", measured=f"{day.plan.members:,}" if is_carried else f"not all of {day.plan.members:,}",
        goal=f"≥ {day.plan.members:,} with {day.plan.quota:,} calls", is_met=is_carried,
        beside=f"{spent:,} data calls, {spent / day.plan.members:.2f} a member; {day.token_calls:,} token calls apart",
    )  # fmt: skip
    for condition in conditions:
        beside = f"quota {day.plan.quota:,}"
        yield Line(what=f"{name}: {condition.what}", measured=condition.found, goal="all", is_met=condition.holds, beside=beside)
    yield Line(
        what=f"{name}: calls by reason", measured=_counts(day.budget["used"]), goal="none", is_met=True,
        beside=f"left out: {_counts(day.budget['thinned'])}; {sum(day.appeared.values()) / day.plan.members:.2f} events a member",
    )  # fmt: skip


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda each: -each[1])) or "nothing"
