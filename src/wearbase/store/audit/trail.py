"""The audit trail: lines are added in the transaction of the change, reads by the batch; members by a pseudonym."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from wearbase.store.audit.acting import actor
from wearbase.store.postgres.database import Database, Tx, as_jsonb, many, run, value

READ = "read"
AT_ONCE = 500

Action = Literal[
    "consent_asked", "consent_refused", "connected", "disconnected", "data_erased", "user_erased", "connection_lost", "grants_given_up",
    "sync_asked", "history_asked", "preferences_changed", "exported", "payload_shown", "retried", "record_retried", "gate_reopened",
    "token_made", "link_made", "session_begun", "session_ended", "operator_session_begun", "operator_session_ended",
    "key_made", "key_rotated", "key_revoked", "sealing_keys_rotated", "trail_exported", "backup_made", "restored",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. `member` is a pseudonym; of reads `at` is the minute and `count` how many there were in it. `number` is of what changes no
    more (see carrying)."""

    id: int
    at: datetime
    action: str
    credential: str
    member: UUID | None
    provider: str | None
    route: str | None
    count: int
    details: dict[str, Any]
    number: int | None


@dataclass(frozen=True, slots=True)
class Read:
    """Reads of a minute that are alike."""

    at: datetime
    credential: str
    user_id: str | None
    route: str
    count: int


ENTRY = ", ".join(Entry.__dataclass_fields__)
# Only who has something stored gets a name: the trail must not be what brings an erased user's id back. The locked row is the one that
# erasing takes away before the names, so that a name made at the same time goes too.
_NAME_READERS = """
insert into wearbase.audit_member (user_id)
select c.user_id from (
       select c.user_id from wearbase.connection c
        where c.user_id = any(%(users)s) and not exists (select from wearbase.audit_member m where m.user_id = c.user_id)
        order by c.user_id for key share of c) c
 group by c.user_id on conflict (user_id) do nothing
"""
_STORED_USERS = """(select user_id from wearbase.connection
  union all select user_id from wearbase.oauth_state
  union all select user_id from wearbase.preference
  union all select user_id from wearbase.sign_in_link
  union all select user_id from wearbase.member_session)"""
_NAME_CHANGED = f"""
insert into wearbase.audit_member (user_id)
select %(user)s where not exists (select from wearbase.audit_member where user_id = %(user)s)
   and exists (select from {_STORED_USERS} s where s.user_id = %(user)s)
on conflict (user_id) do nothing
"""
_FORGET_NAMES = f"delete from wearbase.audit_member m where not exists (select from {_STORED_USERS} s where s.user_id = m.user_id)"
_ADD = """
insert into wearbase.audit (at, action, credential, member, provider, route, details)
values (%(at)s, %(action)s, %(credential)s, (select pseudonym from wearbase.audit_member where user_id = %(user)s), %(provider)s, %(route)s,
        %(details)s::jsonb)
"""
_ADD_READS = """
insert into wearbase.audit as a (at, action, credential, member, route, count)
select i.at, 'read', i.credential, m.pseudonym, i.route, sum(i.count)
  from unnest(%s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::integer[]) as i(at, credential, user_id, route, count)
  left join wearbase.audit_member m using (user_id)
 group by i.at, i.credential, m.pseudonym, i.route order by i.at, i.credential, m.pseudonym, i.route
on conflict (at, credential, member, route) where action = 'read' do update set count = a.count + excluded.count
"""


async def write(
    tx: Tx,
    action: Action,
    *,
    now: datetime,
    user_id: str | None = None,
    provider: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Adds a line for what is done in this transaction, by whoever acts; after the change, so that a new member has a name.

    `details` are counts and names of ours, never what a caller or a provider wrote.
    """
    if user_id is not None:
        await run(tx, _NAME_CHANGED, {"user": user_id})
    by = actor()
    await run(
        tx,
        _ADD,
        {
            "at": now, "action": action, "credential": by.credential, "user": user_id, "provider": provider, "route": by.route,
            "details": as_jsonb(dict(details or {})),
        },
    )  # fmt: skip


async def write_reads(tx: Tx, reads: Sequence[Read]) -> None:
    """Counts reads: one line for each credential, member, route and minute, whichever processes they came to."""
    await run(tx, _NAME_READERS, {"users": sorted({r.user_id for r in reads if r.user_id is not None})})
    columns = zip(*((r.at, r.credential, r.user_id, r.route, r.count) for r in reads), strict=True)
    await run(tx, _ADD_READS, [list(column) for column in columns])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines: of `[since, until)`, of one member by the pseudonym, of one action."""

    since: datetime | None = None
    until: datetime | None = None
    member: UUID | None = None
    action: str | None = None


async def page(tx: Tx, wanted: Wanted, *, after: tuple[datetime, int] | None, limit: int) -> list[Entry]:
    """Some lines, oldest first, that come after that place (instant and id of a line)."""
    return await many(
        tx,
        Entry,
        f"""select {ENTRY} from wearbase.audit
             where (%(since)s::timestamptz is null or at >= %(since)s) and (%(until)s::timestamptz is null or at < %(until)s)
               and (%(member)s::uuid is null or member = %(member)s) and (%(action)s::text is null or action = %(action)s)
               and (%(after_at)s::timestamptz is null or (at, id) > (%(after_at)s, %(after_id)s::bigint))
             order by at, id limit %(limit)s""",
        {
            "since": wanted.since, "until": wanted.until, "member": wanted.member, "action": wanted.action,
            "after_at": after[0] if after else None, "after_id": after[1] if after else None, "limit": limit,
        },
    )  # fmt: skip


async def entries(db: Database, wanted: Wanted) -> AsyncIterator[Sequence[Entry]]:
    """All of them, some at a time; no connection is held while somebody takes them."""
    after: tuple[datetime, int] | None = None
    while True:
        async with db.connection() as tx:
            found = await page(tx, wanted, after=after, limit=AT_ONCE)
        if not found:
            return
        yield found
        after = found[-1].at, found[-1].id


async def pseudonym(tx: Tx, user_id: str) -> UUID | None:
    """By what name the trail knows a member, None if by none."""
    return await value(tx, "select pseudonym from wearbase.audit_member where user_id = %s", (user_id,))


async def prune(tx: Tx, *, before: datetime | None, most: int) -> int:
    """Takes away the oldest lines from before then, at most so many, and the names of members of whom nothing is stored. How many lines.

    A role that may take none away leaves that to the owner's (`wear audit prune`).
    """
    await run(tx, _FORGET_NAMES)
    if before is None or not await may_prune(tx):
        return 0
    return int(await value(tx, "select wearbase.prune_audit(%s, %s)", (before, most)))


async def may_prune(tx: Tx) -> bool:
    """Whether this role of the database may take lines away."""
    return bool(await value(tx, "select has_table_privilege('wearbase.audit', 'delete')"))
