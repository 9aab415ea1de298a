"""Chores that wait with a due time, and the workers' heartbeats."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from wearbase.store.postgres.database import Tx, as_jsonb, many, one, run, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """One piece of work that is not a visit."""

    id: UUID
    user_id: str
    kind: str
    payload: dict[str, Any]
    sealed: bytes | None = field(repr=False)
    attempts: int
    created_at: datetime
    lease_number: int


_CHORE = "c.id, c.user_id, c.kind, c.payload, c.sealed, c.attempts, c.created_at, c.lease_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChore:
    """A chore to be put in the queue."""

    id: UUID
    kind: str
    due_at: datetime
    priority: int
    payload: dict[str, Any] = field(default_factory=dict)
    sealed: bytes | None = field(default=None, repr=False)


async def add(tx: Tx, chore: NewChore, *, now: datetime) -> None:
    """Puts a chore in the queue; one that is there already stays as it is."""
    await run(
        tx,
        """insert into wearbase.chore (id, kind, payload, sealed, due_at, priority, created_at) values (%s, %s, %s::jsonb, %s, %s, %s, %s)
           on conflict (id) do nothing""",
        (chore.id, chore.kind, as_jsonb(chore.payload), chore.sealed, chore.due_at, chore.priority, now),
    )


async def claim(tx: Tx, *, holder: str, now: datetime, until: datetime) -> Chore | None:
    """The most urgent due chore that nobody holds, leased."""
    return await one(
        tx,
        Chore,
        f"""update wearbase.chore c set lease_number = lease_number + 1, lease_holder = %(holder)s, lease_until = %(until)s
                  from (select id from wearbase.chore where due_at <= %(now)s and (lease_until is null or lease_until <= %(now)s)
                         order by priority, due_at limit 1 for update skip locked) chosen
                 where c.id = chosen.id returning {_CHORE}""",  # noqa: S608 fixed texts only
        {"holder": holder, "now": now, "until": until},
    )


async def done(tx: Tx, chore: Chore) -> None:
    """Takes a finished chore out of the queue."""
    await run(tx, "delete from wearbase.chore where id = %s and lease_number = %s", (chore.id, chore.lease_number))


async def again(tx: Tx, chore: Chore, *, at: datetime, error: str | None = None) -> None:
    """Puts a chore back for later. `attempts` are those in a row that ended with an error."""
    await run(
        tx,
        """update wearbase.chore set due_at = %(at)s, error = %(error)s, lease_holder = null, lease_until = null,
                  attempts = case when %(error)s::text is null then 0 else attempts + 1 end
            where id = %(id)s and lease_number = %(number)s""",
        {"at": at, "error": error, "id": chore.id, "number": chore.lease_number},
    )


async def reseal(tx: Tx, chore: Chore, sealed: bytes) -> None:
    """Keeps newer secrets of a chore before they are used."""
    await run(tx, "update wearbase.chore set sealed = %s where id = %s and lease_number = %s", (sealed, chore.id, chore.lease_number))


async def drop(tx: Tx, kind: str, *, members: list[str]) -> None:
    """Takes a member's chores of a kind out of the queue, by any of the names that they may have been given."""
    await run(tx, "delete from wearbase.chore where kind = %s and payload->>'member' = any(%s)", (kind, members))


async def hasten(tx: Tx, kind: str, *, at: datetime) -> None:
    """Has the chores of a kind done by then."""
    await run(tx, "update wearbase.chore set due_at = least(due_at, %s) where kind = %s", (at, kind))


async def is_waiting(tx: Tx, chore_id: UUID) -> bool:
    """Whether the chore is still to do."""
    return bool(await value(tx, "select true from wearbase.chore where id = %s", (chore_id,)))


async def is_waiting_for(tx: Tx, kind: str, *, member: str) -> bool:
    """Whether a chore of that kind is still to do for a member."""
    return bool(await value(tx, "select true from wearbase.chore where kind = %s and payload->>'member' = %s limit 1", (kind, member)))


async def of_member(tx: Tx, kind: str, *, member: str) -> list[Chore]:
    """A member's chores of a kind, whoever holds them."""
    return await many(tx, Chore, f"select {_CHORE} from wearbase.chore c where kind = %s and payload->>'member' = %s", (kind, member))


async def finish(tx: Tx, chore_id: UUID) -> None:
    """Takes a chore out of the queue that was done at once."""
    await run(tx, "delete from wearbase.chore where id = %s", (chore_id,))


async def next_due(tx: Tx) -> datetime | None:
    """The earliest due time of any chore."""
    return await value(tx, "select min(due_at) from wearbase.chore")


async def beat(tx: Tx, worker_id: str, *, holds: Sequence[str] = (), now: datetime) -> None:
    """A worker's sign of life, and what it holds: `connection:<id>` and `chore:<id>`."""
    await run(
        tx,
        """insert into wearbase.worker (id, started_at, heartbeat_at, holds) values (%s, %s, %s, %s)
           on conflict (id) do update set heartbeat_at = excluded.heartbeat_at, holds = excluded.holds""",
        (worker_id, now, now, list(holds)),
    )


async def retire(tx: Tx, worker_id: str) -> None:
    """A worker that stops says so."""
    await run(tx, "delete from wearbase.worker where id = %s", (worker_id,))


async def has_worker(tx: Tx, *, since: datetime) -> bool:
    """Whether any worker has shown a sign of life since then."""
    return bool(await value(tx, "select true from wearbase.worker where heartbeat_at >= %s limit 1", (since,)))


async def forget_dead_workers(tx: Tx, *, before: datetime) -> None:
    """Forgets workers that have shown no sign of life since then and could not sign off."""
    await run(tx, "delete from wearbase.worker where heartbeat_at < %s", (before,))
