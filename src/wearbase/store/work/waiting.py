"""Waiting for calls: never for long without asking again, and thousands of members ask as one."""

from datetime import UTC, datetime

from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, run, value
from wearbase.store.work.due import Priority

# The calls may be there sooner than the budget said: a ceiling is raised, a gate opened, a quota restored.
ASK_AGAIN_S = 300
MOST_ALONG = 5_000

_ALONG = """
with along as (
    select user_id, resource, row_number() over (order by {due}) * interval '1 microsecond' as place
      from (select user_id, resource, {due} from wearbase.sync_state
             where provider = %(p)s and {waits} = {due} and {due} <= %(now)s {only}
             order by {due} limit %(most)s for update skip locked) w
)
update wearbase.sync_state s set {due} = %(until)s + along.place, {waits} = %(until)s + along.place
  from along where s.user_id = along.user_id and s.provider = %(p)s and s.resource = along.resource
"""
_DUE_ALONG = _ALONG.format(due="due_at", waits="waits_until", only="and priority = %(priority)s")
_HISTORY_ALONG = _ALONG.format(due="backfill_due_at", waits="backfill_waits_until", only="")


def again_at(until: datetime, *, now: datetime) -> datetime:
    """When what waits for calls until then asks again: then, or at the next of the instants that all share, a few minutes apart."""
    return min(until, datetime.fromtimestamp((int(now.timestamp()) // ASK_AGAIN_S + 1) * ASK_AGAIN_S, UTC))


async def postpone(tx: Tx, connection: Connection, resource: str, *, until: datetime, in_backfill: bool, now: datetime) -> int:
    """Waits for calls: not a failure, only later. How many rows wait along.

    What was waiting already and would now ask and be told the same is put off with it, in its order. Not so persons, who each ask
    for themselves: another process may have calls for them.
    """
    due, waits = ("backfill_due_at", "backfill_waits_until") if in_backfill else ("due_at", "waits_until")
    priority = await value(
        tx,
        f"""update wearbase.sync_state set {due} = %(until)s, {waits} = %(until)s
             where user_id = %(u)s and provider = %(p)s and resource = %(r)s returning priority""",  # noqa: S608 fixed names
        {"until": until, "u": connection.user_id, "p": connection.provider, "r": resource},
    )
    if not in_backfill and priority in (None, Priority.PERSON):
        return 0
    along = {"p": connection.provider, "priority": priority, "until": until, "now": now, "most": MOST_ALONG}
    return await run(tx, _HISTORY_ALONG if in_backfill else _DUE_ALONG, along)
