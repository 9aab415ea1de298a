"""Records for reading: by place in time, or by id."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from wearbase.domain.windows import Window
from wearbase.store.postgres.database import Tx, many, one


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """One live record, in both shapes."""

    external_id: str
    placed_at: datetime | None
    day: date | None
    mapped: dict[str, Any]
    raw: dict[str, Any]


_COLUMNS = "external_id, placed_at, day, mapped, raw"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which part of a list: a window in time, the place after which to begin, and how many."""

    window: Window | None
    after: tuple[datetime | None, str] | None
    limit: int


async def records(tx: Tx, user_id: str, provider: str, resource: str, stretch: Stretch) -> list[ReadRecord]:
    """Live records that stand in the window, newest first; those that have no place yet come last."""
    return await many(
        tx,
        ReadRecord,
        f"""select external_id, nullif(place, '-infinity') as placed_at, day, mapped, raw
                  from (select {_COLUMNS}, coalesce(placed_at, '-infinity') as place from wearbase.record
                         where user_id = %(u)s and provider = %(p)s and resource = %(r)s and deleted_at is null) live
                 where (%(start)s::timestamptz is null or place >= %(start)s) and (%(end)s::timestamptz is null or place < %(end)s)
                   and (%(after)s::text is null
                        or (place, external_id) < (coalesce(%(at)s::timestamptz, '-infinity'), %(after)s))
                 order by place desc, external_id desc limit %(limit)s""",
        {
            "u": user_id, "p": provider, "r": resource, "limit": stretch.limit,
            "start": stretch.window.start if stretch.window else None, "end": stretch.window.end if stretch.window else None,
            "at": stretch.after[0] if stretch.after else None, "after": stretch.after[1] if stretch.after else None,
        },
    )  # fmt: skip


async def record(tx: Tx, user_id: str, provider: str, resource: str, external_id: str) -> ReadRecord | None:
    """One live record."""
    return await one(
        tx,
        ReadRecord,
        f"""select {_COLUMNS} from wearbase.record
                 where user_id = %s and provider = %s and resource = %s and external_id = %s and deleted_at is null""",
        (user_id, provider, resource, external_id),
    )
