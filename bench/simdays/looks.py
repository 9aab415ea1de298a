"""A member comes back: the look itself, and when everything shown is current."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.simdays.compare import compare
from bench.simdays.plan import user_of
from bench.simdays.stage import Stage
from wearbase.store import connections
from wearbase.sync import ask

PATIENCE = timedelta(minutes=10)
SHOWN = timedelta(days=2)


@dataclass
class Looked:
    """A look, and when the member's records were those of the provider."""

    number: int
    at: datetime
    current_at: datetime | None = None
    is_given_up: bool = False


async def look(stage: Stage, number: int) -> Looked:
    """What the API does when somebody reads the member's day."""
    user_id, now = user_of(number), stage.now
    async with stage.engine.db.transaction() as tx:
        await connections.look_all(tx, [(user_id, "whoop")], now=now)
    offset = stage.world.person(number).home.offset_min(round(now.timestamp() * 1000))
    today = (now + timedelta(minutes=offset)).date()
    answer = await stage.reader.day(user_id, "whoop", today)
    if not answer.has_document:
        await ask.missing_day(stage.engine, user_id, "whoop", today)
    return Looked(number, now)


async def check(stage: Stage, looked: Looked) -> None:
    """Whether the member is current by now."""
    if looked.current_at or looked.is_given_up:
        return
    found = await compare(stage, [looked.number], since=SHOWN, is_exact=True)
    if not found.gaps:
        looked.current_at = stage.now
    elif stage.now - looked.at > PATIENCE:
        looked.is_given_up = True
