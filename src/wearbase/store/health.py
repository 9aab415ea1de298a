"""Health documents: every source's part of a day in one body. Written whole with the parts, read in one query."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from wearbase.domain.combining import Combining, Precedence
from wearbase.store.postgres.database import Tx, each, rows, run, value


class Part(NamedTuple):
    """One source's part of a day, and when it last changed."""

    values: dict[str, Any]
    revision: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Document:
    """One day's body without moving fields. These go in at `places`, each behind the brace that opens its source."""

    day: date
    made_of: str
    revision: str
    body: str
    places: list[int]
    sources: list[str]


class SourceRow(NamedTuple):
    """One connection of a user. Instants here are the database's texts in UTC, which can be compared without parsing."""

    provider: str
    state: str
    utc_offset_min: int | None
    looked_at: str | None  # or since when it is connected, if that is later
    first_day: str | None  # only where it may be asked for: see `_SELECT`
    copied: list[list[str]] | None


class ReadingRow(NamedTuple):
    """How the reading of one resource stands."""

    provider: str
    resource: str
    last_success_at: str | None
    error: str | None
    priority: int | None
    in_backfill: bool
    history_from: str | None
    waits_until: str | None


class Body(NamedTuple):
    """A document as it is to be answered."""

    revision: str
    text: str
    places: Sequence[int]
    sources: Sequence[str]


class HealthRow(NamedTuple):
    """What one read needs. `connections` and `readings`, which are the user's and not the day's, are in a user's first row only.

    A body that `is_outdated` is not made of the parts that there are now.
    """

    n: int
    user_id: str
    day: date
    body: Body | None
    is_outdated: bool
    connections: Sequence[SourceRow]
    readings: Sequence[ReadingRow]


def document(combining: Combining, user_id: str, day: date, parts: Mapping[str, Part], wishes: Precedence) -> Document:
    """The stored form. A source's own part is as in its day document, without user and date."""
    combined = combining.combine({name: part.values for name, part in parts.items()}, wishes)
    text = orjson.dumps({"user_id": user_id, "date": day.isoformat(), "combined": combined}).decode()[:-1] + ',"sources":{'
    places: list[int] = []
    names = [*(name for name in combining.sources if name in parts), *sorted(set(parts).difference(combining.sources))]
    for n, name in enumerate(names):
        text += f'{"," if n else ""}"{name}":{{'
        places.append(len(text))
        part = {"last_change_at": _rfc3339(parts[name].changed_at), "data": parts[name].values}
        text += orjson.dumps(part).decode()[1:]
    text += "}}"
    made_of = combining.making + "".join(f" {name} {parts[name].revision}" for name in sorted(parts))
    return Document(day, made_of, hashlib.blake2b(text.encode(), digest_size=9).hexdigest(), text, places, names)


def part(body: str, revision: str, changed_at: datetime) -> Part:
    """A day document as a part."""
    found = orjson.loads(body)
    return Part({name: v for name, v in found.items() if name not in ("user_id", "date")}, revision, changed_at)


async def parts_of(tx: Tx, user_id: str, days: Sequence[date], sources: Sequence[str]) -> dict[date, dict[str, Part]]:
    """Every source's part of these days."""
    found = await rows(
        tx,
        """select day, provider, body, revision, updated_at from wearbase.day_document
            where user_id = %s and provider = any(%s) and day = any(%s)""",
        (user_id, list(sources), list(days)),
    )
    by_day: dict[date, dict[str, Part]] = {}
    for row in found:
        by_day.setdefault(row["day"], {})[row["provider"]] = part(row["body"], row["revision"], row["updated_at"])
    return by_day


async def put(tx: Tx, user_id: str, documents: Sequence[Document], *, now: datetime) -> None:
    """Replaces the documents that are made of something else by now."""
    if not documents:
        return
    await run(
        tx,
        """insert into wearbase.health_document as h (user_id, day, made_of, revision, body, places, sources, updated_at)
           select %s, i.day, i.made_of, i.revision, i.body, i.places::integer[], i.sources::text[], %s
             from unnest(%s::date[], %s::text[], %s::text[], %b::text[], %s::text[], %s::text[])
                  as i(day, made_of, revision, body, places, sources)
           on conflict (user_id, day) do update
              set made_of = excluded.made_of, revision = excluded.revision, body = excluded.body, places = excluded.places,
                  sources = excluded.sources, updated_at = excluded.updated_at
            where h.revision <> excluded.revision or h.made_of <> excluded.made_of""",
        (
            user_id, now, [d.day for d in documents], [d.made_of for d in documents], [d.revision for d in documents],
            [d.body for d in documents], ["{" + ",".join(map(str, d.places)) + "}" for d in documents],
            ["{" + ",".join(d.sources) + "}" for d in documents],
        ),
    )  # fmt: skip


async def drop(tx: Tx, user_id: str, days: Sequence[date]) -> None:
    """Removes the documents of days that no source has a part of."""
    if days:
        await run(tx, "delete from wearbase.health_document where user_id = %s and day = any(%s)", (user_id, list(days)))


async def days_of(tx: Tx, user_id: str) -> list[date]:
    """Every day of which there is a part or a document."""
    found = await rows(
        tx,
        """select day from wearbase.day_document where user_id = %(u)s union
           select day from wearbase.health_document where user_id = %(u)s order by day""",
        {"u": user_id},
    )
    return [row["day"] for row in found]


async def preferences(tx: Tx, user_id: str) -> dict[str, Any]:
    """What the member prefers; empty if nothing was said."""
    return await value(tx, "select content from wearbase.preference where user_id = %s", (user_id,)) or {}


async def put_preferences(tx: Tx, user_id: str, content: Mapping[str, Any], *, now: datetime) -> None:
    """Replaces them."""
    await run(
        tx,
        """insert into wearbase.preference (user_id, content, updated_at) values (%s, %s::jsonb, %s)
           on conflict (user_id) do update set content = excluded.content, updated_at = excluded.updated_at""",
        (user_id, orjson.dumps(content).decode(), now),
    )


# What is of the user is looked up in the first row only. What makes an outdated document anew is left to further questions: a plan that
# is large costs more than what it brings. A source's first day tells why it has no part of a later one. Each part's revision is looked
# up by itself: `provider = any(...)` took three times as long, and so did arrays and JSON against texts that are read here.
_FIRST_DAY = "coalesce(c.first_day, (select min(day) from wearbase.day_document d where d.user_id = c.user_id and d.provider = c.provider))"
_PART = """(select ' ' || d.provider || ' ' || d.revision from wearbase.day_document d
             where d.user_id = k.user_id and d.provider = %(source_{n})s and d.day = k.day)"""
_SELECT = """
select k.n::int as n, k.user_id, k.day, h.body, h.revision, h.places::text, h.sources::text,
       h.made_of is distinct from nullif(concat(%(making)s::text, {parts}), %(making)s::text) as is_outdated,
       case when k.is_first then (
            select json_agg(json_build_array(c.provider, c.state, c.utc_offset_min,
                                             greatest(c.looked_at, c.connected_at) at time zone 'utc', {first_day},
                                             case when c.copied_days is not null then (
                                                  select json_agg(json_build_array(lower(r), upper(r))) from unnest(c.copied_days) r) end))
              from wearbase.connection c where c.user_id = k.user_id) end::text as connections,
       case when k.is_first then (
            select json_agg(json_build_array(provider, resource, last_success_at at time zone 'utc', error, priority,
                                             backfill_end is not null, history_from at time zone 'utc',
                                             case when waits_until = due_at then due_at at time zone 'utc' end))
              from wearbase.sync_state s where s.user_id = k.user_id) end::text as readings
  from {keys}
  left join lateral (
       select body, revision, places, sources, made_of from wearbase.health_document h
        where h.user_id = k.user_id and h.day = k.day limit 1) h on true
"""
_FIRST_DAY_IF_NO_PART = f"case when h.sources is null or c.provider <> all (h.sources) then {_FIRST_DAY} end"
_GIVEN_KEYS = "(select *, true as is_first from unnest(%(users)s::text[], %(days)s::date[]) with ordinality as i(user_id, day, n)) k"
_RECENT_KEYS = """(select n, %(user)s::text as user_id, n = 1 as is_first,
                    (%(now)s::timestamptz at time zone 'utc' + make_interval(mins => coalesce((
                        select utc_offset_min from wearbase.connection c where c.user_id = %(user)s
                         order by offset_seen_at desc nulls last limit 1), 0)))::date - %(count)s::int + n as day
               from generate_series(1, %(count)s::int) n) k"""


class Made:
    """Which sources there are, and how they are combined: a document that says so is the one to read."""

    def __init__(self, sources: Sequence[str], making: str) -> None:
        parts = ", ".join(_PART.format(n=n) for n in range(len(sources)))
        self.of_keys = _SELECT.format(keys=_GIVEN_KEYS, first_day=_FIRST_DAY_IF_NO_PART, parts=parts)
        self.of_days = _SELECT.format(keys=_RECENT_KEYS, first_day=_FIRST_DAY, parts=parts)
        self.given = {"making": making, **{f"source_{n}": name for n, name in enumerate(sorted(sources))}}


async def read(tx: Tx, keys: Sequence[tuple[str, date]], made: Made) -> list[HealthRow]:
    """The rows of many (user, day) keys, in no order; their `n` counts the keys from 1. One query."""
    given = {"users": [k[0] for k in keys], "days": [k[1] for k in keys], **made.given}
    return await each(tx, _row, made.of_keys, given)


async def recent(tx: Tx, user_id: str, count: int, made: Made, *, now: datetime) -> list[HealthRow]:
    """The rows of so many days up to the user's own today, in no order; the oldest is the first. One query."""
    given = {"user": user_id, "count": count, "now": now, **made.given}
    return await each(tx, _row, made.of_days, given)


def _row(*columns: Any) -> HealthRow:
    n, user_id, day, body, revision, places, sources, is_outdated, connections, readings = columns
    return HealthRow(
        n,
        user_id,
        day,
        None if body is None else Body(revision, body, [int(place) for place in places[1:-1].split(",")], _names(sources)),
        is_outdated,
        [SourceRow._make(c) for c in orjson.loads(connections)] if connections else (),
        [ReadingRow._make(r) for r in orjson.loads(readings)] if readings else (),
    )


@lru_cache(maxsize=256)
def _names(sources: str) -> tuple[str, ...]:
    """What an array of source names holds: they are words, which need no quotes."""
    return tuple(sources[1:-1].split(","))


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
