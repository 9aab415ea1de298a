"""The call budget of a provider app: one row, shared by all processes."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from wearbase.domain.provider import Quota
from wearbase.store.postgres.database import Tx, as_jsonb, row, run, value
from wearbase.store.work.due import Priority

DAY = timedelta(days=1)
TOKEN = "token"  # noqa: S105 the reason under which token calls are counted where the provider counts them too
# The part of any minute that each may fill, so that whoever is more urgent finds room.
MINUTE_SHARES = {Priority.PERSON: 1.0, Priority.DELIVERY: 0.9, Priority.TIMETABLE: 0.75, Priority.BACKFILL: 0.5}
# The part of the day kept back from each; it shrinks to nothing as the day goes on.
DAY_RESERVES = {Priority.PERSON: 0.0, Priority.DELIVERY: 0.03, Priority.TIMETABLE: 0.1, Priority.BACKFILL: 0.2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Why calls are made, whose share they use, and how many at once."""

    reason: str
    priority: Priority
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the headers of the newest answer told of the window nearest to its end."""

    limit: int
    remaining: int
    resets_at: datetime
    at: datetime

    @classmethod
    def of(cls, quota: Quota, *, now: datetime) -> "Said":
        return cls(limit=quota.limit, remaining=quota.remaining, resets_at=now + timedelta(seconds=quota.reset_after_s), at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """Our own limits for an app."""

    per_minute: int
    per_day: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`wait_until` is None if the calls were granted. `is_troubled`: calls have failed, and a success is news."""

    wait_until: datetime | None
    is_troubled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an app's budget stands."""

    minute_used: int
    minute_limit: int
    day_used: int
    day_limit: int
    day_resets_at: datetime
    elsewhere: int
    token_calls: int
    by_reason: dict[str, int]
    by_reason_before: dict[str, int]  # of the day before
    thinned: dict[str, int]
    closed_until: datetime | None
    paused_until: datetime | None
    alarm_since: datetime | None
    forecast: dict[str, Any] | None

    @property
    def day_left(self) -> int:
        return max(0, self.day_limit - self.day_used)

    def left_for(self, priority: Priority, *, now: datetime) -> int:
        """What is left of the day for that priority, less the reserve of those before it."""
        return max(0, int(self.day_limit * shares(priority, now=now)[1]) - self.day_used)

    @property
    def used_percent(self) -> int:
        return 100 * self.day_used // max(1, self.day_limit)


async def reserve(
    tx: Tx, provider: str, app: str, purpose: Purpose, *, ceilings: Ceilings, said: Said | None = None, now: datetime
) -> Answer:
    """Takes the calls from the budget, or says when to ask again. One statement: it may run outside a transaction."""
    found = await row(
        tx,
        "select * from wearbase.take_calls(%s, %s, %s, %s, %s::integer[], %s::double precision[], %s, %s, %s, %s, %s)",
        (
            provider, app, purpose.calls, now, [ceilings.per_minute, ceilings.per_day], shares(purpose.priority, now=now), purpose.reason,
            *((said.limit, said.remaining, said.resets_at, said.at) if said else (None, None, None, None)),
        ),
    )  # fmt: skip
    assert found is not None
    return Answer(found["wait_until"], found["is_troubled"])


def shares(priority: Priority, *, now: datetime) -> list[float]:
    """The parts of the minute and of the day that this priority may fill, and of the forecast's need that it leaves to others."""
    is_last = priority is Priority.BACKFILL
    return [MINUTE_SHARES[priority], 1 - DAY_RESERVES[priority] * (next_day(now) - now) / DAY, 1.0 if is_last else 0.0]


def next_day(now: datetime) -> datetime:
    """When the day's count begins again."""
    return datetime.combine(now.astimezone(UTC).date(), time.min, tzinfo=UTC) + DAY


async def learn(tx: Tx, provider: str, app: str, quota: Quota) -> None:
    """Keeps the limits that an answer's headers named; one that is none is not kept."""
    minute, day = (limit if (limit := quota.limits_by_window_s.get(window_s, 0)) > 0 else None for window_s in (60, 86_400))
    await run(
        tx,
        """update wearbase.budget set minute_limit = coalesce(%s, minute_limit), day_limit = coalesce(%s, day_limit)
            where provider = %s and app = %s""",
        (minute, day, provider, app),
    )


async def close(tx: Tx, provider: str, app: str, *, until: datetime, now: datetime) -> bool:
    """Closes the gate for everybody until the provider's reset; whether it was open."""
    # The row is locked first: answers that come side by side must not each find the gate open.
    was = await value(tx, "select closed_until from wearbase.budget where provider = %s and app = %s for update", (provider, app))
    await run(
        tx,
        """insert into wearbase.budget as b (provider, app, closed_until, told_closed_until) values (%(p)s, %(a)s, %(until)s, %(until)s)
           on conflict (provider, app) do update set closed_until = greatest(b.closed_until, excluded.closed_until),
                                                     told_closed_until = greatest(b.closed_until, excluded.closed_until)""",
        {"p": provider, "a": app, "until": until},
    )
    return was is None or was <= now


async def note_opening(tx: Tx, provider: str, app: str, *, now: datetime) -> bool:
    """Whether this is the first to see that the gate is open again after it was said to be closed."""
    sql = "update wearbase.budget set told_closed_until = null where provider = %s and app = %s and told_closed_until <= %s"
    return bool(await run(tx, sql, (provider, app, now)))


async def close_tokens(tx: Tx, provider: str, app: str, *, until: datetime) -> None:
    """Nobody calls the token endpoint until then."""
    await run(
        tx,
        """insert into wearbase.budget as b (provider, app, token_closed_until) values (%s, %s, %s)
           on conflict (provider, app) do update set token_closed_until = greatest(b.token_closed_until, excluded.token_closed_until)""",
        (provider, app, until),
    )


async def tokens_closed_until(tx: Tx, provider: str, app: str, *, now: datetime) -> datetime | None:
    """Until when nobody may call the token endpoint; None if one may."""
    sql = "select token_closed_until from wearbase.budget where provider = %s and app = %s and token_closed_until > %s"
    return await value(tx, sql, (provider, app, now))


async def count_token_call(tx: Tx, provider: str, app: str) -> None:
    """Counts a call to the token endpoint, which is kept apart from data calls."""
    await run(
        tx,
        """insert into wearbase.budget as b (provider, app, token_calls) values (%s, %s, 1)
           on conflict (provider, app) do update set token_calls = b.token_calls + 1""",
        (provider, app),
    )


_NEVER_CALLED = ("minute_limit", "day_limit", "closed_until", "paused_until", "alarm_since", "forecast", "is_today")


async def standing(tx: Tx, provider: str, app: str, *, ceilings: Ceilings, now: datetime) -> Standing:
    """Where the budget stands now."""
    found: dict[str, Any] | None = await row(
        tx,
        """select b.*, (select count(*) from unnest(calls) c where c > %(now)s::timestamptz - interval '60 seconds')::int as minute_used,
                  b.day = (%(now)s::timestamptz at time zone 'utc')::date as is_today
             from wearbase.budget b where provider = %(provider)s and app = %(app)s""",
        {"now": now, "provider": provider, "app": app},
    )
    if found is None:
        found = {**dict.fromkeys(_NEVER_CALLED), "minute_used": 0, "token_calls": 0}
    is_today = bool(found["is_today"])
    elsewhere = found["day_elsewhere"] if is_today and (found["day_elsewhere_until"] or now) > now else 0
    return Standing(
        minute_used=found["minute_used"], minute_limit=min(ceilings.per_minute, found["minute_limit"] or ceilings.per_minute),
        day_used=found["day_calls"] if is_today else 0,
        day_limit=min(ceilings.per_day, (found["day_limit"] or ceilings.per_day + elsewhere) - elsewhere),
        day_resets_at=next_day(now), elsewhere=elsewhere, token_calls=found["token_calls"],
        by_reason=found["used"] if is_today else {}, by_reason_before=found["used_before"] if is_today else found.get("used") or {},
        thinned=found["thinned"] if is_today else {},
        closed_until=_ahead(found["closed_until"], now), paused_until=_ahead(found["paused_until"], now),
        alarm_since=found["alarm_since"], forecast=found["forecast"],
    )  # fmt: skip


async def note_thinned(tx: Tx, provider: str, app: str, *, slot: str, now: datetime) -> None:
    """Counts a slot that the timetable left out."""
    await run(
        tx,
        """update wearbase.budget set thinned = jsonb_set(thinned, array[%(slot)s], to_jsonb(coalesce((thinned ->> %(slot)s)::int, 0) + 1))
            where provider = %(provider)s and app = %(app)s and day = (%(now)s::timestamptz at time zone 'utc')::date""",
        {"provider": provider, "app": app, "slot": slot, "now": now},
    )


async def keep_forecast(tx: Tx, provider: str, app: str, forecast: dict[str, Any], *, now: datetime) -> None:
    """Keeps the day's forecast, for every process to plan by."""
    await run(
        tx,
        """insert into wearbase.budget (provider, app, forecast, forecast_at) values (%s, %s, %s::jsonb, %s)
           on conflict (provider, app) do update set forecast = excluded.forecast, forecast_at = excluded.forecast_at""",
        (provider, app, as_jsonb(forecast), now),
    )


async def forecast(tx: Tx, provider: str, app: str) -> dict[str, Any] | None:
    """The newest forecast, None before the first."""
    return await value(tx, "select forecast from wearbase.budget where provider = %s and app = %s", (provider, app))


async def warn(tx: Tx, provider: str, app: str, *, percent: int) -> bool:
    """Whether this is the first to see the day's use pass that mark."""
    sql = "update wearbase.budget set warned_percent = %s where provider = %s and app = %s and warned_percent < %s"
    return bool(await run(tx, sql, (percent, provider, app, percent)))


# Several members in a row, with no success between them, are an outage; one member's trouble is not.
_FAILED = """
insert into wearbase.budget as b (provider, app, outage_since, outage_members)
values (%(provider)s, %(app)s, %(now)s, array[%(member)s::bigint])
on conflict (provider, app) do update
   set outage_since = case when b.outage_since > %(stale)s then b.outage_since else excluded.outage_since end,
       outage_members = case when b.outage_since > %(stale)s or b.outage_pauses > 0
                             then (array_remove(b.outage_members, %(member)s::bigint) || %(member)s::bigint)[1:16]
                             else excluded.outage_members end
returning cardinality(outage_members) as members, outage_pauses as pauses, paused_until
"""


async def note_outage(tx: Tx, provider: str, app: str, *, member: int, now: datetime, stale: datetime) -> dict[str, Any]:
    """Counts a member whose call failed at the provider; how many in a row, how many pauses so far, and one under way.

    Failures from before `stale` are forgotten.
    """
    found = await row(tx, _FAILED, {"provider": provider, "app": app, "member": member, "now": now, "stale": stale})
    assert found is not None
    return found


async def pause(tx: Tx, provider: str, app: str, *, until: datetime) -> None:
    """Nobody calls until then; afterwards one call tries."""
    await run(
        tx,
        "update wearbase.budget set paused_until = %s, outage_pauses = outage_pauses + 1 where provider = %s and app = %s",
        (until, provider, app),
    )


async def note_recovery(tx: Tx, provider: str, app: str) -> bool:
    """A call succeeded: whatever was wrong is over. Whether a pause was in force."""
    found = await value(
        tx,
        """with was as (select provider, app, outage_pauses from wearbase.budget where provider = %(p)s and app = %(a)s for update)
           update wearbase.budget b set outage_since = null, outage_members = '{}', outage_pauses = 0, paused_until = null
             from was where b.provider = was.provider and b.app = was.app returning was.outage_pauses""",
        {"p": provider, "a": app},
    )
    return bool(found)


async def reopen(tx: Tx, provider: str, app: str) -> tuple[datetime | None, datetime | None]:
    """Opens the gate and ends a pause, though their time has not come; until when each would have held."""
    found = await row(
        tx,
        """with was as (select provider, app, closed_until, paused_until from wearbase.budget
                         where provider = %(p)s and app = %(a)s for update)
           update wearbase.budget b
              set closed_until = null, paused_until = null, token_closed_until = null, told_closed_until = null,
                  outage_since = null, outage_members = '{}', outage_pauses = 0
             from was where b.provider = was.provider and b.app = was.app returning was.closed_until, was.paused_until""",
        {"p": provider, "a": app},
    )
    return (found["closed_until"], found["paused_until"]) if found else (None, None)


def _ahead(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None
