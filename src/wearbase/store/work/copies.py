"""Copies of days that another wearbase keeps: what is shared there, and how it is stored here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from wearbase.store.postgres.database import Tx, as_jsonb, many, one, row, rows, run, value

# What is shared


@dataclass(frozen=True, slots=True)
class SharedDay:
    """What goes with a stored document."""

    day: date
    revision: str
    has_lead: bool
    updated_at: datetime
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class SharedLink:
    """What another wearbase needs to know of a connection."""

    state: str
    utc_offset_min: int | None
    offset_seen_at: datetime | None
    open_day: date | None
    connected_at: datetime
    first_day: date | None


async def begin_snapshot(tx: Tx) -> None:
    """Has every further read of this transaction see the same instant."""
    await run(tx, "set transaction isolation level repeatable read")


async def shared_days(tx: Tx, user_id: str, provider: str, start: date, end: date) -> dict[date, SharedDay]:
    """The stored days between these, both included."""
    found = await many(
        tx,
        SharedDay,
        """select d.day, d.revision, d.has_lead, d.updated_at,
                  (select coalesce(json_object_agg(m.metric, m.value order by m.metric), '{}') from wearbase.metric m
                    where m.user_id = d.user_id and m.provider = d.provider and m.day = d.day) as metrics
             from wearbase.day_document d where d.user_id = %s and d.provider = %s and d.day between %s and %s""",
        (user_id, provider, start, end),
    )
    return {shared.day: shared for shared in found}


async def shared_link(tx: Tx, user_id: str, provider: str) -> SharedLink | None:
    """The connection, None if there never was one."""
    return await one(
        tx,
        SharedLink,
        """select state, utc_offset_min, offset_seen_at, open_day, connected_at,
                  (select min(day) from wearbase.day_document d where d.user_id = c.user_id and d.provider = c.provider) as first_day
             from wearbase.connection c where user_id = %s and provider = %s""",
        (user_id, provider),
    )


# Whose turn it is to ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Some days of a member's source, both included."""

    user_id: str
    provider: str
    start: date
    end: date

    @property
    def key(self) -> tuple[str, str, date, date]:
        return (self.user_id, self.provider, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Turn:
    """The last turn to ask for a span."""

    turn: UUID
    asked_at: datetime
    again_at: datetime
    checked_at: datetime | None
    etag: str | None


async def take_turn(tx: Tx, span: Span, turn: UUID, *, again_at: datetime, now: datetime) -> Turn:
    """The turn that counts: the caller's own, if it is time to ask again, else the last one."""
    await run(
        tx,
        """insert into wearbase.copy_turn as t (user_id, provider, start_day, end_day, turn, asked_at, again_at)
           values (%s, %s, %s, %s, %s, %s, %s)
           on conflict (user_id, provider, start_day, end_day) do update
              set turn = excluded.turn, asked_at = excluded.asked_at, again_at = excluded.again_at, checked_at = null
            where t.again_at <= %s""",
        (*span.key, turn, now, again_at, now),
    )
    found = await look(tx, span)
    assert found is not None
    return found


_MINE = "user_id = %s and provider = %s and start_day = %s and end_day = %s"


async def look(tx: Tx, span: Span) -> Turn | None:
    """The last turn; None once the copy was ended."""
    return await one(tx, Turn, f"select turn, asked_at, again_at, checked_at, etag from wearbase.copy_turn where {_MINE}", span.key)


async def holds(tx: Tx, span: Span, turn: UUID) -> bool:
    """Whether this turn may still store. Locks the row."""
    return bool(await value(tx, f"select true from wearbase.copy_turn where {_MINE} and turn = %s for update", (*span.key, turn)))


async def finish(tx: Tx, span: Span, turn: UUID, *, etag: str | None, now: datetime) -> None:
    """The turn has brought an answer, and the copy is known to be as the original."""
    await run(tx, f"update wearbase.copy_turn set checked_at = %s, etag = %s where {_MINE} and turn = %s", (now, etag, *span.key, turn))
    await run(
        tx,
        "update wearbase.connection set copied_at = %s where user_id = %s and provider = %s and copied_days is not null",
        (now, span.user_id, span.provider),
    )


async def give_back(tx: Tx, span: Span, turn: UUID, *, again_at: datetime) -> None:
    """The turn has brought nothing; it may be asked again then."""
    await run(tx, f"update wearbase.copy_turn set again_at = %s where {_MINE} and turn = %s", (again_at, *span.key, turn))


async def ask_anew(tx: Tx, user_id: str, provider: str) -> None:
    """Something has changed there: whoever reads next asks, and answers still under way are not stored."""
    await run(tx, "delete from wearbase.copy_turn where user_id = %s and provider = %s", (user_id, provider))


async def forget_turns(tx: Tx, *, before: datetime) -> None:
    """Forgets what nobody has asked for since then: its days stay, only its ETag goes."""
    await run(tx, "delete from wearbase.copy_turn where asked_at < %s", (before,))


async def forget_etags(tx: Tx, span: Span) -> None:
    """Days of this span have changed: what else was answered about any of them no longer tells how the copy is."""
    await run(
        tx,
        """update wearbase.copy_turn set etag = null
            where user_id = %(u)s and provider = %(p)s and start_day <= %(end)s and end_day >= %(start)s
              and (start_day, end_day) <> (%(start)s::date, %(end)s::date)""",
        {"u": span.user_id, "p": span.provider, "start": span.start, "end": span.end},
    )


# The copy


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedResource:
    """How one resource stands there."""

    resource: str
    due_at: datetime | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    waits_until: datetime | None
    history_from: datetime | None
    backfill_end: datetime | None
    records_synced: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedDay:
    """One stored day there, as it is to be stored here."""

    day: date
    revision: str
    body: str
    has_lead: bool
    changed_at: datetime
    metrics: dict[str, float] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """One answer, looked into: everything of a span."""

    link: SharedLink | None
    resources: list[CopiedResource]
    days: list[CopiedDay]
    status: dict[str, Any] = field(repr=False)
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a member's copy."""

    state: str
    copied_at: datetime | None
    copied_as_of: datetime | None
    is_copy: bool
    has_tokens: bool  # it is a connection of this wearbase itself

    @property
    def is_own(self) -> bool:
        """Whether a copy must not take its place."""
        return not self.is_copy and self.has_tokens


async def standing(tx: Tx, user_id: str, provider: str) -> Standing | None:
    """The copy's, None if there is none."""
    return await one(
        tx,
        Standing,
        """select state, copied_at, copied_as_of, copied_days is not null as is_copy, access_token is not null as has_tokens
             from wearbase.connection where user_id = %s and provider = %s""",
        (user_id, provider),
    )


async def put_link(tx: Tx, span: Span, copied: Copied, *, now: datetime) -> None:
    """The connection as it is there; the days of the span are known from now on."""
    link = copied.link
    assert link is not None
    await run(
        tx,
        """insert into wearbase.connection as c (user_id, provider, state, utc_offset_min, offset_seen_at, open_day, connected_at, ended_at,
                  first_day, copied_days, copied_at, copied_as_of, copied_status, created_at, updated_at)
           values (%(u)s, %(p)s, %(state)s, %(offset)s, %(seen)s, %(open)s, %(since)s, %(ended)s, %(first)s,
                   datemultirange(daterange(%(start)s, %(end)s, '[]')), %(now)s, %(as_of)s, %(status)s::jsonb, %(now)s, %(now)s)
           on conflict (user_id, provider) do update
              set state = excluded.state, utc_offset_min = excluded.utc_offset_min, offset_seen_at = excluded.offset_seen_at,
                  open_day = excluded.open_day, connected_at = excluded.connected_at, ended_at = excluded.ended_at,
                  first_day = excluded.first_day, copied_days = coalesce(c.copied_days, '{}') + excluded.copied_days,
                  copied_at = excluded.copied_at, copied_as_of = excluded.copied_as_of, copied_status = excluded.copied_status,
                  external_user_id = null, keepalive_due_at = null, updated_at = excluded.updated_at""",
        {
            "u": span.user_id, "p": span.provider, "state": link.state, "offset": link.utc_offset_min, "seen": link.offset_seen_at,
            "open": link.open_day, "since": link.connected_at, "ended": None if link.state == "connected" else now,
            "first": link.first_day, "start": span.start, "end": span.end, "now": now, "as_of": copied.as_of,
            "status": as_jsonb(copied.status),
        },
    )  # fmt: skip


async def put_resources(tx: Tx, span: Span, resources: Sequence[CopiedResource]) -> None:
    """How the resources stand, in place of what was known. Without a priority no worker here takes them for due."""
    await run(tx, "delete from wearbase.sync_state where user_id = %s and provider = %s", (span.user_id, span.provider))
    for r in resources:
        await run(
            tx,
            """insert into wearbase.sync_state (user_id, provider, resource, due_at, last_attempt_at, last_success_at, history_from,
                      backfill_end, waits_until, records_synced, error) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (
                span.user_id, span.provider, r.resource, r.due_at, r.last_attempt_at, r.last_success_at, r.history_from,
                r.backfill_end, r.waits_until, r.records_synced, r.error,
            ),
        )  # fmt: skip


async def put_days(tx: Tx, span: Span, days: Sequence[CopiedDay]) -> list[date]:
    """Makes the stored days of the span those; which have changed."""
    who = (span.user_id, span.provider)
    changed = await rows(
        tx,
        """insert into wearbase.day_document as d (user_id, provider, day, revision, body, has_lead, updated_at)
           select %s, %s, i.day, i.revision, i.body, i.has_lead, i.changed_at
             from unnest(%s::date[], %s::text[], %s::text[], %s::boolean[], %s::timestamptz[])
                  as i(day, revision, body, has_lead, changed_at)
           on conflict (user_id, provider, day) do update
              set revision = excluded.revision, body = excluded.body, has_lead = excluded.has_lead, updated_at = excluded.updated_at
            where (d.revision, d.body, d.has_lead, d.updated_at)
                  is distinct from (excluded.revision, excluded.body, excluded.has_lead, excluded.updated_at)
           returning day""",
        (
            *who, [d.day for d in days], [d.revision for d in days], [d.body for d in days], [d.has_lead for d in days],
            [d.changed_at for d in days],
        ),
    )  # fmt: skip
    gone = await rows(
        tx,
        """delete from wearbase.day_document where user_id = %s and provider = %s and day between %s and %s and day <> all(%s)
           returning day""",
        (*who, span.start, span.end, [d.day for d in days]),
    )
    return sorted(row["day"] for row in (*changed, *gone))


async def drop_copy(tx: Tx, user_id: str, provider: str) -> list[date]:
    """Removes all of a copy; which days it had. Turns stay: `ask_anew` ends them."""
    is_own = await value(
        tx, "select copied_days is null from wearbase.connection where user_id = %s and provider = %s", (user_id, provider)
    )
    if is_own is None or is_own:
        return []
    days = await rows(tx, "select day from wearbase.day_document where user_id = %s and provider = %s", (user_id, provider))
    for table in ("day_document", "metric", "sync_state"):
        await run(tx, f"delete from wearbase.{table} where user_id = %s and provider = %s", (user_id, provider))  # noqa: S608 fixed names
    await run(tx, "delete from wearbase.connection where user_id = %s and provider = %s", (user_id, provider))
    return [row["day"] for row in days]


async def end_copy(tx: Tx, user_id: str, provider: str, *, now: datetime) -> None:
    """The connection has ended there, and its days are kept; answers from before it are not stored."""
    await run(
        tx,
        """update wearbase.connection set state = 'disconnected', generation = generation + 1, ended_at = %s, updated_at = %s
            where user_id = %s and provider = %s and copied_days is not null""",
        (now, now, user_id, provider),
    )
    await ask_anew(tx, user_id, provider)


# Reading it

COUNTED = "copied_status - 'days_by_resource'"  # what sync-status says of one source


@dataclass(frozen=True, slots=True)
class CopiedStatus:
    """What sync-status said there, and when that was."""

    status: Mapping[str, Any]
    copied_at: datetime | None


async def status(tx: Tx, user_id: str, provider: str) -> CopiedStatus | None:
    """None for what is no copy."""
    found = await row(
        tx,
        f"""select {COUNTED} as status, copied_at from wearbase.connection
            where user_id = %s and provider = %s and copied_status is not null""",
        (user_id, provider),
    )
    return CopiedStatus(**found) if found else None


async def days_by_resource(tx: Tx, user_id: str) -> dict[str, dict[str, int]]:
    """On how many days there is a record there, by source and resource."""
    found = await rows(
        tx,
        """select provider, copied_status -> 'days_by_resource' as counts from wearbase.connection
            where user_id = %s and copied_status ? 'days_by_resource'""",
        (user_id,),
    )
    return {f["provider"]: f["counts"] for f in found if f["counts"]}


def stretches(bounds: Sequence[Sequence[str]]) -> Multirange[date]:
    """The days of a copy, of JSON's texts: the first of each stretch, and the one after its last."""
    return Multirange([Range(date.fromisoformat(first), date.fromisoformat(end)) for first, end in bounds])


def is_known(copied_days: Multirange[date] | None, day: date) -> bool:
    """Whether a day of a copy was asked for; every day of what is no copy."""
    return copied_days is None or any(day in stretch for stretch in copied_days)


def part_of(document: Mapping[str, Any], moving: Sequence[str]) -> str:
    """A day document as it is stored: without the moving fields."""
    return orjson.dumps({name: found for name, found in document.items() if name not in moving}).decode()
