"""Day documents and the metrics for trends: written whole by the write path, read in one query."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from psycopg.types.multirange import Multirange

from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, many, one, rows, run, value


@dataclass(frozen=True, slots=True)
class Document:
    """One day's body without moving fields; its revision is a digest of the body."""

    day: date
    body: str
    revision: str
    has_lead: bool


@dataclass(frozen=True, slots=True)
class DayRow:
    """What one read needs: the document, if any, with the connection and sync state joined."""

    user_id: str
    day: date
    body: str | None
    revision: str | None
    has_lead: bool | None
    state: str | None
    utc_offset_min: int | None
    open_day: date | None
    looked_at: datetime | None  # or since when it is connected, if that is later
    resources: list[list[Any]] | None


def document(user_id: str, day: date, parts: Mapping[str, Any], *, has_lead: bool) -> Document:
    """The stored form of a day."""
    body = orjson.dumps({"user_id": user_id, "date": day.isoformat(), **parts}).decode()
    return Document(day, body, hashlib.blake2b(body.encode(), digest_size=9).hexdigest(), has_lead)


async def put(tx: Tx, connection: Connection, documents: Sequence[Document], *, now: datetime) -> set[date]:
    """Replaces the documents whose body changed; which days those are."""
    if not documents:
        return set()
    changed = await rows(
        tx,
        """insert into wearbase.day_document as d (user_id, provider, day, revision, body, has_lead, updated_at)
           select %s, %s, i.day, i.revision, i.body, i.has_lead, %s
             from unnest(%s::date[], %s::text[], %b::text[], %s::boolean[]) as i(day, revision, body, has_lead)
           on conflict (user_id, provider, day) do update
              set revision = excluded.revision, body = excluded.body, has_lead = excluded.has_lead, updated_at = excluded.updated_at
            where d.revision <> excluded.revision
           returning day""",
        (
            connection.user_id, connection.provider, now, [d.day for d in documents], [d.revision for d in documents],
            [d.body for d in documents], [d.has_lead for d in documents],
        ),
    )  # fmt: skip
    return {c["day"] for c in changed}


async def drop(tx: Tx, connection: Connection, days: Iterable[date]) -> int:
    """Removes the documents and metrics of days that have no record left; how many documents there were."""
    who = (connection.user_id, connection.provider, list(days))
    if not who[2]:
        return 0
    count = await run(tx, "delete from wearbase.day_document where user_id = %s and provider = %s and day = any(%s)", who)
    await run(tx, "delete from wearbase.metric where user_id = %s and provider = %s and day = any(%s)", who)
    return count


async def put_metrics(tx: Tx, connection: Connection, by_day: Mapping[date, Mapping[str, float]]) -> None:
    """Replaces all metrics of those days."""
    who = (connection.user_id, connection.provider)
    flat = [(day, name, number) for day, metrics in by_day.items() for name, number in metrics.items()]
    await run(
        tx,
        """delete from wearbase.metric where user_id = %s and provider = %s and day = any(%s)
              and (day, metric) not in (select * from unnest(%s::date[], %s::text[]))""",
        (*who, list(by_day), [f[0] for f in flat], [f[1] for f in flat]),
    )
    await run(
        tx,
        """insert into wearbase.metric as m (user_id, provider, day, metric, value)
           select %s, %s, * from unnest(%s::date[], %s::text[], %s::double precision[])
           on conflict (user_id, metric, day, provider) do update set value = excluded.value where m.value <> excluded.value""",
        (*who, [f[0] for f in flat], [f[1] for f in flat], [f[2] for f in flat]),
    )


# Each key is looked up by itself (`limit 1` keeps the planner from joining all members' rows while its statistics are old).
_SELECT_DAY = """
select k.user_id, k.day, d.body, d.revision, d.has_lead, c.state, c.utc_offset_min, c.open_day, c.looked_at,
       s.resources
  from {keys}
  left join lateral (
       select body, revision, has_lead from wearbase.day_document d
        where d.user_id = k.user_id and d.provider = %(provider)s and d.day = k.day limit 1) d on true
  left join lateral (
       select state, utc_offset_min, open_day, greatest(looked_at, connected_at) as looked_at from wearbase.connection c
        where c.user_id = k.user_id and c.provider = %(provider)s limit 1) c on true
  left join lateral (
       select json_agg(json_build_array(resource, last_success_at at time zone 'utc', due_at at time zone 'utc', error, priority,
                                         backfill_due_at is not null,
                                         case when waits_until = due_at then due_at at time zone 'utc' end)) as resources
         from wearbase.sync_state s where s.user_id = k.user_id and s.provider = %(provider)s) s on true
"""
_DAYS = _SELECT_DAY.format(keys="unnest(%(users)s::text[], %(days)s::date[]) as k(user_id, day)")


async def read(tx: Tx, provider: str, keys: Sequence[tuple[str, date]]) -> list[DayRow]:
    """The rows of many (user, day) keys, in one query."""
    return await many(tx, DayRow, _DAYS, {"provider": provider, "users": [k[0] for k in keys], "days": [k[1] for k in keys]})


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a member's stored history goes."""

    first_day: date | None
    history_from: datetime | None
    is_in_backfill: bool
    copied_days: Multirange[date] | None = None  # of a copy: those that were asked for


async def reach(tx: Tx, user_id: str, provider: str) -> Reach:
    """The earliest document, the earliest instant whose history is complete, and whether more is on its way."""
    found = await one(
        tx,
        Reach,
        """select coalesce((select first_day from wearbase.connection where user_id = %(u)s and provider = %(p)s),
                           (select min(day) from wearbase.day_document where user_id = %(u)s and provider = %(p)s)) as first_day,
                      (select copied_days from wearbase.connection where user_id = %(u)s and provider = %(p)s) as copied_days,
                      max(history_from) as history_from, coalesce(bool_or(backfill_end is not null), false) as is_in_backfill
                 from wearbase.sync_state where user_id = %(u)s and provider = %(p)s""",
        {"u": user_id, "p": provider},
    )
    assert found is not None
    return found


async def stored_count(tx: Tx, user_id: str, provider: str) -> int:
    """How many days have a document."""
    found = await value(tx, "select count(*) from wearbase.day_document where user_id = %s and provider = %s", (user_id, provider))
    return int(found or 0)


async def stored_by_resource(tx: Tx, user_id: str) -> dict[str, dict[str, int]]:
    """On how many days of a member there is a record, by source and resource."""
    found = await rows(
        tx,
        """select provider, resource, count(distinct day) as n from wearbase.record
            where user_id = %s and day is not null and deleted_at is null group by provider, resource""",
        (user_id,),
    )
    counts: dict[str, dict[str, int]] = {}
    for f in found:
        counts.setdefault(f["provider"], {})[f["resource"]] = f["n"]
    return counts
