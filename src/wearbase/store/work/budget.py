"""The call budget of a provider app: one row, shared by all processes."""

from datetime import datetime

from wearbase.domain.provider import Quota
from wearbase.store.postgres.database import Tx, row, run, value


async def reserve(tx: Tx, provider: str, app: str, *, calls: int, now: datetime, per_minute: int, per_day: int) -> datetime | None:
    """Takes that many calls from the budget; None, or the instant at which to ask again."""
    return await value(tx, "select wearbase.reserve_calls(%s, %s, %s, %s, %s, %s)", (provider, app, calls, now, per_minute, per_day))


async def learn(tx: Tx, provider: str, app: str, quota: Quota) -> None:
    """Keeps the limits that an answer's headers named."""
    minute, day = quota.limits_by_window_s.get(60), quota.limits_by_window_s.get(86_400)
    await run(
        tx,
        """update wearbase.budget set minute_limit = coalesce(%s, minute_limit), day_limit = coalesce(%s, day_limit)
            where provider = %s and app = %s""",
        (minute, day, provider, app),
    )


async def close(tx: Tx, provider: str, app: str, *, until: datetime) -> None:
    """Closes the gate for everybody until the provider's reset."""
    await run(
        tx,
        """insert into wearbase.budget as b (provider, app, closed_until) values (%s, %s, %s)
           on conflict (provider, app) do update set closed_until = greatest(coalesce(b.closed_until, excluded.closed_until),
                                                                             excluded.closed_until)""",
        (provider, app, until),
    )


async def count_token_call(tx: Tx, provider: str, app: str) -> None:
    """Counts a call to the token endpoint, which is kept apart from data calls."""
    await run(
        tx,
        """insert into wearbase.budget as b (provider, app, token_calls) values (%s, %s, 1)
           on conflict (provider, app) do update set token_calls = b.token_calls + 1""",
        (provider, app),
    )


async def used(tx: Tx, provider: str, app: str, *, now: datetime) -> dict[str, int]:
    """Data calls of the last minute and of today, token calls of all time."""
    found = await row(
        tx,
        """select (select count(*) from unnest(calls) c where c > %s::timestamptz - interval '60 seconds')::int as minute,
                  case when day = (%s at time zone 'utc')::date then day_calls else 0 end as day, token_calls
             from wearbase.budget where provider = %s and app = %s""",
        (now, now, provider, app),
    )
    return found or {"minute": 0, "day": 0, "token_calls": 0}
