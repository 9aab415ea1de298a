"""Open deliveries that carry their records: which members' are to be stored, and the bodies in the order of their arrival."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, many, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One open delivery and what it said."""

    id: int
    body: bytes = field(repr=False)


async def begin(tx: Tx, connection: Connection, *, again_at: datetime) -> bool:
    """Whether deliveries are said to wait. They are due again then, unless `end` is reached: a worker may die before."""
    sql = "update wearbase.connection set inbox_due_at = %s where user_id = %s and provider = %s and inbox_due_at is not null"
    return bool(await run(tx, sql, (again_at, connection.user_id, connection.provider)))


async def end(tx: Tx, connection: Connection, *, began_with: datetime, more_at: datetime | None) -> None:
    """Nothing waits, or more does at `more_at`. What has come since `begin` has said so with a time of its own, which stays."""
    await run(
        tx,
        "update wearbase.connection set inbox_due_at = %s where user_id = %s and provider = %s and inbox_due_at = %s",
        (more_at, connection.user_id, connection.provider, began_with),
    )


async def payloads(tx: Tx, connection: Connection, *, most: int) -> list[Payload]:
    """The oldest open deliveries of a connection, with their bodies."""
    return await many(
        tx,
        Payload,
        """select id, body from wearbase.delivery where user_id = %s and provider = %s and state = 'open'
            order by received_at, id limit %s""",
        (connection.user_id, connection.provider, most),
    )


async def park(tx: Tx, connection: Connection, reasons: dict[int, str], *, now: datetime) -> None:
    """Keeps deliveries for a person to look at, each with its reason; they are not tried again."""
    if not reasons:
        return
    await run(
        tx,
        """update wearbase.delivery d set state = 'parked', reason = i.reason, settled_at = %s
             from unnest(%s::bigint[], %s::text[]) as i(id, reason)
            where d.user_id = %s and d.id = i.id and d.state = 'open'""",
        (now, list(reasons), list(reasons.values()), connection.user_id),
    )


async def count_stored(tx: Tx, connection: Connection, counts: Sequence[tuple[str, int]]) -> None:
    """Counts records that no call has brought."""
    await run(
        tx,
        """update wearbase.sync_state s set records_synced = s.records_synced + i.stored
             from unnest(%s::text[], %s::int[]) as i(resource, stored)
            where s.user_id = %s and s.provider = %s and s.resource = i.resource""",
        ([name for name, _ in counts], [stored for _, stored in counts], connection.user_id, connection.provider),
    )
