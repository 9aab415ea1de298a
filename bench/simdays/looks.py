"""A member comes back: the look itself, and when everything shown is current."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bench.simdays.compare import Gap, compare
from bench.simdays.plan import user_of
from bench.simdays.stage import Stage
from wearbase.read import localdays
from wearbase.sync import ask

PATIENCE = timedelta(minutes=10)
SINCE = timedelta(days=8)  # before the last visit to whoever was away, and so nothing may be missing in between


@dataclass
class Looked:
    """A look, and when the member's records were those of the provider."""

    number: int
    at: datetime
    was_current: bool
    current_at: datetime | None = None
    is_given_up: bool = False
    gaps: list[Gap] = field(default_factory=list)


async def look(stage: Stage, number: int) -> Looked:
    """What the API does when somebody reads the member's day: it is waited for, so that the worker is at it in the same instant."""
    user_id, engine = user_of(number), stage.engine
    looked = Looked(number, stage.now, not await _gaps(stage, number))
    day = await localdays.today(engine.db, engine.clock, user_id, "whoop")
    answer = await stage.reader.day(user_id, "whoop", day)
    ticket = await ask.wake(engine, user_id, "whoop")
    if ticket is None and not answer.has_document:
        await ask.missing_day(engine, user_id, "whoop", day)
    return looked


async def check(stage: Stage, looked: Looked) -> None:
    """Whether the member is current by now."""
    if looked.current_at or looked.is_given_up:
        return
    looked.gaps = await _gaps(stage, looked.number)
    if not looked.gaps:
        looked.current_at = stage.now
    elif stage.now - looked.at > PATIENCE:
        looked.is_given_up = True


async def _gaps(stage: Stage, number: int) -> list[Gap]:
    """What of the last days is not stored as the provider has it, the running values of the day included."""
    return (await compare(stage, [number], since=SINCE, is_exact=True)).gaps
