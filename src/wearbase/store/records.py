"""Records: stored whole, newest revision wins, dated by their group."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from wearbase.domain.days import Dated, group_days, group_place
from wearbase.domain.provider import StoredRecord
from wearbase.domain.records import Dating, Record, Unmappable
from wearbase.domain.windows import Window
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, as_jsonb, many, rows, run, value


@dataclass(frozen=True, slots=True)
class Change:
    """What storing touched: how many records were new or replaced, the groups to re-date, the days to rebuild."""

    count: int
    groups: frozenset[str]
    days: frozenset[date]

    def __or__(self, other: "Change") -> "Change":
        return Change(self.count + other.count, self.groups | other.groups, self.days | other.days)


NOTHING = Change(0, frozenset(), frozenset())

_INCOMING = """
    resource text, external_id text, group_id text, parent_id text, dating text, start_at timestamptz, end_at timestamptz,
    utc_offset_min smallint, given_day date, revision_at timestamptz, revision_rank smallint, score_state text,
    is_unsettled boolean, mapped json, raw jsonb, is_dated_by_read boolean
"""
_COLUMNS = (
    "resource, external_id, group_id, parent_id, dating, start_at, end_at, utc_offset_min, given_day, revision_at, revision_rank, "
    "score_state, is_unsettled, mapped, raw"
)
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.replace(" ", "").split(",")[2:])

# A copy that is dated by its read, and is as the one stored, is that one: it is no newer for having been read again.
# Of two copies of one revision the one that came last is kept; where they come in any order, the one whose text is the greater, for it
# has to be the same one whichever came first. The same payload, mapped otherwise by now, replaces itself.
# A tombstone is lifted by a read that began after it, or by a newer revision; a copy read before it is not a revival.
_UPSERT = f"""
insert into wearbase.record as r (user_id, provider, {_COLUMNS}, first_stored_at, stored_at)
select %(user_id)s, %(provider)s, {_COLUMNS}, %(now)s, %(now)s from json_to_recordset(%(page)s::json) as i({_INCOMING})
 where not (i.is_dated_by_read and exists (
       select from wearbase.record s
        where s.user_id = %(user_id)s and s.provider = %(provider)s and s.resource = i.resource and s.external_id = i.external_id
          and s.deleted_at is null and s.revision_rank >= i.revision_rank and s.mapped::text = i.mapped::text))
on conflict (user_id, provider, resource, external_id) do update
   set {_REPLACED}, stored_at = excluded.stored_at, deleted_at = null
 where (excluded.revision_rank, excluded.revision_at) >= (r.revision_rank, r.revision_at)
   and (not %(by_content)s or (excluded.revision_rank, excluded.revision_at) > (r.revision_rank, r.revision_at)
        or r.deleted_at is not null or r.raw = excluded.raw or excluded.raw::text collate "C" > r.raw::text)
   and (r.deleted_at is null or %(read_at)s > r.deleted_at
        or (excluded.revision_rank, excluded.revision_at) > (r.revision_rank, r.revision_at))
   and (r.deleted_at is not null or r.raw <> excluded.raw or r.mapped::text <> excluded.mapped::text
        or (excluded.revision_rank, excluded.revision_at) > (r.revision_rank, r.revision_at)
        or (r.group_id, r.parent_id, r.dating) is distinct from (excluded.group_id, excluded.parent_id, excluded.dating))
returning resource, external_id, group_id
"""  # noqa: S608 fixed texts only


async def put_page(tx: Tx, connection: Connection, records: Sequence[Record], *, read_at: datetime, now: datetime) -> Change:
    """Stores the records that are new or of an equal or newer revision; tells what changed."""
    page, tied = _newest_copies([_as_of(read_at, record) for record in records])
    if not page:
        return NOTHING
    change = await _put(tx, connection, page, read_at=read_at, now=now)
    return change | await put_page(tx, connection, tied, read_at=read_at, now=now)


async def _put(tx: Tx, connection: Connection, page: list[Record], *, read_at: datetime, now: datetime) -> Change:
    who = {"user_id": connection.user_id, "provider": connection.provider}
    before = await _placed(tx, connection, page)
    body = as_jsonb([_as_row(record) for record in page])
    by_content = any(record.is_tied_by_content for record in page)
    changed = await rows(tx, _UPSERT, {**who, "page": body, "read_at": read_at, "now": now, "by_content": by_content})
    keys = {(c["resource"], c["external_id"]) for c in changed}
    old = [before[key] for key in keys if key in before]
    groups = {c["group_id"] for c in changed} | {group for group, _ in old}
    days = {day for _, day in old} | await _date_alone(tx, connection, keys)
    await _unpark(tx, connection, page)
    return Change(len(changed), frozenset(g for g in groups if g), frozenset(d for d in days if d))


async def bury(tx: Tx, connection: Connection, resource: str, external_id: str, *, by_parent: bool, at: datetime) -> Change:
    """Puts a tombstone on a record, and on what exists only with it, unless the stored copy is newer than `at`."""
    found = await rows(
        tx,
        f"""update wearbase.record set deleted_at = %(at)s
             where user_id = %(user_id)s and provider = %(provider)s and deleted_at is null and revision_at <= %(at)s
               and ((resource = %(resource)s and {"parent_id" if by_parent else "external_id"} = %(id)s)
                    {"" if by_parent else "or parent_id = %(id)s"})
            returning group_id, day""",  # noqa: S608 two fixed texts
        {"user_id": connection.user_id, "provider": connection.provider, "resource": resource, "id": external_id, "at": at},
    )
    groups = frozenset(f["group_id"] for f in found if f["group_id"])
    return Change(len(found), groups, frozenset(f["day"] for f in found if f["day"]))


async def park(tx: Tx, connection: Connection, unmappable: Iterable[Unmappable], *, now: datetime) -> int:
    """Keeps what could not be mapped, raw and with its reason; how many."""
    items = list(unmappable)
    for item in items:
        await run(
            tx,
            """insert into wearbase.parked_record (user_id, provider, resource, external_id, reason, raw, parked_at)
               values (%s, %s, %s, %s, %s, %s::jsonb, %s)
               on conflict (user_id, provider, resource, external_id)
               do update set reason = excluded.reason, raw = excluded.raw, tries = wearbase.parked_record.tries + 1""",
            (
                connection.user_id, connection.provider, item.resource, item.external_id, item.reason,
                as_jsonb(item.raw), now,
            ),
        )  # fmt: skip
    return len(items)


async def parked(tx: Tx, user_id: str, provider: str) -> list[dict[str, Any]]:
    """What could not be mapped: which record, why and since when; not the payload."""
    return await rows(
        tx,
        """select resource, external_id, reason, parked_at from wearbase.parked_record
            where user_id = %s and provider = %s order by parked_at desc limit 200""",
        (user_id, provider),
    )


async def has_any(tx: Tx, user_id: str, provider: str) -> bool:
    """Whether anything is stored of a member, deleted records and parked ones included."""
    return await value(
        tx,
        """select exists (select from wearbase.record where user_id = %(u)s and provider = %(p)s)
               or exists (select from wearbase.parked_record where user_id = %(u)s and provider = %(p)s)""",
        {"u": user_id, "p": provider},
    )


async def date_groups(tx: Tx, connection: Connection, groups: Iterable[str]) -> set[date]:
    """Gives each record of those groups its day and place; the old and the new days of those that moved."""
    touched: set[date] = set()
    for group in await _group_members(tx, connection, groups):
        days, place = group_days(m.dated for m in group), group_place(m.dated for m in group)
        for member in group:
            day = days[(member.dated.resource, member.dated.external_id)]
            placed_at = member.dated.start_at or place
            if (member.day, member.placed_at) == (day, placed_at):
                continue
            await _place(tx, connection, [(member.dated, day, placed_at)])
            touched |= {d for d in (member.day, day) if d}
    return touched


async def of_days(tx: Tx, connection: Connection, days: Sequence[date]) -> list[StoredRecord]:
    """The live records of those days."""
    return await many(
        tx,
        StoredRecord,
        """select resource, external_id, group_id, parent_id, dating, start_at, end_at, utc_offset_min, day, revision_at, score_state,
                      mapped as values
                 from wearbase.record where user_id = %s and provider = %s and day = any(%s) and deleted_at is null
                order by placed_at, external_id""",
        (connection.user_id, connection.provider, list(days)),
    )


async def known_group(tx: Tx, connection: Connection, external_id: str) -> str | None:
    """The group of the record that a delivery names, if it is stored, deleted or not."""
    return await value(
        tx,
        """select group_id from wearbase.record where user_id = %s and provider = %s and group_id is not null
              and (external_id = %s or parent_id = %s) order by (external_id = %s) desc limit 1""",
        (connection.user_id, connection.provider, external_id, external_id, external_id),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A stored record that a listing did not hold."""

    external_id: str
    group_id: str | None


async def absent(
    tx: Tx, connection: Connection, resource: str, *, window: Window, seen: Sequence[str], stored_before: datetime, limit: int
) -> list[Absent]:
    """Live records that lie in the window and are not among those seen, the newest first."""
    return await many(
        tx,
        Absent,
        """select external_id, group_id from wearbase.record
            where user_id = %s and provider = %s and resource = %s and deleted_at is null and stored_at < %s
              and coalesce(placed_at, '-infinity') >= %s and coalesce(placed_at, '-infinity') < %s and external_id <> all(%s)
            order by coalesce(placed_at, '-infinity') desc limit %s""",
        (connection.user_id, connection.provider, resource, stored_before, window.start, window.end, list(seen), limit),
    )


async def unsettled_count(tx: Tx, connection: Connection, resource: str, *, since: datetime) -> int:
    """How many live records from that instant on still wait for their score."""
    return int(
        await value(
            tx,
            """select count(*) from wearbase.record where user_id = %s and provider = %s and resource = %s
                  and is_unsettled and deleted_at is null and coalesce(placed_at, stored_at) >= %s""",
            (connection.user_id, connection.provider, resource, since),
        )
        or 0
    )


@dataclass(frozen=True, slots=True)
class _Member:
    group_id: str
    dated: Dated
    day: date | None
    placed_at: datetime | None


async def _group_members(tx: Tx, connection: Connection, groups: Iterable[str]) -> list[list[_Member]]:
    wanted = list(groups)
    if not wanted:
        return []
    found = await rows(
        tx,
        """select group_id, day, placed_at, resource, external_id, dating, start_at, end_at, utc_offset_min, given_day, parent_id
             from wearbase.record where user_id = %s and provider = %s and group_id = any(%s) and deleted_at is null""",
        (connection.user_id, connection.provider, wanted),
    )
    by_group: dict[str, list[_Member]] = {}
    for f in found:
        group, day, placed_at = f.pop("group_id"), f.pop("day"), f.pop("placed_at")
        by_group.setdefault(group, []).append(_Member(group, _dated(f), day, placed_at))
    return list(by_group.values())


async def _date_alone(tx: Tx, connection: Connection, keys: set[tuple[str, str]]) -> set[date]:
    """Days of the changed records that belong to no group; for the grouped ones, the day they have now."""
    found = await rows(
        tx,
        """select group_id, day, placed_at, resource, external_id, dating, start_at, end_at, utc_offset_min, given_day, parent_id
             from wearbase.record where user_id = %s and provider = %s
              and (resource, external_id) in (select * from unnest(%s::text[], %s::text[]))""",
        (connection.user_id, connection.provider, [k[0] for k in keys], [k[1] for k in keys]),
    )
    days: set[date] = set()
    alone: list[tuple[Dated, date | None, datetime | None]] = []
    for f in found:
        group, day, was = f.pop("group_id"), f.pop("day"), f.pop("placed_at")
        if group is None:
            dated, before = _dated(f), day
            day = group_days([dated])[(dated.resource, dated.external_id)]
            alone += [(dated, day, dated.start_at)] if (day, dated.start_at) != (before, was) else []
        days |= {day} if day else set()
    await _place(tx, connection, alone)
    return days


async def _place(tx: Tx, connection: Connection, placed: Sequence[tuple[Dated, date | None, datetime | None]]) -> None:
    """Gives records their day and place, all in one statement."""
    if not placed:
        return
    await run(
        tx,
        """update wearbase.record r set day = i.day, placed_at = i.placed_at
             from unnest(%s::text[], %s::text[], %s::date[], %s::timestamptz[]) as i(resource, external_id, day, placed_at)
            where r.user_id = %s and r.provider = %s and r.resource = i.resource and r.external_id = i.external_id""",
        (
            [d.resource for d, _, _ in placed], [d.external_id for d, _, _ in placed], [day for _, day, _ in placed],
            [at for _, _, at in placed], connection.user_id, connection.provider,
        ),
    )  # fmt: skip


async def _placed(tx: Tx, connection: Connection, page: list[Record]) -> dict[tuple[str, str], tuple[str | None, date | None]]:
    found = await rows(
        tx,
        """select resource, external_id, group_id, day from wearbase.record where user_id = %s and provider = %s
              and (resource, external_id) in (select * from unnest(%s::text[], %s::text[]))""",
        (connection.user_id, connection.provider, [r.resource for r in page], [r.external_id for r in page]),
    )
    return {(f["resource"], f["external_id"]): (f["group_id"], f["day"]) for f in found}


async def _unpark(tx: Tx, connection: Connection, page: list[Record]) -> None:
    await run(
        tx,
        """delete from wearbase.parked_record where user_id = %s and provider = %s
              and (resource, external_id) in (select * from unnest(%s::text[], %s::text[]))""",
        (connection.user_id, connection.provider, [r.resource for r in page], [r.external_id for r in page]),
    )


def _dated(found: dict[str, Any]) -> Dated:
    return Dated(**{**found, "dating": Dating(found["dating"])})


def _newest_copies(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """One copy per id: a drifting page can repeat a record. And further copies of the same revision, which the content decides among."""
    newest: dict[tuple[str, str], Record] = {}
    tied: list[Record] = []
    for record in records:
        key = (record.resource, record.external_id)
        other = newest.get(key)
        if other is not None and other.revision.is_newer_than(record.revision):
            continue
        if other is not None and record.is_tied_by_content and record.revision == other.revision and record.raw != other.raw:
            tied.append(record)
        else:
            newest[key] = record
    return list(newest.values()), tied


def _as_of(read_at: datetime, record: Record) -> Record:
    """The record, with the time of its read as its revision where the provider tells none."""
    return replace(record, revision=record.revision._replace(at=read_at)) if record.is_dated_by_read else record


def _as_row(record: Record) -> dict[str, Any]:
    return {
        "resource": record.resource, "external_id": record.external_id, "group_id": record.group_id,
        "parent_id": record.parent_id, "dating": record.dating, "start_at": record.start_at, "end_at": record.end_at,
        "utc_offset_min": record.utc_offset_min, "given_day": record.given_day, "revision_at": record.revision.at,
        "revision_rank": record.revision.rank, "score_state": record.score_state, "is_unsettled": record.is_unsettled,
        "mapped": record.values, "raw": record.raw, "is_dated_by_read": record.is_dated_by_read,
    }  # fmt: skip
