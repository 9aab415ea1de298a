"""What a page of the phone app shows, each in one query."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from wearbase.store.postgres.database import Tx, many, one, value
from wearbase.store.work.copies import COUNTED


@dataclass(frozen=True, slots=True)
class DayView:
    """A day with what surrounds it. Lists are JSON as PostgreSQL makes it; instants in them are texts."""

    day: date
    today: date
    body: str | None
    revision: str | None
    has_lead: bool | None
    connections: list[dict[str, Any]] | None
    states: list[dict[str, Any]] | None
    documents: dict[str, list[Any]] | None  # by source: how many days, the first, the last
    day_before: date | None
    day_after: date | None
    open_deliveries: dict[str, int] | None  # by source and resource
    parked: dict[str, int] | None
    metrics: list[list[Any]] | None  # name, source, day, value
    recoveries: list[list[Any]] | None  # of the strip: day, recovery, its state, that of the sleep, whether the cycle is open
    scores: str | None  # the second source's day document
    wishes: dict[str, list[str]] | None


@dataclass(frozen=True, slots=True)
class MonthView:
    """The recoveries of some days."""

    today: date
    recoveries: list[list[Any]] | None


@dataclass(frozen=True, slots=True)
class WorkoutRow:
    """One workout as the day document has it."""

    day: date
    place: datetime | None
    external_id: str
    mapped: dict[str, Any]
    is_of_week: bool


_TODAY = """(%(now)s::timestamptz at time zone 'utc' + make_interval(mins => coalesce((
              select utc_offset_min from wearbase.connection where user_id = %(user)s and provider = %(provider)s), 0)))::date"""
_RECOVERIES = """
 (select json_agg(json_build_array(x.day, b #> '{{recovery,score}}', b #>> '{{recovery,score_state}}', b #>> '{{sleep,score_state}}',
                                   b #> '{{cycle,is_open}}'))
    from wearbase.day_document x cross join lateral (select x.body::json as b) as parsed
   where x.user_id = %(user)s and x.provider = %(provider)s and x.day between {first} and {last})"""

_DAY = f"""
with t as (select {_TODAY} as today),
     k as (select coalesce(%(day)s::date, t.today) as day, t.today from t)
select k.day, k.today, d.body, d.revision, d.has_lead,
 (select json_agg(row_to_json(c)) from (
     select id, user_id, provider, generation, state, external_user_id, asked_scopes, scopes, utc_offset_min, open_day, lease_number,
            connected_at, ended_at, looked_at, {COUNTED} as copied_status,
            case when c.copied_days is not null then c.first_day end as copied_first_day,
            (select json_agg(json_build_array(lower(r), upper(r))) from unnest(c.copied_days) r) as copied_days
       from wearbase.connection c where user_id = %(user)s) c) as connections,
 (select json_agg(row_to_json(s)) from wearbase.sync_state s where s.user_id = %(user)s) as states,
 (select json_object_agg(provider, json_build_array(count, first, last)) from (
     select provider, count(*), min(day) as first, max(day) as last
       from wearbase.day_document where user_id = %(user)s group by provider) n) as documents,
 (select max(day) from wearbase.day_document x where x.user_id = %(user)s and x.provider = %(provider)s and x.day < k.day) as day_before,
 (select min(day) from wearbase.day_document x where x.user_id = %(user)s and x.provider = %(provider)s and x.day > k.day) as day_after,
 (select json_object_agg(provider || '/' || resource, count) from (
     select provider, resource, count(*) from wearbase.delivery
      where user_id = %(user)s and state = 'open' and resource is not null group by 1, 2) o) as open_deliveries,
 (select json_object_agg(provider || '/' || resource, count) from (
     select provider, resource, count(*) from wearbase.parked_record where user_id = %(user)s group by 1, 2) o) as parked,
 (select json_agg(json_build_array(metric, provider, day, value)) from wearbase.metric m
   where m.user_id = %(user)s and m.provider = any(%(sources)s) and m.day between k.day - %(reach)s::int and k.day) as metrics,
 {_RECOVERIES.format(first="least(k.day + 1, k.today) - 6", last="least(k.day + 1, k.today)")} as recoveries,
 (select body from wearbase.day_document x
   where x.user_id = %(user)s and x.provider = %(second)s and x.day = k.day) as scores,
 (select content -> 'precedence' from wearbase.preference where user_id = %(user)s) as wishes
  from k
  left join lateral (
       select body, revision, has_lead from wearbase.day_document x
        where x.user_id = %(user)s and x.provider = %(provider)s and x.day = k.day limit 1) d on true
"""

_MONTH = f"""
with k as (select {_TODAY} as today)
select k.today, {_RECOVERIES.format(first="%(first)s::date", last="%(last)s::date")} as recoveries from k
"""

_WORKOUTS = f"""
(select day, nullif(place, '-infinity') as place, external_id, mapped, false as is_of_week
   from (select day, coalesce(placed_at, '-infinity') as place, external_id, mapped from wearbase.record
          where user_id = %(user)s and provider = %(provider)s and resource = 'workout' and deleted_at is null and day is not null) live
  where %(at)s::timestamptz is null or (place, external_id) < (%(at)s::timestamptz, %(after)s)
  order by live.place desc, external_id desc limit %(limit)s)
union all
(select r.day, r.placed_at, r.external_id, r.mapped, true
   from (select {_TODAY} as today) k
   join wearbase.record r on r.user_id = %(user)s and r.provider = %(provider)s and r.resource = 'workout' and r.deleted_at is null
                         and r.day between k.today - 6 and k.today)
"""

# Of a copy: its records are elsewhere, its days hold what they say.
_COPIED_WORKOUTS = f"""
with k as (select {_TODAY} as today),
     w as (select d.day, (item ->> 'start_at')::timestamptz as place, item ->> 'id' as external_id, item as mapped
             from wearbase.day_document d cross join lateral json_array_elements(d.body::json -> 'workouts') as item
            where d.user_id = %(user)s and d.provider = %(provider)s)
(select day, place, external_id, mapped, false as is_of_week from w
  where day >= %(first)s and (%(at)s::timestamptz is null or (place, external_id) < (%(at)s::timestamptz, %(after)s))
  order by place desc, external_id desc limit %(limit)s)
union all
(select w.day, w.place, w.external_id, w.mapped, true from k join w on w.day between k.today - 6 and k.today)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose day is shown: the source that leads, the one beside it, and how many days of metrics surround it."""

    user_id: str
    provider: str
    second: str
    sources: tuple[str, ...]
    reach: int


async def day(tx: Tx, asked: Asked, day: date | None, *, now: datetime) -> DayView:
    """A day, today without one."""
    given = {
        "user": asked.user_id, "provider": asked.provider, "second": asked.second, "sources": list(asked.sources), "reach": asked.reach,
        "day": day, "now": now,
    }  # fmt: skip
    found = await one(tx, DayView, _DAY, given)
    assert found is not None
    return found


async def month(tx: Tx, user_id: str, provider: str, first: date, last: date, *, now: datetime) -> MonthView:
    """The days from `first` to `last`, both included, that have a document."""
    given = {"user": user_id, "provider": provider, "first": first, "last": last, "now": now}
    found = await one(tx, MonthView, _MONTH, given)
    assert found is not None
    return found


async def workouts(
    tx: Tx, user_id: str, provider: str, before: tuple[datetime | None, str] | None, *, limit: int, now: datetime
) -> list[WorkoutRow]:
    """So many before that place, the newest first; then those of the seven days up to the member's today."""
    at, after = before or (None, "")
    given = {"user": user_id, "provider": provider, "at": at, "after": after, "limit": limit, "now": now}
    return await many(tx, WorkoutRow, _WORKOUTS, given)


async def copied_workouts(
    tx: Tx, user_id: str, provider: str, before: tuple[datetime | None, str] | None, *, first: date, limit: int, now: datetime
) -> list[WorkoutRow]:
    """The same of a copy, from that day on."""
    at, after = before or (None, "")
    given = {"user": user_id, "provider": provider, "at": at, "after": after, "first": first, "limit": limit, "now": now}
    return await many(tx, WorkoutRow, _COPIED_WORKOUTS, given)


async def copied_first_day(tx: Tx, user_id: str, provider: str) -> date | None:
    """The first day there, as a copy knows it."""
    return await value(tx, "select first_day from wearbase.connection where user_id = %s and provider = %s", (user_id, provider))
