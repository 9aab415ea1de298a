"""What changed for members: asked for many at once, and answered only for those whom it concerns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from wearbase.store.connections import Connection
from wearbase.store.member.sessions import ENDED_AT
from wearbase.store.postgres.database import Tx, many, rows, run


@dataclass(frozen=True, slots=True)
class Standing:
    """How a member's connections stand; `mark` is a digest of it. `sources` is None for a member without any."""

    user_id: str
    mark: int
    sources: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class ChangedDay:
    """A day document as it is now."""

    user_id: str
    provider: str
    day: date
    revision: str


@dataclass(frozen=True, slots=True)
class Stored:
    """How many days of a source are stored."""

    user_id: str
    provider: str
    days: int


# Members are looked up by key, one after another: it costs the same whoever else is stored. Only those come back whose digest differs.
_STANDINGS = """
select k.user_id, hashtextextended(coalesce(n.sources::text, ''), 0) as mark, n.sources
  from unnest(%(users)s::text[], %(marks)s::bigint[]) as k(user_id, mark)
 cross join lateral (
       select json_agg(json_build_object(
                  'provider', c.provider, 'state', c.state, 'is_known', c.external_user_id is not null, 'changes', c.days_changes,
                  'drops', c.days_drops, 'days_there', c.copied_status -> 'days_stored',
                  'resources', case when c.copied_days is null then (
                      select json_agg(json_build_object(
                                 'name', s.resource, 'is_running', s.window_start is not null or s.priority = 0,
                                 'is_in_backfill', s.backfill_due_at is not null, 'error', s.error, 'calls', s.api_calls)
                                 order by s.resource)
                        from wearbase.sync_state s where s.user_id = c.user_id and s.provider = c.provider) else (
                      select json_agg(json_build_object(
                                 'name', r.key, 'is_running', coalesce(r.value ->> 'state' = 'running', false),
                                 'is_in_backfill', coalesce((r.value #>> '{backfill,is_running}')::boolean, false),
                                 'error', case when r.value ->> 'state' in ('failing', 'not_granted') then r.value ->> 'error' end,
                                 'calls', coalesce((r.value ->> 'api_calls')::int, 0)) order by r.key)
                        from jsonb_each(c.copied_status -> 'resources') r) end) order by c.provider) as sources
         from wearbase.connection c where c.user_id = k.user_id) n
 where k.mark is distinct from hashtextextended(coalesce(n.sources::text, ''), 0)
"""


async def standings(tx: Tx, known: Sequence[tuple[str, int | None]]) -> list[Standing]:
    """Of these members, those who no longer stand as the digest beside them says."""
    return await many(tx, Standing, _STANDINGS, {"users": [k[0] for k in known], "marks": [k[1] for k in known]})


async def changed_days(tx: Tx, since: Sequence[tuple[str, datetime]], *, most: int) -> list[ChangedDay]:
    """The day documents of each of these members that were written since then, at most so many of one.

    A copied document keeps the instant of its original: when it came here, the document of all sources tells.
    """
    users, instants = [user for user, _ in since], [at for _, at in since]
    return await many(
        tx,
        ChangedDay,
        """select d.user_id, d.provider, d.day, d.revision
             from unnest(%s::text[], %s::timestamptz[]) as k(user_id, since)
            cross join lateral (select user_id, provider, day, revision from wearbase.day_document d
                                 where d.user_id = k.user_id and d.updated_at >= k.since order by d.day desc limit %s) d
           union
           select d.user_id, d.provider, d.day, d.revision
             from unnest(%s::text[], %s::timestamptz[]) as k(user_id, since)
             join wearbase.connection c on c.user_id = k.user_id and c.copied_days is not null
            cross join lateral (select d.* from wearbase.health_document h
                                  join wearbase.day_document d on d.user_id = c.user_id and d.provider = c.provider and d.day = h.day
                                 where h.user_id = k.user_id and h.updated_at >= k.since order by h.day desc limit %s) d""",
        (users, instants, most, users, instants, most),
    )


async def stored_days(tx: Tx, users: Sequence[str]) -> list[Stored]:
    """How many days of each source these members have."""
    return await many(
        tx,
        Stored,
        """select k.user_id, d.provider, d.days from unnest(%s::text[]) as k(user_id)
            cross join lateral (select provider, count(*)::int as days from wearbase.day_document d
                                 where d.user_id = k.user_id group by provider) d""",
        (list(users),),
    )


async def live_sessions(tx: Tx, ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    """Those of these members' sessions that have not ended."""
    sql = f"select id from wearbase.member_session s where id = any(%s) and {ENDED_AT} is null and expires_at > %s"
    return {found["id"] for found in await rows(tx, sql, (list(ids), now))}


async def note(tx: Tx, connection: Connection, *, has_dropped: bool) -> None:
    """Notes that day documents of the connection changed, in the transaction that changed them; the connection's row is locked."""
    await run(
        tx,
        """update wearbase.connection set days_changes = days_changes + 1, days_drops = days_drops + %s
            where user_id = %s and provider = %s""",
        (int(has_dropped), connection.user_id, connection.provider),
    )
