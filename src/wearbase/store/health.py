"""Health documents: every source's part of a day in one body. Written whole with the parts, read in one query."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import orjson

from wearbase.domain.combining import Combining, Precedence
from wearbase.store.postgres.database import Tx, many, rows, run, value


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


@dataclass(frozen=True, slots=True)
class HealthRow:
    """What one read needs. `connections` and `states`, which are the user's and not the day's, are in a user's first row only.

    One that `is_outdated` is not made of the parts that there are now.
    """

    n: int
    user_id: str
    day: date
    body: str | None
    revision: str | None
    places: list[int] | None
    sources: list[str] | None
    is_outdated: bool
    connections: list[list[Any]] | None
    states: list[list[Any]] | None


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
             from unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
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
# is large costs more than what it brings. A source's first day tells why it has no part of a later one.
_FIRST_DAY = "coalesce(c.first_day, (select min(day) from wearbase.day_document d where d.user_id = c.user_id and d.provider = c.provider))"
_COPIED = "(select json_agg(json_build_array(lower(r), upper(r))) from unnest(c.copied_days) r)"  # null for what is no copy
_SELECT = """
select k.n::int as n, k.user_id, k.day, h.body, h.revision, h.places, h.sources, h.made_of is distinct from p.made_of as is_outdated,
       case when k.is_first then (
            select json_agg(json_build_array(c.provider, c.state, c.utc_offset_min,
                                             greatest(c.looked_at, c.connected_at) at time zone 'utc', {first_day},
                                             {copied}))
              from wearbase.connection c where c.user_id = k.user_id) end as connections,
       case when k.is_first then (
            select json_agg(json_build_array(provider, resource, last_success_at at time zone 'utc', error, priority,
                                             backfill_end is not null, history_from at time zone 'utc',
                                             case when waits_until = due_at then due_at at time zone 'utc' end))
              from wearbase.sync_state s where s.user_id = k.user_id) end as states
  from {keys}
  left join lateral (
       select body, revision, places, sources, made_of from wearbase.health_document h
        where h.user_id = k.user_id and h.day = k.day limit 1) h on true
  left join lateral (
       select %(making)s || string_agg(' ' || provider || ' ' || revision, '' order by provider) as made_of
         from wearbase.day_document d
        where d.user_id = k.user_id and d.provider = any(%(sources)s) and d.day = k.day) p on true
"""
_GIVEN = _SELECT.format(
    copied=_COPIED,
    first_day="case when h.sources is null or c.provider <> all (h.sources) then " + _FIRST_DAY + " end",
    keys="(select *, true as is_first from unnest(%(users)s::text[], %(days)s::date[]) with ordinality as i(user_id, day, n)) k",
)
_RECENT = _SELECT.format(
    copied=_COPIED,
    first_day=_FIRST_DAY,
    keys="""(select n, %(user)s::text as user_id, n = 1 as is_first,
                    (%(now)s::timestamptz at time zone 'utc' + make_interval(mins => coalesce((
                        select utc_offset_min from wearbase.connection c where c.user_id = %(user)s
                         order by offset_seen_at desc nulls last limit 1), 0)))::date - %(count)s::int + n as day
               from generate_series(1, %(count)s::int) n) k""",
)


@dataclass(frozen=True, slots=True)
class Made:
    """Which sources there are, and how they are combined: a document that says so is the one to read."""

    sources: tuple[str, ...]
    making: str


async def read(tx: Tx, keys: Sequence[tuple[str, date]], made: Made) -> list[HealthRow]:
    """The rows of many (user, day) keys, in no order; their `n` counts the keys from 1. One query."""
    given = {"users": [k[0] for k in keys], "days": [k[1] for k in keys], "sources": list(made.sources), "making": made.making}
    return await many(tx, HealthRow, _GIVEN, given)


async def recent(tx: Tx, user_id: str, count: int, made: Made, *, now: datetime) -> list[HealthRow]:
    """The rows of so many days up to the user's own today, in no order; the oldest is the first. One query."""
    given = {"user": user_id, "count": count, "now": now, "sources": list(made.sources), "making": made.making}
    return await many(tx, HealthRow, _RECENT, given)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
