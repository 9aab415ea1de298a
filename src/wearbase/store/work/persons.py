"""What persons may spend and what they have looked at: calls made for a member's persons, and looks that end an idle time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, row, run
from wearbase.store.work.due import Priority

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CALLS_AN_HOUR, CALLS_A_DAY = 40, 200


@dataclass(frozen=True, slots=True)
class Left:
    """Calls that a member's persons may still cause, and the seconds until there are as many as were wanted (0: now)."""

    calls: int
    retry_after_s: int


async def left(tx: Tx, user_id: str, provider: str, *, wanted: int = 1, now: datetime) -> Left:
    """What is left of the hour and of the day, each counted from its first call on."""
    found = await row(
        tx,
        """select person_hour, person_hour_calls, person_day, person_day_calls
             from wearbase.connection where user_id = %s and provider = %s""",
        (user_id, provider),
    )
    if found is None:
        return Left(0, 0)
    hour = _left(found["person_hour"], found["person_hour_calls"], length=HOUR, most=CALLS_AN_HOUR, now=now)
    day = _left(found["person_day"], found["person_day_calls"], length=DAY, most=CALLS_A_DAY, now=now)
    return Left(min(hour[0], day[0]), max((wait_s for calls, wait_s in (hour, day) if calls < wanted), default=0))


def _left(began: datetime | None, calls: int, *, length: timedelta, most: int, now: datetime) -> tuple[int, int]:
    """Calls left in a window, and the seconds until it ends."""
    if began is None or began + length <= now:
        return most, 0
    return max(0, most - calls), ceil((began + length - now).total_seconds())


async def count(tx: Tx, connection: Connection, calls: int, *, now: datetime) -> None:
    """Counts calls that were made for a person; the first one after a window's end begins the next."""
    await run(
        tx,
        """update wearbase.connection
              set person_hour = case when person_hour > %(hour)s then person_hour else %(now)s end,
                  person_hour_calls = case when person_hour > %(hour)s then person_hour_calls else 0 end + %(calls)s,
                  person_day = case when person_day > %(day)s then person_day else %(now)s end,
                  person_day_calls = case when person_day > %(day)s then person_day_calls else 0 end + %(calls)s
            where user_id = %(u)s and provider = %(p)s""",
        {"u": connection.user_id, "p": connection.provider, "calls": calls, "now": now, "hour": now - HOUR, "day": now - DAY},
    )


async def end_idleness(tx: Tx, user_id: str, provider: str, *, idle_before: datetime, now: datetime) -> bool:
    """Whether this look is the first since then at a member who is connected; if so, it is remembered."""
    return bool(
        await run(
            tx,
            """update wearbase.connection set looked_at = %s
                where user_id = %s and provider = %s and state = 'connected' and greatest(looked_at, connected_at) <= %s""",
            (now, user_id, provider, idle_before),
        )
    )


async def let_wait(tx: Tx, connection: Connection, resources: Sequence[str], *, until: datetime) -> None:
    """Puts what is due behind what persons wait for, and not before then."""
    await run(
        tx,
        """update wearbase.sync_state set due_at = %s, priority = %s
            where user_id = %s and provider = %s and resource = any(%s) and due_at is not null""",
        (until, int(Priority.TIMETABLE), connection.user_id, connection.provider, list(resources)),
    )
