"""What is older than its source's days are kept: whose it is, and taking it away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, rows, run
from wearbase.store.watching import changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The first day that is kept, its beginning, and since when a record without a day may wait for one."""

    day: date
    at: datetime
    undated_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """Members with something too old, and after whom to go on; empty after the last."""

    users: Sequence[str]
    next: str


async def members(tx: Tx, provider: str, limit: Limit, *, after: str, looked_at: int, most: int) -> Found:
    """Those among the next so many members of a source that have a day, a record or a parked one older than the limit."""
    found = await rows(
        tx,
        """select k.user_id,
                  exists (select from wearbase.day_document d where d.user_id = k.user_id and d.provider = %(p)s and d.day < %(day)s)
               or exists (select from wearbase.record r where r.user_id = k.user_id and r.provider = %(p)s
                             and (r.day < %(day)s or (r.day is null and r.stored_at < %(undated)s)))
               or exists (select from wearbase.parked_record r where r.user_id = k.user_id and r.provider = %(p)s and r.parked_at < %(at)s)
                  as is_old
             from (select user_id from wearbase.connection where provider = %(p)s and user_id > %(after)s
                    order by user_id limit %(looked)s) k
            order by k.user_id""",
        {"p": provider, "after": after, "looked": looked_at, "day": limit.day, "at": limit.at, "undated": limit.undated_at},
    )
    old = [row["user_id"] for row in found if row["is_old"]]
    if len(old) > most:
        return Found(old[:most], old[most - 1])
    return Found(old, found[-1]["user_id"] if len(found) == looked_at else "")


async def take_away(tx: Tx, connection: Connection, limit: Limit, *, most_days: int) -> list[date]:
    """Takes away a member's oldest days that are kept no longer, at most so many; which days those were.

    With the last of them goes what has no day: deleted or undated records, and parked ones.
    """
    who = {"u": connection.user_id, "p": connection.provider, "day": limit.day, "at": limit.at, "undated": limit.undated_at}
    found = await rows(
        tx,
        """select day from (
               select day from wearbase.day_document where user_id = %(u)s and provider = %(p)s and day < %(day)s
               union select day from wearbase.record where user_id = %(u)s and provider = %(p)s and day < %(day)s
               union select day from wearbase.metric where user_id = %(u)s and provider = %(p)s and day < %(day)s) d
            order by day limit %(most)s""",
        {**who, "most": most_days},
    )
    days = [row["day"] for row in found]
    given = {**who, "days": days}
    of_days = "where user_id = %(u)s and provider = %(p)s and day = any(%(days)s)"
    for table in ("record", "day_document", "metric"):
        await run(tx, f"delete from wearbase.{table} {of_days}", given)  # noqa: S608 fixed names only
    if len(days) < most_days:
        await run(
            tx, "delete from wearbase.record where user_id = %(u)s and provider = %(p)s and day is null and stored_at < %(undated)s", who
        )
        await run(tx, "delete from wearbase.parked_record where user_id = %(u)s and provider = %(p)s and parked_at < %(at)s", who)
    if days:
        await changes.note(tx, connection, has_dropped=True)
    return days
