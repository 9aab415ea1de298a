"""What goes on in ordinary lives besides nights and workouts: lost webhooks, late uploads, re-scores, looks."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bench.simdays.plan import at_ms
from bench.simdays.stage import Stage

HOUR = timedelta(hours=1)
RESCORED_AFTER = (10 * 60.0, 2 * 3600.0, 20 * 3600.0)  # seconds; the last ones are re-scores of yesterday's records
TOO_EARLY_S = 20 * 60.0  # a night in two steps: between being stored and having ended
WAKING = (8, 22)  # local hours in which people look


@dataclass(order=True, frozen=True)
class Look:
    """A member who comes back after a long time."""

    at: datetime
    number: int = field(compare=False)


def begin(stage: Stage) -> list[Look]:
    """Switches on what happens by chance, plans the late uploads, and says who will look and when."""
    plan, world = stage.plan, stage.world
    if plan.loss:
        world.faults.add({"route": "webhook", "kind": "drop", "rate": plan.loss, "count": None})
    for delay_s in RESCORED_AFTER if plan.rescored else ():
        world.faults.add(_record_fault("rescored", rate=plan.rescored / len(RESCORED_AFTER), delay_s=delay_s))
    if plan.steps == 2:
        world.faults.add(_record_fault("provisional", rate=1.0, delay_s=TOO_EARLY_S))
    for number in plan.numbers:
        _plan_late_upload(stage, number)
    return sorted(look for number in plan.numbers if (look := _look(stage, number)))


def _record_fault(kind: str, *, rate: float, delay_s: float) -> dict[str, object]:
    return {"route": "records", "kind": kind, "rate": rate, "count": None, "delay_s": delay_s}


def _plan_late_upload(stage: Stage, number: int) -> None:
    """Some hours in which the strap is out of touch, at the end of which everything arrives at once."""
    plan = stage.plan
    rng, length = plan.draw("late", number), plan.ends_at - plan.starts_at
    if rng.random() >= plan.late * (length / timedelta(days=1)):
        return
    off_at = plan.starts_at + length * rng.random()
    on_at = off_at + HOUR * rng.uniform(1, 6)
    for at, event in ((off_at, "sync_off"), (on_at, "sync_on")):
        stage.world.course.plan_event(number, at_ms(at), event=event, wish={})


def _look(stage: Stage, number: int) -> Look | None:
    plan = stage.plan
    rng = plan.draw("returning", number)
    if plan.is_looked_at(number) or rng.random() >= plan.returning:
        return None
    begins, ends = WAKING
    home = stage.world.person(number).home
    local = rng.uniform(begins, ends)
    midnight = plan.measures_from - timedelta(minutes=home.offset_min(at_ms(plan.measures_from)))
    at = midnight + HOUR * local
    if at < plan.measures_from:
        at += timedelta(days=1)
    return Look(at.replace(microsecond=0), number)
