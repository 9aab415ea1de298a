"""What a day's calls went into, by ten minutes and reason: written with each call, kept for some weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wearbase.store.postgres.database import Tx, many, run


@dataclass(frozen=True, slots=True)
class Spent:
    """The calls of ten minutes."""

    slot: datetime
    calls: int


async def by_slot(tx: Tx, provider: str, app: str, days: Sequence[tuple[datetime, datetime]]) -> list[Spent]:
    """The calls within these stretches, in order; ten minutes without any are left out."""
    return await many(
        tx,
        Spent,
        """select s.slot, s.calls from unnest(%s::timestamptz[], %s::timestamptz[]) as d(start_at, end_at)
            cross join lateral (select slot, sum(calls)::int as calls from wearbase.call_slot
                                 where provider = %s and app = %s and slot >= d.start_at and slot < d.end_at group by slot) s
            order by s.slot""",
        ([start for start, _ in days], [end for _, end in days], provider, app),
    )


async def prune(tx: Tx, *, before: datetime) -> int:
    """Forgets what is older; how many rows that were."""
    return await run(tx, "delete from wearbase.call_slot where slot < %s", (before,))
