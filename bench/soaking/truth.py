"""Whether anything was lost: what was accepted, and what the provider truly holds, against the database."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg

from bench.soaking.judging import missing
from bench.soaking.stage import Stage, settle
from tests.integration.storm import laws
from wearbase.app.parts import parts

RESOURCES = ("recovery", "sleep", "workout", "cycle")
JOURNAL_PATIENCE_S = 150.0
HISTORY = timedelta(days=20)  # longer than there is any
_TRACES = """select coalesce(encode(body, 'escape')::json ->> 'trace_id', '') from wearbase.delivery d
              where (user_id like 'member-%%') = %(of_copies)s and received_at >= %(since)s"""
# All of the history: a cycle older than the overlap that lost a workout would be read again within a week only.
_DUE = """update wearbase.sync_state s set due_at = %(now)s, reason = 'person', priority = 0, slot = null, marks = marks + 1,
                 asked_start = %(start)s, asked_end = %(now)s
            from wearbase.connection c
           where c.user_id = s.user_id and c.provider = s.provider and c.refresh_token is not null"""
_LEFT = """select count(*) from wearbase.delivery d join wearbase.connection c using (user_id, provider)
            where d.state = 'open' and c.refresh_token is not null and d.next_attempt_at is null"""


@dataclass
class Truth:
    """What was found; all counts but `accepted`, `noticed`, `again`, `records` and `left_open` are to be 0."""

    accepted: int = 0
    unstored: int = 0
    twice: int = 0
    noticed: int = 0  # deliveries of the simulator
    again: int = 0  # of which so many were sent more than once
    undelivered: int = 0
    unstored_notices: int = 0
    records: int = 0
    wrong_records: list[str] = field(default_factory=list)
    wrong_days: list[str] = field(default_factory=list)
    left_open: int = 0  # deliveries that were not settled within minutes
    unsettled: int = 0


def look(stage: Stage, accepted: list[int], *, since: datetime) -> Truth:
    """Waits until everything is at rest, has everybody read once more (nothing announces a cycle), and compares."""
    found = Truth(accepted=len(accepted))
    stored = Counter(UUID(text).int for text in _traces(stage, of_copies=True, since=since))
    found.unstored, found.twice = missing(accepted, stored)
    _journal(stage, found, since)
    if not settle(stage):
        found.left_open = stage.ask(_LEFT)
    stage.cloud.control.post("/control/clock", json={"speed": 0}).raise_for_status()  # else a cycle goes on while it is compared
    now = datetime.now(UTC)
    stage.tell(_DUE, start=now - HISTORY, now=now)
    found.unsettled = 0 if settle(stage) else 1
    _records(stage, found)
    asyncio.run(_days(stage, found))
    return found


def _traces(stage: Stage, *, of_copies: bool, since: datetime) -> list[str]:
    with psycopg.connect(stage.server.url) as connection:
        return [row[0] for row in connection.execute(_TRACES.encode(), {"of_copies": of_copies, "since": since})]


def _journal(stage: Stage, found: Truth, since: datetime) -> None:
    """Every notice that the simulator sent is there; it sends again what was refused."""
    give_up, waiting = time.monotonic() + JOURNAL_PATIENCE_S, [{}]
    sent: list[dict[str, Any]] = []
    while waiting and time.monotonic() < give_up:
        told = stage.cloud.control.get("/control/deliveries").raise_for_status().json()
        sent = [d for d in told if datetime.fromisoformat(d["created_at"]) >= since]
        waiting = [d for d in sent if d["state"] not in ("delivered", "failed")]
        time.sleep(0.5 if waiting else 0)
    stored = Counter(_traces(stage, of_copies=False, since=since))
    found.noticed, found.again = len(sent), sum(1 for d in sent if len(d["attempts"]) > 1)
    found.undelivered = sum(1 for d in sent if d["state"] != "delivered")
    found.unstored_notices = sum(1 for d in sent if d["state"] == "delivered" and not stored[d["trace_id"]])
    found.twice += _twice(stage)


def _twice(stage: Stage) -> int:
    """Deliveries that are there more than once."""
    statement = """select count(*) from (select 1 from wearbase.delivery where body is not null
                    group by user_id, body having count(*) > 1) d"""
    return stage.ask(statement)


def _records(stage: Stage, found: Truth) -> None:
    """The stored records against those of the simulator."""
    with psycopg.connect(stage.server.url) as connection:
        for name, account in stage.joined.items():
            for resource in RESOURCES:
                rows = connection.execute(
                    "select raw from wearbase.record where user_id = %s and resource = %s and deleted_at is null", (name, resource)
                )
                held = [row[0] for row in rows]
                truth = stage.cloud.control.get(f"/control/truth/{account}/{resource}").raise_for_status().json()["records"]
                found.records += len(truth)
                if _canonical(held) != _canonical(truth):
                    found.wrong_records.append(f"{name} {resource}: {_difference(held, truth)}")


def _canonical(records: list[dict[str, Any]]) -> list[bytes]:
    return sorted(orjson.dumps(r, option=orjson.OPT_SORT_KEYS) for r in records)


def _difference(held: list[dict[str, Any]], truth: list[dict[str, Any]]) -> str:
    """How many on each side only, and of the first such record which fields."""
    kept, real = ({str(r.get("id") or r["cycle_id"]): r for r in records} for records in (held, truth))
    other = [key for key in kept.keys() & real.keys() if kept[key] != real[key]]
    fields = [name for name in real[other[0]] if kept[other[0]].get(name) != real[other[0]][name]] if other else []
    of = f", of {real[other[0]]['created_at']} {', '.join(fields)}" if other else ""
    return f"{len(kept.keys() - real.keys())} too many, {len(real.keys() - kept.keys())} missing, {len(other)} other{of}"


async def _days(stage: Stage, found: Truth) -> None:
    """The stored days against those made anew from the records, by the law that the storms hold to."""
    async with parts(stage.place.settings(), stage.place.place()) as running:
        for name in stage.joined:
            try:
                await laws.check_days(running, name)  # pyright: ignore[reportArgumentType]  it needs an engine, which both have
            except AssertionError as error:
                found.wrong_days.append(str(error)[:300])


def since_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
