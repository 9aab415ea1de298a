"""The inbox: what providers sent, until it is settled."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, many, rows, run
from wearbase.store.work.cause import CAUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One notice of a verified delivery, as it is remembered."""

    provider: str
    external_user_id: str
    member_hash: bytes
    event_type: str
    resource: str | None
    action: str
    external_id: str
    is_by_parent: bool
    trace_id: str
    sent_at: datetime
    body: bytes
    reason: str | None = None  # why it cannot be understood
    cause: str | None = field(default_factory=CAUSE.get)  # the id of the request that brought it

    @property
    def dedup_key(self) -> bytes:
        """The same for every repetition of this notice."""
        trace = self.trace_id or self.sent_at.isoformat()  # without a trace, only the same signed instant is a repetition
        parts = "\x00".join((self.external_user_id, self.event_type, self.external_id, trace))
        return hashlib.blake2b(parts.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDelivery:
    """A notice whose record is not settled yet."""

    id: int
    resource: str
    action: str
    external_id: str
    is_by_parent: bool
    sent_at: datetime
    received_at: datetime
    attempts: int
    is_known: bool  # its record is stored, deleted or not
    placed_at: datetime | None  # where the stored record lies
    cause: str | None = None  # the id of the request that brought it


# One statement for a whole batch: remember each notice once (a known member's with its body, an unknown's without),
# and mark what it concerns as due.
_KEPT = """
with incoming as (
    select * from unnest(%(externals)b::text[], %(hashes)b::bytea[], %(types)b::text[], %(resources)b::text[], %(actions)b::text[],
                         %(ids)b::text[], %(parents)b::boolean[], %(sent)b::timestamptz[], %(bodies)b::bytea[], %(keys)b::bytea[],
                         %(reasons)b::text[], %(causes)b::text[])
        as i(external_user_id, member_hash, event_type, resource, action, external_id, is_by_parent, sent_at, body, dedup_key, reason,
             cause)
), known as (
    select i.*, c.user_id from incoming i
      left join wearbase.connection c
        on c.provider = %(provider)s and c.external_user_id = i.external_user_id and c.state <> 'disconnected'
), kept as (
    insert into wearbase.delivery (user_id, provider, dedup_key, member_hash, event_type, resource, action, external_id, is_by_parent,
                                   sent_at, received_at, state, reason, body, cause)
    select coalesce(user_id, ''), %(provider)s, dedup_key, case when user_id is null then member_hash end, event_type, resource, action,
           case when user_id is not null then external_id end, is_by_parent, sent_at, %(now)s,
           case when user_id is null or resource is null then 'parked' else 'open' end,
           case when user_id is null then 'unknown_member' when resource is null then coalesce(reason, 'unknown_type') end,
           case when user_id is not null then body end, cause
      from known
        on conflict (user_id, provider, dedup_key) do nothing
    returning user_id, resource
), """
_MARK_RESOURCES = f"""{_KEPT} touched as (
    select s.user_id, s.resource from wearbase.sync_state s
      join (select distinct user_id, resource from kept where user_id <> '') m using (user_id, resource)
      join wearbase.connection c on c.user_id = s.user_id and c.provider = s.provider
     where s.provider = %(provider)s and c.state = 'connected'
       and greatest(c.looked_at, c.connected_at) > %(idle_before)s  -- an idle member's deliveries wait for the next visit or look
     order by s.user_id, s.resource for update of s  -- in one order, so that two batches cannot wait for each other
)
update wearbase.sync_state s
   set reason = case when s.priority is null or s.priority > 1 or s.due_at > %(due)s then 'delivery' else s.reason end,
       slot = case when s.priority is null or s.priority > 1 or s.due_at > %(due)s then null else s.slot end,
       priority = case when s.due_at > %(due)s then 1 else least(coalesce(s.priority, 1), 1) end,
       due_at = least(coalesce(s.due_at, %(due)s), %(due)s), marks = s.marks + 1
  from touched t
 where s.user_id = t.user_id and s.provider = %(provider)s and s.resource = t.resource
"""
# Deliveries that carry their records need no call: everybody's are stored, and what is due to be read stays as it is. The row is
# locked even where it says so already: else a visit that ends at this moment would not see these, and would take the mark away.
_MARK_INBOX = f"""{_KEPT} touched as (
    select c.id, c.inbox_due_at from wearbase.connection c
      join (select distinct user_id from kept where user_id <> '' and resource is not null) m using (user_id)
     where c.provider = %(provider)s and c.state = 'connected'
     order by c.user_id for update of c
)
update wearbase.connection c set inbox_due_at = %(due)s
  from touched t where c.id = t.id and (t.inbox_due_at is null or t.inbox_due_at > %(due)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """How a batch marks what is due, and whose notices wait until somebody looks."""

    due_at: datetime
    idle_before: datetime
    has_payloads: bool = False


async def remember(tx: Tx, provider: str, batch: Sequence[Incoming], *, marking: Marking, now: datetime) -> None:
    """Keeps a batch of notices and marks due what they concern. A repetition changes nothing.

    Members at whom nobody has looked since `idle_before` are not marked where a notice has to be followed by a call: theirs stay
    open until they are visited.
    """
    once = {(i.external_user_id, i.dedup_key): i for i in batch}.values()
    given = {
        "provider": provider, "now": now, "due": marking.due_at,
        "externals": [i.external_user_id for i in once], "hashes": [i.member_hash for i in once],
        "types": [i.event_type for i in once], "resources": [i.resource for i in once], "actions": [i.action for i in once],
        "ids": [i.external_id for i in once], "parents": [i.is_by_parent for i in once], "sent": [i.sent_at for i in once],
        "bodies": [i.body for i in once], "keys": [i.dedup_key for i in once], "reasons": [i.reason for i in once],
        "causes": [i.cause for i in once],
    }  # fmt: skip
    if marking.has_payloads:
        await run(tx, _MARK_INBOX, given)
    else:
        await run(tx, _MARK_RESOURCES, {**given, "idle_before": marking.idle_before})


async def open_ones(tx: Tx, connection: Connection, *, now: datetime) -> list[OpenDelivery]:
    """The notices of a connection that may be settled now, oldest first."""
    return await many(
        tx,
        OpenDelivery,
        """select d.id, d.resource, d.action, d.external_id, d.is_by_parent, d.sent_at, d.received_at, d.attempts,
                  r.user_id is not null as is_known, r.placed_at, d.cause
             from wearbase.delivery d
             left join lateral (
                  select user_id, placed_at from wearbase.record r
                   where not d.is_by_parent and r.user_id = d.user_id and r.provider = d.provider and r.resource = d.resource
                     and r.external_id = d.external_id
                  union all
                  select user_id, placed_at from wearbase.record r
                   where d.is_by_parent and r.user_id = d.user_id and r.provider = d.provider and r.resource = d.resource
                     and r.parent_id = d.external_id limit 1) r on true
            where d.user_id = %s and d.provider = %s and d.state = 'open' and (d.next_attempt_at is null or d.next_attempt_at <= %s)
            order by d.received_at, d.id limit 500""",
        (connection.user_id, connection.provider, now),
    )


async def settle(tx: Tx, connection: Connection, ids: Sequence[int], *, reason: str | None, now: datetime) -> None:
    """Their records are stored, or known to be gone."""
    await run(
        tx,
        """update wearbase.delivery set state = 'settled', settled_at = %s, reason = %s
            where user_id = %s and id = any(%s) and state = 'open'""",
        (now, reason, connection.user_id, list(ids)),
    )


async def retry(tx: Tx, connection: Connection, ids: Sequence[int], *, at: datetime, reason: str) -> None:
    """Asks again later."""
    await run(
        tx,
        """update wearbase.delivery set attempts = attempts + 1, next_attempt_at = %s, reason = %s
            where user_id = %s and id = any(%s) and state = 'open'""",
        (at, reason, connection.user_id, list(ids)),
    )


async def park_all(tx: Tx, connection: Connection, *, reason: str, now: datetime) -> None:
    """Parks what an ended connection left open."""
    await run(
        tx,
        """update wearbase.delivery set state = 'parked', reason = %s, settled_at = %s
            where user_id = %s and provider = %s and state = 'open'""",
        (reason, now, connection.user_id, connection.provider),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """Before when notices are forgotten: unknown members', all others, and of those that carry their records what is settled or
    of a kind that nobody here reads.
    """

    unknown_before: datetime
    before: datetime
    payloads_before: datetime
    payload_providers: Sequence[str] = ()


async def prune(tx: Tx, pruning: Pruning, *, most: int) -> int:
    """Forgets notices, at most so many of a kind at once; how many that were."""
    old = await run(
        tx,
        """delete from wearbase.delivery where (user_id, id) in (
               select user_id, id from wearbase.delivery where received_at < %s or (user_id = '' and received_at < %s) limit %s)""",
        (pruning.before, pruning.unknown_before, most),
    )
    stored = await run(
        tx,
        """delete from wearbase.delivery where (user_id, id) in (
               select user_id, id from wearbase.delivery where state = 'settled' and provider = any(%s) and settled_at < %s limit %s)""",
        (list(pruning.payload_providers), pruning.payloads_before, most),
    )
    unread = await run(
        tx,
        """delete from wearbase.delivery where (user_id, id) in (
               select user_id, id from wearbase.delivery
                where state = 'parked' and reason = 'unknown_type' and provider = any(%s) and received_at < %s limit %s)""",
        (list(pruning.payload_providers), pruning.payloads_before, most),
    )
    return max(old, stored, unread)


async def sweep(tx: Tx, *, since: datetime) -> int:
    """Takes away what was being received as its member was erased; how many notices, of those received since."""
    return await run(
        tx,
        """delete from wearbase.delivery d where d.received_at >= %s and d.user_id <> ''
              and not exists (select from wearbase.connection c where c.user_id = d.user_id and c.provider = d.provider)""",
        (since,),
    )


async def counts(tx: Tx, user_id: str, provider: str) -> dict[str, int]:
    """How many notices of a member are in each state."""
    found = await rows(
        tx, "select state, count(*) as n from wearbase.delivery where user_id = %s and provider = %s group by state", (user_id, provider)
    )
    return {f["state"]: f["n"] for f in found}


async def open_by_resource(tx: Tx, user_id: str, provider: str) -> dict[str, int]:
    """How many notices of a member are open, by the resource they concern."""
    found = await rows(
        tx,
        """select resource, count(*) as n from wearbase.delivery
            where user_id = %s and provider = %s and state = 'open' group by resource""",
        (user_id, provider),
    )
    return {f["resource"]: f["n"] for f in found}
