"""What a page of the phone app shows, each in one query."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

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
    """One workout as the day document has it, listed or of this week; or, once and last, what the weeks before hold.

    That last row has this week's first day and `{days, seconds}`: by how many weeks ago less one, on how many days something is stored
    and how long all workouts took; null without any.
    """

    day: date
    place: datetime | None
    external_id: str
    mapped: dict[str, Any]
    part: Literal["listed", "week", "before"]


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

# This week's first day, by the weekday on which weeks begin (1 is Monday); and the weeks before it, most recent first.
_WEEK = f"""k as (select t.today, t.today - (extract(isodow from t.today)::int - %(week_begins)s::int + 7) %% 7 as first
             from (select {_TODAY} as today) t)"""
_BEFORE = """
(select k.first, null::timestamptz, '', json_build_object(
        'days', (select json_object_agg(week, count) from (
            select (k.first - 1 - d.day) / 7 as week, count(*) from wearbase.day_document d
             where d.user_id = %(user)s and d.provider = %(provider)s and d.day between k.first - 7 * %(weeks)s::int and k.first - 1
             group by 1) n),
        'seconds', (select json_object_agg(week, seconds) from (
            select (k.first - 1 - r.day) / 7 as week,
                   sum(extract(epoch from (r.mapped ->> 'end_at')::timestamptz - (r.mapped ->> 'start_at')::timestamptz))::int as seconds
              from {workouts} where {mine} r.day between k.first - 7 * %(weeks)s::int and k.first - 1 group by 1) n)), 'before'
   from k)"""
_RECORDS = "r.user_id = %(user)s and r.provider = %(provider)s and r.resource = 'workout' and r.deleted_at is null and"

_WORKOUTS = f"""
with {_WEEK}
(select day, nullif(place, '-infinity') as place, external_id, mapped, 'listed' as part
   from (select day, coalesce(placed_at, '-infinity') as place, external_id, mapped from wearbase.record
          where user_id = %(user)s and provider = %(provider)s and resource = 'workout' and deleted_at is null and day is not null) live
  where %(at)s::timestamptz is null or (place, external_id) < (%(at)s::timestamptz, %(after)s)
  order by live.place desc, external_id desc limit %(limit)s)
union all
(select r.day, r.placed_at, r.external_id, r.mapped, 'week' from k join wearbase.record r on {_RECORDS} r.day between k.first and k.today)
union all {_BEFORE.format(workouts="wearbase.record r", mine=_RECORDS)}
"""

# Of a copy: its records are elsewhere, its days hold what they say.
_COPIED_WORKOUTS = f"""
with {_WEEK},
     w as (select d.day, (item ->> 'start_at')::timestamptz as place, item ->> 'id' as external_id, item as mapped
             from wearbase.day_document d cross join lateral json_array_elements(d.body::json -> 'workouts') as item
            where d.user_id = %(user)s and d.provider = %(provider)s)
(select day, place, external_id, mapped, 'listed' as part from w
  where day >= %(from)s and (%(at)s::timestamptz is null or (place, external_id) < (%(at)s::timestamptz, %(after)s))
  order by place desc, external_id desc limit %(limit)s)
union all
(select w.day, w.place, w.external_id, w.mapped, 'week' from k join w on w.day between k.first and k.today)
union all {_BEFORE.format(workouts="w r", mine="")}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedWorkouts:
    """So many before a place, the newest first; when this week began, and how many weeks before it are looked at."""

    user_id: str
    provider: str
    before: tuple[datetime | None, str] | None
    limit: int
    week_begins: int
    weeks: int

    def given(self, now: datetime) -> dict[str, Any]:
        """As the statements name them."""
        at, after = self.before or (None, "")
        return {
            "user": self.user_id, "provider": self.provider, "at": at, "after": after, "limit": self.limit,
            "week_begins": self.week_begins, "weeks": self.weeks, "now": now,
        }  # fmt: skip


async def workouts(tx: Tx, asked: AskedWorkouts, *, now: datetime) -> list[WorkoutRow]:
    """The asked ones; then those of this week up to the member's today; last what the weeks before hold."""
    return await many(tx, WorkoutRow, _WORKOUTS, asked.given(now))


async def copied_workouts(tx: Tx, asked: AskedWorkouts, first: date, *, now: datetime) -> list[WorkoutRow]:
    """The same of a copy, listed from that day on."""
    return await many(tx, WorkoutRow, _COPIED_WORKOUTS, {**asked.given(now), "from": first})


async def copied_first_day(tx: Tx, user_id: str, provider: str) -> date | None:
    """The first day there, as a copy knows it."""
    return await value(tx, "select first_day from wearbase.connection where user_id = %s and provider = %s", (user_id, provider))
