"""What goes wrong: resources that fail, records that could not be mapped, connections that ended by themselves. Bounded lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, many, one, row, run, value

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Failing:
    """A resource whose last read failed; it is tried again by itself."""

    user_id: str
    provider: str
    resource: str
    error: str
    tries: int
    last_attempt_at: datetime | None
    next_at: datetime | None
    watermark: datetime | None
    is_history: bool


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that waits for a person; without its payload."""

    id: int
    user_id: str
    provider: str
    resource: str
    external_id: str
    reason: str
    tries: int
    parked_at: datetime


@dataclass(frozen=True, slots=True)
class ParkedDelivery:
    """A delivery that could not be understood; without its body."""

    id: int
    user_id: str
    provider: str
    event_type: str | None
    external_id: str | None
    reason: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ParkedCount:
    """How many deliveries of one source are parked for one reason."""

    provider: str
    reason: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A connection that the member has to make again."""

    user_id: str
    provider: str
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are of each, counted to MOST_COUNTED."""

    failing: int
    parked: int
    broken: int


_IS_FAILING = "s.error is not null and (s.attempts > 0 or s.error = 'missing_scope')"


async def failing(tx: Tx, *, limit: int) -> list[Failing]:
    """The newest failures of live connections."""
    return await many(
        tx,
        Failing,
        f"""select s.user_id, s.provider, s.resource, s.error, s.attempts as tries, s.last_attempt_at,
                   least(s.due_at, s.backfill_due_at) as next_at, s.watermark,
                   coalesce(s.backfill_due_at <= s.due_at, false) as is_history
              from wearbase.sync_state s join wearbase.connection c using (user_id, provider)
             where {_IS_FAILING} and c.state = 'connected' order by s.last_attempt_at desc limit %s""",
        (limit,),
    )


_PARKED = "id, user_id, provider, resource, external_id, reason, tries, parked_at"


async def parked(tx: Tx, *, limit: int) -> list[Parked]:
    """The newest parked records."""
    return await many(tx, Parked, f"select {_PARKED} from wearbase.parked_record order by parked_at desc, id limit %s", (limit,))


async def parked_one(tx: Tx, parked_id: int) -> dict[str, Any] | None:
    """One parked record with its payload."""
    return await row(tx, f"select {_PARKED}, raw from wearbase.parked_record where id = %s", (parked_id,))


NOBODYS = ("unknown_member", "unknown_type", "disconnected")  # reasons for which a delivery waits for nobody
# Nothing finds what is parked but the time of its arrival: the newest are gone through, and how far back that is, is told.
_LOOKED = "(select * from wearbase.delivery order by received_at desc limit %(looked)s) d"


async def parked_deliveries(tx: Tx, *, looked: int, limit: int) -> list[ParkedDelivery]:
    """The newest deliveries that wait for a person, among so many of all."""
    return await many(
        tx,
        ParkedDelivery,
        f"""select id, user_id, provider, event_type, external_id, reason, received_at from {_LOOKED}
             where state = 'parked' and reason <> all (%(nobodys)s) order by received_at desc, id limit %(limit)s""",
        {"looked": looked, "nobodys": list(NOBODYS), "limit": limit},
    )


async def parked_reasons(tx: Tx, *, looked: int) -> tuple[list[ParkedCount], datetime | None]:
    """How many are parked and why, the most first, among so many of all; and when the oldest of these came."""
    counts = await many(
        tx,
        ParkedCount,
        f"""select provider, reason, count(*)::int as count from {_LOOKED} where state = 'parked'
             group by provider, reason order by count desc, provider, reason""",
        {"looked": looked},
    )
    return counts, await value(tx, f"select min(received_at) from {_LOOKED}", {"looked": looked})


async def broken(tx: Tx, *, limit: int) -> list[Broken]:
    """Connections whose grant has ended, the newest first."""
    return await many(
        tx,
        Broken,
        """select user_id, provider, ended_at from wearbase.connection
            where state = 'needs_reauthorization' order by ended_at desc limit %s""",
        (limit,),
    )


async def counts(tx: Tx) -> Counts:
    """How many of each."""
    found = await one(
        tx,
        Counts,
        f"""select (select count(*)::int from (select from wearbase.sync_state s join wearbase.connection c using (user_id, provider)
                     where {_IS_FAILING} and c.state = 'connected' limit %(most)s) f) as failing,
                   (select count(*)::int from (select from wearbase.parked_record limit %(most)s) p) as parked,
                   (select count(*)::int from (select from wearbase.connection
                     where state = 'needs_reauthorization' limit %(most)s) b) as broken""",
        {"most": MOST_COUNTED},
    )
    assert found is not None
    return found


async def bring_forward(tx: Tx, keys: Sequence[tuple[str, str, str]] | None, *, now: datetime, limit: int) -> int:
    """Has failing resources due now, for the reason for which they were due; all of them, at most so many, without `keys`."""
    given = {"now": now, "limit": limit, "all": keys is None}
    for place, name in enumerate(("users", "providers", "resources")):
        given[name] = [key[place] for key in keys or ()]
    return await run(
        tx,
        f"""with chosen as (
               select s.user_id, s.provider, s.resource from wearbase.sync_state s join wearbase.connection c using (user_id, provider)
                where {_IS_FAILING} and c.state = 'connected'
                  and (%(all)s or (s.user_id, s.provider, s.resource) in
                       (select * from unnest(%(users)s::text[], %(providers)s::text[], %(resources)s::text[])))
                order by s.user_id, s.provider, s.resource limit %(limit)s for update of s)
            update wearbase.sync_state s
               set due_at = case when s.due_at > %(now)s then %(now)s else s.due_at end,
                   backfill_due_at = case when s.backfill_due_at > %(now)s then %(now)s else s.backfill_due_at end
              from chosen k where s.user_id = k.user_id and s.provider = k.provider and s.resource = k.resource""",
        given,
    )


async def still_parked(tx: Tx, parked_id: int, *, reason: str) -> None:
    """Notes that the record was tried again, and why it still waits."""
    await run(tx, "update wearbase.parked_record set tries = tries + 1, reason = %s where id = %s", (reason, parked_id))


async def unpark(tx: Tx, connection: Connection, parked_id: int) -> None:
    """The record is stored under the id that it has now: it waits no more."""
    await run(
        tx,
        "delete from wearbase.parked_record where id = %s and user_id = %s and provider = %s",
        (parked_id, connection.user_id, connection.provider),
    )
