"""What the forecast is made from: members by their offset, and who could be visited with calls to spare."""

from datetime import datetime

from wearbase.domain.forecast import Crowd
from wearbase.store.postgres.database import Tx, many, run

_MORNING = """(date_trunc('day', %(now)s::timestamptz at time zone 'utc' + make_interval(mins => coalesce(c.utc_offset_min, 0) - 240))
               + make_interval(mins => 240 - coalesce(c.utc_offset_min, 0))) at time zone 'utc'"""


async def crowds(tx: Tx, provider: str, *, resource: str, idle_before: datetime, now: datetime) -> list[Crowd]:
    """Live connections by UTC offset. `resource` stands for all: its reads tell who has had this morning's."""
    return await many(
        tx,
        Crowd,
        f"""select coalesce(utc_offset_min, 0)::int as utc_offset_min, count(*) filter (where not is_idle)::int as active,
                   count(*) filter (where not is_idle and is_covered)::int as covered, count(*) filter (where is_idle)::int as idle
              from (select c.utc_offset_min, greatest(c.looked_at, c.connected_at) <= %(idle_before)s as is_idle,
                           s.covered_at >= {_MORNING} as is_covered
                      from wearbase.connection c
                      left join wearbase.sync_state s on s.user_id = c.user_id and s.provider = c.provider and s.resource = %(resource)s
                     where c.provider = %(provider)s and c.state = 'connected') m
             group by 1""",
        {"provider": provider, "resource": resource, "idle_before": idle_before, "now": now},
    )


async def bring_forward(tx: Tx, provider: str, *, covered_before: datetime, now: datetime, members: int) -> int:
    """With calls to spare, has the next idle visits made now, of members not read since then; how many rows that were."""
    return await run(
        tx,
        """with next as (
               select user_id from wearbase.sync_state
                where priority = 3 and due_at > %(now)s and reason = 'idle' and provider = %(provider)s and covered_at < %(covered)s
                order by due_at limit %(members)s)
           update wearbase.sync_state s set due_at = %(now)s, reason = 'spare' from (select distinct user_id from next) n
            where s.user_id = n.user_id and s.provider = %(provider)s and s.reason = 'idle'""",
        {"provider": provider, "covered": covered_before, "now": now, "members": members},
    )
