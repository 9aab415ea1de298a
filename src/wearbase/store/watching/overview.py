"""The whole installation in figures: members, deliveries, workers. Statements over everybody; whoever asks spaces them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wearbase.store.postgres.database import Tx, many, one


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many members stand alike: `age` tells between which bounds their newest success lies, from the oldest; None without one."""

    word: str
    age: int | None
    is_idle: bool
    members: int
    median_at: datetime | None  # of all members' newest success


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where freshness is cut into parts, and from when on a member is late or idle."""

    ages_s: Sequence[int]
    late_before: datetime
    idle_before: datetime
    now: datetime


# One line for each member, whatever the number of sources. A member whom nobody looks at is read seldom, and is not late for it.
_STANDING = """
with m as (
    select user_id, bool_or(state = 'needs_reauthorization') as is_broken, max(fresh_at) filter (where state = 'connected') as fresh_at,
           coalesce(max(greatest(looked_at, connected_at)) <= %(idle_before)s, false) as is_idle
      from wearbase.connection where state <> 'disconnected' group by user_id
), w as (
    select m.user_id, m.fresh_at, m.is_idle,
           case when m.is_broken then 'reconnect' when f.user_id is not null or m.fresh_at is null then 'filling'
                when m.fresh_at < %(late_before)s and not m.is_idle then 'stale' else 'current' end as word
      from m left join (select distinct user_id from wearbase.sync_state where backfill_due_at is not null) f on f.user_id = m.user_id
)
"""
_CROWDS = f"""{_STANDING}
select word, width_bucket(fresh_at, %(bounds)s::timestamptz[]) as age, is_idle, count(*)::int as members,
       (select percentile_disc(0.5) within group (order by fresh_at desc) from w) as median_at
  from w group by 1, 2, 3
"""


async def crowds(tx: Tx, bounds: Bounds) -> list[Crowd]:
    """All members by state, freshness and whether anybody looks at them."""
    return await many(tx, Crowd, _CROWDS, _given(bounds))


@dataclass(frozen=True, slots=True)
class Standing:
    """One member in the list of a state."""

    user_id: str
    state: str
    fresh_at: datetime | None
    is_idle: bool


async def members(tx: Tx, bounds: Bounds, word: str, *, after: str, limit: int) -> list[Standing]:
    """Members of one state, by user id, from there on."""
    return await many(
        tx,
        Standing,
        f"""{_STANDING} select user_id, word as state, fresh_at, is_idle from w
             where word = %(word)s and user_id > %(after)s order by user_id limit %(limit)s""",
        {**_given(bounds), "word": word, "after": after, "limit": limit},
    )


def _given(bounds: Bounds) -> dict[str, object]:
    edges = [bounds.now - timedelta(seconds=age) for age in reversed(bounds.ages_s)]
    return {"bounds": edges, "late_before": bounds.late_before, "idle_before": bounds.idle_before, "now": bounds.now}


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came in half an hour, and what became of it. `quick`: stored within a minute."""

    slot: datetime
    received: int
    stored: int
    quick: int
    unknown: int
    parked: int


async def arrivals(tx: Tx, *, since: datetime, quick: timedelta) -> list[Arrived]:
    """Deliveries that came since then, by half an hour."""
    return await many(
        tx,
        Arrived,
        """select date_bin('30 minutes', received_at, 'epoch') as slot, count(*)::int as received,
                  count(*) filter (where state = 'settled')::int as stored,
                  count(*) filter (where state = 'settled' and settled_at - received_at <= %s)::int as quick,
                  count(*) filter (where state = 'parked' and reason = 'unknown_member')::int as unknown,
                  count(*) filter (where state = 'parked' and reason is distinct from 'unknown_member')::int as parked
             from wearbase.delivery where received_at >= %s group by 1 order by 1""",
        (quick, since),
    )


@dataclass(frozen=True, slots=True)
class Open:
    """Deliveries that are not settled: of members at whom somebody looks, those among them older than a minute, and of idle members."""

    waiting: int
    late: int
    idle: int


async def open_deliveries(tx: Tx, *, late_before: datetime, idle_before: datetime) -> Open:
    """What waits in the inbox."""
    found = await one(
        tx,
        Open,
        """select count(*) filter (where not m.is_idle)::int as waiting,
                  count(*) filter (where not m.is_idle and d.received_at <= %(late)s)::int as late,
                  count(*) filter (where m.is_idle)::int as idle
             from (select user_id, provider, received_at from wearbase.delivery where state = 'open') d
             join (select user_id, provider, greatest(looked_at, connected_at) <= %(idle)s as is_idle from wearbase.connection) m
            using (user_id, provider)""",
        {"late": late_before, "idle": idle_before},
    )
    assert found is not None
    return found


@dataclass(frozen=True, slots=True)
class Held:
    """One piece of work of a worker; a worker that holds nothing has a single row without a piece."""

    worker: str
    started_at: datetime
    heartbeat_at: datetime
    user_id: str | None
    provider: str | None
    chore: str | None
    lease_until: datetime | None
    reasons: list[str] | None  # why its resources are due, the most urgent first
    resources: list[str] | None  # and which
    is_in_backfill: bool | None
    closed_until: datetime | None


async def workers(tx: Tx, *, now: datetime, limit: int) -> list[Held]:
    """Every worker with what it holds, as of its heartbeat and as long as the lease is its own."""
    return await many(
        tx,
        Held,
        """select w.id as worker, w.started_at, w.heartbeat_at, c.user_id, c.provider, h.kind as chore,
                  coalesce(c.lease_until, h.lease_until) as lease_until, d.reasons, d.resources, d.is_in_backfill,
                  (select max(greatest(b.closed_until, b.paused_until)) from wearbase.budget b
                    where b.provider = c.provider and greatest(b.closed_until, b.paused_until) > %(now)s) as closed_until
             from (select * from wearbase.worker order by started_at, id limit %(limit)s) w
             left join lateral unnest(w.holds) as p(piece) on true
             left join wearbase.connection c
               on p.piece like 'connection:%%' and c.id = split_part(p.piece, ':', 2)::bigint and c.lease_holder = w.id
             left join wearbase.chore h on p.piece like 'chore:%%' and h.id::text = split_part(p.piece, ':', 2) and h.lease_holder = w.id
             left join lateral (
                  select array_agg(distinct s.reason) filter (where s.due_at <= %(now)s and s.reason is not null) as reasons,
                         array_agg(s.resource order by s.resource) filter (where s.due_at <= %(now)s) as resources,
                         bool_or(s.backfill_due_at is not null) as is_in_backfill
                    from wearbase.sync_state s where s.user_id = c.user_id and s.provider = c.provider) d on c.user_id is not null
            order by w.started_at, w.id, c.user_id""",
        {"now": now, "limit": limit},
    )
