"""A member comes back: the look itself, and when everything shown is current."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.simdays.compare import compare
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


async def look(stage: Stage, number: int) -> Looked:
    """What the API does when somebody reads the member's day: it is waited for, so that the worker is at it in the same instant."""
    user_id, engine = user_of(number), stage.engine
    looked = Looked(number, stage.now, await _is_current(stage, number))
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
    if await _is_current(stage, looked.number):
        looked.current_at = stage.now
    elif stage.now - looked.at > PATIENCE:
        looked.is_given_up = True


async def _is_current(stage: Stage, number: int) -> bool:
    """Whether what is stored of the last days equals what the provider has, the running values of the day too."""
    return not (await compare(stage, [number], since=SINCE, is_exact=True)).gaps
