"""Members: a few that really connected to the simulator, and as many copies of them as a figure needs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson

from bench.rig import Cloud, Rig
from wearbase.app.parts import Parts, parts
from wearbase.store import days
from wearbase.store.postgres.database import rows, run
from wearbase.sync import connect
from wearbase.sync.connect import Completer
from wearbase.sync.worker import Worker

SOURCES, FIRST_ACCOUNT = 8, 70_000_000


@dataclass(frozen=True)
class People:
    """Copied members: their ids, their accounts at the provider, and the days that each has."""

    user_ids: list[str]
    accounts: list[int]
    days: list[date]
    answer: bytes  # to one read, whole


def settle(rig: Rig, cloud: Cloud, *, members: int, days_each: int) -> People:
    """Connects a few members, reads their history through the one write path, and copies what came of it."""
    return asyncio.run(_settle(rig, cloud, members, days_each))


async def _settle(rig: Rig, cloud: Cloud, members: int, days_each: int) -> People:
    settings = rig.settings(backfill_days=days_each + 10)
    async with parts(settings, rig.place()) as running:
        await join(running, cloud)
        return await _copied(running, members, days_each)


async def join(running: Parts, cloud: Cloud) -> None:
    """Connects the sources, and reads their history."""
    for n in range(1, SOURCES + 1):
        started = await connect.begin(running.engine, f"source-{n}", "whoop")
        code = cloud.approve(started.authorization_url, n)
        await connect.complete(running.engine, started.state, code, by=Completer(is_service=True))
    await Worker(running.engine, slots=1).drain()


async def _copied(running: Parts, members: int, days_each: int) -> People:
    user_ids = [f"member-{n:06d}" for n in range(members)]
    accounts = [FIRST_ACCOUNT + n for n in range(members)]
    async with running.db.transaction() as tx:
        await run(tx, _CONNECTIONS, {"users": user_ids, "accounts": [str(a) for a in accounts], "sources": SOURCES})
        await run(tx, _STATES, {"users": user_ids, "sources": SOURCES})
    wanted = await _days_of_all(running, days_each)
    for n in range(SOURCES):
        await _copy_days(running, f"source-{n + 1}", user_ids[n::SOURCES], wanted)
    async with running.db.connection() as tx:
        await run(tx, "vacuum analyze")
    answer = await running.reader.day(user_ids[0], "whoop", wanted[0])
    return People(user_ids, accounts, wanted, answer.body)


async def _days_of_all(running: Parts, count: int) -> list[date]:
    async with running.db.connection() as tx:
        found = await rows(
            tx,
            "select day from wearbase.day_document group by day having count(*) = %s order by day desc limit %s",
            (SOURCES, count),
        )
    assert len(found) == count, f"only {len(found)} days"
    return [f["day"] for f in found]


async def _copy_days(running: Parts, source: str, user_ids: Sequence[str], wanted: Sequence[date]) -> None:
    async with running.db.connection() as tx:
        found = await rows(
            tx, "select day, body, has_lead from wearbase.day_document where user_id = %s and day = any(%s)", (source, list(wanted))
        )
    made: list[tuple[str, Any]] = []
    for row in found:
        body = orjson.loads(row["body"])
        own = {name: value for name, value in body.items() if name not in ("user_id", "date")}
        made += [(user_id, days.document(user_id, row["day"], own, has_lead=row["has_lead"])) for user_id in user_ids]
    async with running.db.transaction() as tx:
        await run(
            tx,
            """insert into wearbase.day_document (user_id, provider, day, revision, body, has_lead, updated_at)
               select u, 'whoop', d, r, b, l, %s
                 from unnest(%s::text[], %s::date[], %s::text[], %s::text[], %s::boolean[]) i(u, d, r, b, l)""",
            (
                datetime.now(UTC), [u for u, _ in made], [d.day for _, d in made], [d.revision for _, d in made],
                [d.body for _, d in made], [d.has_lead for _, d in made],
            ),
        )  # fmt: skip


_COPY_OF = "join unnest(%(users)s::text[]) with ordinality m(u, n) on s.user_id = 'source-' || ((m.n - 1) %% %(sources)s + 1)"
_CONNECTIONS = f"""
insert into wearbase.connection (user_id, provider, state, external_user_id, asked_scopes, scopes, utc_offset_min, offset_seen_at, open_day,
                                 looked_at, consented_at, connected_at, created_at, updated_at)
select m.u, s.provider, s.state, (%(accounts)s::text[])[m.n], s.asked_scopes, s.scopes, s.utc_offset_min, s.offset_seen_at, s.open_day,
       s.looked_at, s.consented_at, s.connected_at, s.created_at, s.updated_at
  from wearbase.connection s {_COPY_OF}
"""
_STATES = f"""
insert into wearbase.sync_state (user_id, provider, resource, due_at, reason, priority, marks, served_marks, watermark, last_attempt_at,
                                 last_success_at, records_synced, api_calls)
select m.u, s.provider, s.resource, s.due_at, s.reason, s.priority, s.marks, s.served_marks, s.watermark, s.last_attempt_at,
       s.last_success_at, s.records_synced, s.api_calls
  from wearbase.sync_state s {_COPY_OF}
"""
