"""What waits: resources due per connection, the claim of a visit, and the progress of its walks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from wearbase.domain.windows import Window
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, many, one, run, value
from wearbase.store.work.cause import CAUSE
from wearbase.store.work.chores import Chore


class Priority(IntEnum):
    """Who waits; the lowest number is served first."""

    PERSON = 0
    DELIVERY = 1
    TIMETABLE = 2
    BACKFILL = 3  # history, and members whom nobody looks at


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState:
    """Where one resource of one connection stands."""

    resource: str
    due_at: datetime | None
    reason: str | None
    priority: int | None
    slot: int | None
    marks: int
    served_marks: int
    asked_start: datetime | None
    asked_end: datetime | None
    watermark: datetime | None
    window_start: datetime | None
    window_end: datetime | None
    page_token: str | None
    window_is_asked: bool
    backfill_due_at: datetime | None
    backfill_start: datetime | None
    backfill_end: datetime | None
    backfill_token: str | None
    backfill_pages: int
    backfill_error: str | None
    backfill_attempts: int
    history_from: datetime | None
    covered_at: datetime | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    records_synced: int
    api_calls: int
    attempts: int
    pending_reads: int
    error: str | None
    waits_until: datetime | None  # holds while it is still the due time
    backfill_waits_until: datetime | None  # the same of the history
    cause: str | None = None  # the id of the request that marked it due last

    def waiting_until(self, *, now: datetime) -> datetime | None:
        """When calls are to be had again for what is due now; None if it does not wait for any."""
        return self.waits_until if self.waits_until == self.due_at and self.waits_until and self.waits_until > now else None

    def history_waiting_until(self, *, now: datetime) -> datetime | None:
        """The same of the history."""
        until = self.backfill_waits_until
        return until if until == self.backfill_due_at and until and until > now else None

    @property
    def open_window(self) -> Window | None:
        if self.window_start is None or self.window_end is None:
            return None
        return Window(self.window_start, self.window_end)

    @property
    def asked(self) -> Window | None:
        if self.asked_start is None or self.asked_end is None:
            return None
        return Window(self.asked_start, self.asked_end)

    @property
    def backfill(self) -> Window | None:
        if self.backfill_start is None or self.backfill_end is None:
            return None
        return Window(self.backfill_start, self.backfill_end)


_STATE = ", ".join(SyncState.__dataclass_fields__)


async def start(
    tx: Tx, connection: Connection, resources: Sequence[str], *, missing: Sequence[str], is_new_identity: bool, now: datetime
) -> None:
    """Makes a row per resource, due at once for the person who waits; another account starts from nothing.

    A resource whose scope is `missing` says so and is not due.
    """
    who = {"u": connection.user_id, "p": connection.provider}
    if is_new_identity:
        await run(tx, "delete from wearbase.sync_state where user_id = %(u)s and provider = %(p)s", who)
    await run(
        tx,
        """insert into wearbase.sync_state as s (user_id, provider, resource, due_at, reason, priority, marks, cause, error)
           select %(u)s, %(p)s, r, case when r = any(%(missing)s) then null else %(now)s::timestamptz end, 'connect', 0, 1, %(cause)s,
                  case when r = any(%(missing)s) then 'missing_scope' end
             from unnest(%(r)s::text[]) r
           on conflict (user_id, provider, resource) do update
              set due_at = excluded.due_at, reason = 'connect', priority = 0, slot = null, marks = s.marks + 1, cause = excluded.cause,
                  error = excluded.error,
                  attempts = 0, backfill_error = null, backfill_attempts = 0,
                  backfill_due_at = case when s.backfill_end is not null then excluded.due_at end""",
        {**who, "r": list(resources), "missing": list(missing), "cause": CAUSE.get(), "now": now},
    )


async def stop(tx: Tx, connection: Connection) -> None:
    """Nothing of an ended connection is due; its open walks are forgotten, what was reached is kept."""
    await run(
        tx,
        """update wearbase.sync_state set due_at = null, reason = null, priority = null, slot = null, backfill_due_at = null,
                  window_start = null, window_end = null, page_token = null, asked_start = null, asked_end = null
            where user_id = %s and provider = %s""",
        (connection.user_id, connection.provider),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Why, how urgently and when; `asked` is a range that a person named, read before the usual window."""

    reason: str
    priority: Priority
    due_at: datetime
    asked: Window | None = None


async def mark(tx: Tx, user_id: str, provider: str, resources: Sequence[str], wish: Mark) -> int:
    """Marks resources due; marking twice costs nothing. The more urgent reason stays. How many rows exist to mark."""
    return await run(
        tx,
        """update wearbase.sync_state s
              set reason = case when s.priority is null or %(prio)s < s.priority or s.due_at > %(due)s then %(reason)s else s.reason end,
                  cause = coalesce(%(cause)s, s.cause),
                  slot = case when s.priority is null or %(prio)s < s.priority or s.due_at > %(due)s then null else s.slot end,
                  priority = case when s.due_at > %(due)s then %(prio)s else least(coalesce(s.priority, %(prio)s), %(prio)s) end,
                  due_at = least(coalesce(s.due_at, %(due)s), %(due)s),
                  marks = s.marks + 1,
                  asked_start = least(coalesce(s.asked_start, %(a0)s), coalesce(%(a0)s, s.asked_start)),
                  asked_end = greatest(coalesce(s.asked_end, %(a1)s), coalesce(%(a1)s, s.asked_end))
             from wearbase.connection c
            where c.user_id = %(u)s and c.provider = %(p)s and c.state = 'connected'
              and s.user_id = c.user_id and s.provider = c.provider and s.resource = any(%(r)s)""",
        {
            "u": user_id, "p": provider, "r": list(resources), "reason": wish.reason, "prio": int(wish.priority), "due": wish.due_at,
            "cause": CAUSE.get(),
            "a0": wish.asked.start if wish.asked else None, "a1": wish.asked.end if wish.asked else None,
        },
    )  # fmt: skip


async def ask_backfill(tx: Tx, user_id: str, provider: str, resources: Sequence[str], *, window: Window, now: datetime) -> int:
    """Asks for history: the window is read after everything more urgent, widened if one is open already."""
    return await run(
        tx,
        """update wearbase.sync_state s
              set backfill_start = least(coalesce(s.backfill_start, %(a)s), %(a)s),
                  backfill_end = coalesce(s.backfill_end, least(%(b)s, s.history_from + interval '1 day'), %(b)s),
                  backfill_token = case when s.backfill_start <= %(a)s then s.backfill_token end,
                  backfill_pages = case when s.backfill_end is null then 0 else s.backfill_pages end,
                  backfill_due_at = coalesce(s.backfill_due_at, %(now)s)
            where s.user_id = %(u)s and s.provider = %(p)s and s.resource = any(%(r)s)
              and (s.history_from is null or s.history_from > %(a)s)
              and (s.backfill_start is null or s.backfill_start > %(a)s)""",
        {"u": user_id, "p": provider, "r": list(resources), "a": window.start, "b": window.end, "now": now},
    )


# Due rows are found by priority, each by its own stretch of the index: the cost does not grow with the number of members. Those
# of members under visit are passed over before the limit counts: else enough workers would hide from each other what else is due.
_FREE = "c.state = 'connected' and (c.lease_until is null or c.lease_until <= %(now)s)"
_CLAIM_VISIT = f"""
with due as (
    select x.user_id, x.provider, p.n as priority, x.due_at
      from (values (0), (1), (2), (3)) p(n)
     cross join lateral (select user_id, provider, s.due_at from wearbase.sync_state s join wearbase.connection c using (user_id, provider)
                          where s.priority = p.n and s.due_at <= %(now)s and {_FREE} order by s.due_at limit 50) x
    union all
    (select user_id, provider, 3, s.backfill_due_at from wearbase.sync_state s join wearbase.connection c using (user_id, provider)
      where s.backfill_due_at <= %(now)s and {_FREE} order by s.backfill_due_at limit 50)
    union all
    (select user_id, provider, 1, c.inbox_due_at from wearbase.connection c
      where c.inbox_due_at <= %(now)s and {_FREE} order by c.inbox_due_at limit 50)
), first as (
    select user_id, provider, priority, due_at from due order by priority, due_at limit 50
), chosen as (
    select c.user_id, c.provider, d.priority
      from first d join wearbase.connection c using (user_id, provider)
     where {_FREE}
     order by d.priority, d.due_at limit 1
       for update of c skip locked
)
update wearbase.connection c
   set lease_number = c.lease_number + 1, lease_holder = %(holder)s, lease_until = %(until)s
  from chosen
 where c.user_id = chosen.user_id and c.provider = chosen.provider
returning c.id, c.user_id, c.provider, c.generation, c.state, c.external_user_id, c.asked_scopes, c.scopes, c.utc_offset_min,
          c.open_day, c.lease_number, c.connected_at, c.ended_at, c.looked_at
"""


async def claim_visit(tx: Tx, *, holder: str, now: datetime, until: datetime) -> Connection | None:
    """The most urgent due connection that nobody visits, leased to the holder; None if there is none."""
    return await one(tx, Connection, _CLAIM_VISIT, {"holder": holder, "now": now, "until": until})


@dataclass(frozen=True, slots=True, order=True)
class Lease:
    """What a worker holds: a connection or a chore, by its id and the number of the claim."""

    table: str
    id: str
    number: int

    @classmethod
    def of(cls, held: Connection | Chore | None) -> "Lease":
        """The lease that a claim gave."""
        assert held is not None
        return cls("chore" if isinstance(held, Chore) else "connection", str(held.id), held.lease_number)


_KEYS = {"connection": "bigint", "chore": "uuid"}


async def renew(tx: Tx, leases: Sequence[Lease], *, holder: str, until: datetime) -> None:
    """Lengthens the leases that are still the holder's."""
    for lease in leases:
        await run(
            tx,
            f"""update wearbase.{lease.table} set lease_until = %s
                where id = %s::{_KEYS[lease.table]} and lease_number = %s and lease_holder = %s""",  # noqa: S608 fixed names
            (until, lease.id, lease.number, holder),
        )


async def await_retries(tx: Tx, connection: Connection, *, now: datetime) -> None:
    """Has a resource due again when a delivery of it is to be tried again, whatever its reads have set meanwhile."""
    await run(
        tx,
        """update wearbase.sync_state s set due_at = w.at, reason = 'delivery', priority = 1, slot = null
             from (select resource, min(next_attempt_at) as at from wearbase.delivery
                    where user_id = %(u)s and provider = %(p)s and state = 'open' and next_attempt_at > %(now)s group by resource) w
            where s.user_id = %(u)s and s.provider = %(p)s and s.resource = w.resource and w.at < s.due_at""",
        {"u": connection.user_id, "p": connection.provider, "now": now},
    )


async def remind(tx: Tx, provider: str, *, idle_before: datetime, left_before: datetime, now: datetime) -> int:
    """Has due what deliveries still wait for though nothing is due for them: their visit was broken off between its last page and
    them. How many resources that was.

    It looks at every open delivery. Those of the idle wait on purpose, and what fails or waits for calls has a time of its own.
    """
    return await run(
        tx,
        """update wearbase.sync_state s set due_at = greatest(w.at, %(now)s), reason = 'delivery', priority = 1, slot = null,
                  marks = s.marks + 1
             from (select d.user_id, d.resource, min(coalesce(d.next_attempt_at, d.received_at)) as at
                     from wearbase.delivery d join wearbase.connection c on c.user_id = d.user_id and c.provider = d.provider
                    where d.provider = %(p)s and d.state = 'open' and d.received_at < %(left_before)s and c.state = 'connected'
                      and greatest(c.looked_at, c.connected_at) > %(idle_before)s
                      and (c.lease_until is null or c.lease_until <= %(now)s)
                    group by d.user_id, d.resource) w
            where s.user_id = w.user_id and s.provider = %(p)s and s.resource = w.resource and s.error is null
              and s.due_at > greatest(w.at, %(now)s) and s.waits_until is distinct from s.due_at""",
        {"p": provider, "idle_before": idle_before, "left_before": left_before, "now": now},
    )


async def release_dead(tx: Tx, *, holder: str | None = None) -> None:
    """Gives back all that this holder has; whoever holds it, if the caller is known to be the only one on the database."""
    for table in ("connection", "chore"):
        await run(
            tx,
            f"""update wearbase.{table} set lease_holder = null, lease_until = null
                where lease_holder is not null and (lease_holder = %(holder)s or %(holder)s::text is null)""",  # noqa: S608 two fixed names
            {"holder": holder},
        )


async def release(tx: Tx, connection: Connection) -> None:
    """Gives the lease back, with the newest success noted where all connections can be counted by it."""
    await run(
        tx,
        """update wearbase.connection c set lease_holder = null, lease_until = null,
                  fresh_at = (select max(last_success_at) from wearbase.sync_state s
                               where s.user_id = c.user_id and s.provider = c.provider)
            where user_id = %s and provider = %s and lease_number = %s""",
        (connection.user_id, connection.provider, connection.lease_number),
    )


async def states(tx: Tx, user_id: str, provider: str) -> list[SyncState]:
    """Every resource's state, by name."""
    return await many(
        tx,
        SyncState,
        f"select {_STATE} from wearbase.sync_state where user_id = %s and provider = %s order by resource",
        (user_id, provider),
    )


async def resume(tx: Tx, provider: str, *, now: datetime) -> int:
    """Has everything that waits for calls due now; how many resources that was."""
    return await run(
        tx,
        """update wearbase.sync_state
              set due_at = case when waits_until = due_at then least(due_at, %(now)s) else due_at end,
                  backfill_due_at = case when backfill_waits_until = backfill_due_at then least(backfill_due_at, %(now)s)
                                         else backfill_due_at end
            where provider = %(p)s and ((waits_until = due_at and due_at > %(now)s)
                                        or (backfill_waits_until = backfill_due_at and backfill_due_at > %(now)s))""",
        {"p": provider, "now": now},
    )


async def next_due(tx: Tx) -> datetime | None:
    """The earliest instant at which anything is due, whoever holds it."""
    return await value(
        tx,
        """select min(t) from (
               (select min(x.due_at) as t from (values (0), (1), (2), (3)) p(n) cross join lateral
                   (select due_at from wearbase.sync_state where priority = p.n and due_at is not null order by due_at limit 1) x)
               union all (select backfill_due_at from wearbase.sync_state where backfill_due_at is not null
                           order by backfill_due_at limit 1)
               union all (select min(inbox_due_at) from wearbase.connection where inbox_due_at is not null)) w""",
    )
