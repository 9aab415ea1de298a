"""Carrying the trail away, line by line and each once: by a number that a line gets when it can no longer change."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from wearbase.store.audit.trail import AT_ONCE, ENTRY, Entry
from wearbase.store.postgres.database import Database, Tx, many, run

LEFT_TO_WRITERS = timedelta(seconds=10)  # after a minute's end, so that what its processes still have to write is counted in its lines


async def page(tx: Tx, *, after: int, now: datetime, limit: int) -> Sequence[Entry]:
    """The lines that come after that number, at most so many; the last one's number is where the next page begins.

    Lines of reads are among them once their minute is over. What is counted later for such a minute is a line of its own (`read_late`).
    """
    closed = (now - LEFT_TO_WRITERS).replace(second=0, microsecond=0)
    await run(tx, "select wearbase.number_audit(%s, %s)", (closed, limit))
    # What somebody else numbered meanwhile is there, too: numbers are given by one transaction after the other.
    return await many(tx, Entry, f"select {ENTRY} from wearbase.audit where number > %s order by number limit %s", (after, limit))


async def following(db: Database, *, after: int, now: datetime) -> AsyncIterator[Sequence[Entry]]:
    """All lines after that number, some at a time; no connection is held while somebody takes them."""
    while True:
        async with db.connection() as tx:
            found = await page(tx, after=after, now=now, limit=AT_ONCE)
        if not found:
            return
        yield found
        assert found[-1].number is not None
        after = found[-1].number


async def leap(tx: Tx, *, now: datetime) -> None:
    """After a restore: numbers that were given out since the copy was made are not given again, to other lines."""
    await run(tx, "update wearbase.audit_stand set numbered = greatest(numbered, %s)", (int(now.timestamp()) * 1_000_000,))
