"""Grants that the provider refuses: one is a member who left, many at once are the provider's own trouble."""

from datetime import datetime, timedelta

from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, rows, run, value


async def refused(tx: Tx, provider: str, *, since: datetime) -> int:
    """How many members' grants were refused since then, given up or not."""
    return await value(tx, "select count(*) from wearbase.connection where provider = %s and refused_at >= %s", (provider, since))


async def still_refused(tx: Tx, provider: str, *, since: datetime) -> int:
    """How many live connections were refused since then and have not been given a new pair."""
    sql = "select count(*) from wearbase.connection where provider = %s and refused_at >= %s and state = 'connected'"
    return await value(tx, sql, (provider, since))


async def has_more_live(tx: Tx, provider: str, *, than: int) -> bool:
    """Whether the provider has more live connections than that; counts no further."""
    sql = "select count(*) from (select from wearbase.connection where provider = %s and state = 'connected' limit %s) live"
    return await value(tx, sql, (provider, than + 1)) > than


async def alarm_since(tx: Tx, provider: str, app: str) -> datetime | None:
    """Since when refusals are not believed; None in ordinary times."""
    return await value(tx, "select alarm_since from wearbase.budget where provider = %s and app = %s", (provider, app))


async def begin_alarm(tx: Tx, provider: str, app: str, *, now: datetime) -> bool:
    """Whether the alarm was not set yet; it is now, for every process."""
    return bool(
        await run(
            tx,
            """insert into wearbase.budget as b (provider, app, alarm_since) values (%s, %s, %s)
               on conflict (provider, app) do update set alarm_since = excluded.alarm_since where b.alarm_since is null""",
            (provider, app, now),
        )
    )


async def end_alarm(tx: Tx, provider: str, app: str) -> bool:
    """Whether there was an alarm to end."""
    sql = "update wearbase.budget set alarm_since = null where provider = %s and app = %s and alarm_since is not null"
    return bool(await run(tx, sql, (provider, app)))


async def rest(tx: Tx, connection: Connection) -> None:
    """Nothing of the connection is due, and nothing is forgotten: it may be restored."""
    await run(
        tx,
        """update wearbase.sync_state set due_at = null, reason = null, priority = null, slot = null, backfill_due_at = null
            where user_id = %s and provider = %s""",
        (connection.user_id, connection.provider),
    )


# A resource whose scope is missing was not due before, unless it has been tried since.
_RESTORE = """
with gone as (
    select user_id, provider from wearbase.connection
     where provider = %(provider)s and refused_at >= %(since)s and state = 'needs_reauthorization' and refresh_token is not null
     order by user_id for update
), back as (
    update wearbase.connection c
       set state = 'connected', generation = c.generation + 1, ended_at = null, updated_at = %(now)s
      from gone where c.user_id = gone.user_id and c.provider = gone.provider
    returning c.user_id, c.provider,
              %(from)s::timestamptz + %(spread)s::interval * (abs(hashtextextended(c.user_id, 7313) %% 1000) / 1000.0) as due_at
), due as (
    update wearbase.sync_state s
       set due_at = back.due_at, reason = 'timetable', priority = 2, slot = null,
           backfill_due_at = case when s.backfill_end is not null then back.due_at end
      from back
     where s.user_id = back.user_id and s.provider = back.provider
       and (s.error is distinct from 'missing_scope' or s.last_attempt_at is not null)
)
select count(*) from back
"""


async def restore(tx: Tx, provider: str, *, since: datetime, due_from: datetime, spread: timedelta, now: datetime) -> int:
    """Connects again whoever was given up because of a refusal since then, with everything due within the spread; how many."""
    return await value(tx, _RESTORE, {"provider": provider, "since": since, "from": due_from, "spread": spread, "now": now})


async def erase_refused(tx: Tx, *, before: datetime) -> int:
    """Erases the tokens of those given up because of a refusal before then; how many."""
    return await run(
        tx,
        """update wearbase.connection set access_token = null, refresh_token = null, token_expires_at = null, refused_at = null
            where refused_at < %s and state = 'needs_reauthorization'""",
        (before,),
    )


async def refused_users(tx: Tx, provider: str) -> list[str]:
    """Users whose live connection's grant is refused and not given up, the longest refused first."""
    sql = (
        "select user_id from wearbase.connection where provider = %s and refused_at is not null and state = 'connected' order by refused_at"
    )
    return [found["user_id"] for found in await rows(tx, sql, (provider,))]


async def forget_refusals(tx: Tx, provider: str) -> None:
    """Erases the refused tokens of those given up, so that they cannot be restored, and begins to count anew."""
    await run(
        tx,
        """update wearbase.connection set access_token = null, refresh_token = null, token_expires_at = null, refused_at = null
            where provider = %s and refused_at is not null and state = 'needs_reauthorization'""",
        (provider,),
    )
