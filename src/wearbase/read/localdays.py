"""A member's connection as the store has it, and the member's local days."""

from datetime import UTC, date, datetime, time, timedelta

from wearbase.domain.clock import Clock
from wearbase.domain.days import HALF_DAY, local_date
from wearbase.domain.windows import Window
from wearbase.store import connections
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Database
from wearbase.store.work import copies


async def connection(db: Database, user_id: str, provider: str) -> Connection | None:
    """The connection, whatever its state; None for a user never seen."""
    async with db.connection() as tx:
        return await connections.get(tx, user_id, provider)


async def copied_at(db: Database, user_id: str, provider: str) -> datetime | None:
    """When a copy of another wearbase's connection was last known to be as the original is; None if there is none."""
    async with db.connection() as tx:
        found = await copies.standing(tx, user_id, provider)
    return found.copied_at if found else None


async def today(db: Database, clock: Clock, user_id: str, provider: str) -> date:
    """The current date at the member's newest offset."""
    found = await connection(db, user_id, provider)
    return local_date(clock.now(), offset_min(found))


def offset_min(found: Connection | None) -> int:
    """The member's newest offset from UTC, 0 if none is known."""
    return (found.utc_offset_min if found else None) or 0


def midnight(day: date, utc_offset_min: int) -> datetime:
    """The instant at which a local day begins."""
    return datetime.combine(day, time.min, tzinfo=UTC) - timedelta(minutes=utc_offset_min)


def window_of_days(start: date, end: date, *, utc_offset_min: int, now: datetime) -> Window:
    """Where the records of local days lie: the first day's night began on the evening before. Raises ValueError for the future."""
    return Window(midnight(start, utc_offset_min) - HALF_DAY, min(midnight(end + timedelta(days=1), utc_offset_min), now))
