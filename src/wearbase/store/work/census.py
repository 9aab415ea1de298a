"""How the whole installation is doing: counts over all members, made every few minutes, and what is asked for each time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wearbase.store import observations
from wearbase.store.postgres.database import Tx, row, rows

CENSUS = "census"  # the name of the observation
EVERYBODY = ""  # stands in an observation for no source: what is counted once for all
WAITING = {"0": "person", "1": "delivery", "2": "timetable", "3": "backfill"}  # by priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What makes somebody idle, a member stale, a grant overdue: earlier than these."""

    idle_before: datetime
    stale_before: datetime
    overdue_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The newest census of a source."""

    content: Mapping[str, Any]
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What is asked for each time: who works, since when the oldest of each kind is due, and the newest censuses."""

    workers: int
    oldest_due: Mapping[str, datetime]
    sources: Mapping[str, Counted]
    failing_chores: Mapping[str, int] = field(default_factory=dict)
    unopenable: int | None = None  # sealed values; None where no census counted them yet
    backup_at: datetime | None = None


# These look at every member, as the forecast does: once in five minutes for all processes together.
_MEMBERS = """
select c.provider, count(*) filter (where c.state = 'connected')::int as connected,
       count(*) filter (where c.state = 'needs_reauthorization')::int as needs_reauthorization,
       count(*) filter (where c.state = 'connected' and is_idle)::int as idle,
       count(*) filter (where c.state = 'connected' and not is_idle
                          and coalesce(s.oldest, c.connected_at) < %(stale_before)s and s.resources > 0)::int as stale,
       count(*) filter (where c.state = 'connected' and c.refused_at is not null)::int as grants_refused,
       count(*) filter (where c.state = 'connected' and c.refresh_attempts > 1)::int as grants_unknown,
       count(*) filter (where c.state = 'connected' and c.refresh_token is not null
                          and c.token_expires_at < %(overdue_before)s)::int as grants_overdue
  from (select *, greatest(looked_at, connected_at) <= %(idle_before)s as is_idle from wearbase.connection) c
  left join (select user_id, provider, count(*) as resources,
                    case when count(last_success_at) = count(*) then min(last_success_at) end as oldest
               from wearbase.sync_state where error is distinct from 'missing_scope' group by user_id, provider) s
    on s.user_id = c.user_id and s.provider = c.provider
 group by c.provider
"""
_RESOURCES = """
select s.provider, s.resource, count(*) filter (where s.error <> 'missing_scope')::int as failing,
       count(s.backfill_error)::int as histories_failing
  from wearbase.sync_state s join wearbase.connection c on c.user_id = s.user_id and c.provider = s.provider
 where c.state = 'connected' and (s.error is not null or s.backfill_error is not null)
 group by s.provider, s.resource
"""
_PARKED = "select provider, resource, count(*)::int as parked from wearbase.parked_record group by provider, resource"
# An idle member's deliveries are meant to wait.
_DELIVERIES = """
select d.provider, count(*)::int as deliveries_open, min(d.received_at) as oldest_open_at
  from wearbase.delivery d join wearbase.connection c on c.user_id = d.user_id and c.provider = d.provider
 where d.state = 'open' and c.state = 'connected' and greatest(c.looked_at, c.connected_at) > %(idle_before)s
 group by d.provider
"""
_CHORES = "select kind, count(*)::int as failing from wearbase.chore where attempts > 0 group by kind"

# Each part is the first row of an index, but for the workers and the censuses, of which there are few.
_VITALS = """
select (select count(*) from wearbase.worker where heartbeat_at >= %(alive_since)s)::int as workers,
       (select jsonb_object_agg(p.n::text, x.due_at) from (values (0), (1), (2), (3)) p(n) cross join lateral
           (select due_at from wearbase.sync_state where priority = p.n and due_at is not null order by due_at limit 1) x) as due,
       (select backfill_due_at from wearbase.sync_state where backfill_due_at is not null order by backfill_due_at limit 1) as history,
       (select inbox_due_at from wearbase.connection where inbox_due_at is not null order by inbox_due_at limit 1) as inbox,
       (select due_at from wearbase.chore order by due_at limit 1) as chore,
       (select seen_at from wearbase.observation where provider = '' and name = 'backup') as backup
"""
_NEWEST = "select provider, content, seen_at from wearbase.observation where name = %s"


async def take(tx: Tx, resources: Mapping[str, list[str]], limits: Limits, *, unopenable: int, now: datetime) -> None:
    """Counts, and keeps the counts of each source given with its resources; nothing found is a zero."""
    given = {"idle_before": limits.idle_before, "stale_before": limits.stale_before, "overdue_before": limits.overdue_before}
    members = {f.pop("provider"): f for f in await rows(tx, _MEMBERS, given)}
    found = {(f["provider"], f["resource"]): f for f in await rows(tx, _RESOURCES)}
    parked = {(f["provider"], f["resource"]): f["parked"] for f in await rows(tx, _PARKED)}
    waiting = {f.pop("provider"): f for f in await rows(tx, _DELIVERIES, given)}
    for provider, names in resources.items():
        failing = [(name, found.get((provider, name), {"failing": 0, "histories_failing": 0})) for name in names]
        content = {
            "members": members.get(provider, {}),
            "failing": {name: f["failing"] for name, f in failing},
            "histories_failing": {name: f["histories_failing"] for name, f in failing},
            "parked": {name: parked.get((provider, name), 0) for name in names},
            "deliveries": waiting.get(provider, {"deliveries_open": 0, "oldest_open_at": None}),
        }
        await observations.note(tx, provider, CENSUS, content, now=now)
    chores = {f["kind"]: f["failing"] for f in await rows(tx, _CHORES)}
    await observations.note(tx, EVERYBODY, CENSUS, {"failing_chores": chores, "unopenable": unopenable}, now=now)


async def vitals(tx: Tx, *, alive_since: datetime) -> Vitals:
    """How it is doing now; what takes a look at every member is as old as its census."""
    found = await row(tx, _VITALS, {"alive_since": alive_since})
    assert found is not None
    due = {WAITING[n]: datetime.fromisoformat(at) for n, at in (found["due"] or {}).items()}
    due |= {name: found[name] for name in ("history", "inbox", "chore") if found[name] is not None}
    newest = {f["provider"]: Counted(content=f["content"], seen_at=f["seen_at"]) for f in await rows(tx, _NEWEST, (CENSUS,))}
    everybody = newest.pop(EVERYBODY, None)
    counted = everybody.content if everybody else {}
    return Vitals(
        workers=found["workers"], oldest_due=due, sources=newest, failing_chores=counted.get("failing_chores", {}),
        unopenable=counted.get("unopenable"), backup_at=found["backup"],
    )  # fmt: skip
