"""A second source for some of the copied members, and their health documents."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from bench.people import People
from bench.rig import Rig
from wearbase.app.parts import Parts, parts
from wearbase.store import connections, days
from wearbase.store.postgres.database import Tx, rows, run
from wearbase.store.work import due
from wearbase.sync import combine

SAMPLE = Path(__file__).parents[2] / "tests/fixtures/sahha/day-document.json"
LONG, HISTORY_FROM = 30, datetime(2025, 1, 1, tzinfo=UTC)  # history follows within the hour of joining


def add(place: Rig, found: People, *, with_two: Sequence[str]) -> str:
    """Gives those members a day of Sahha beside each of WHOOP, and makes everybody's documents; the member who has thirty days of both."""
    return asyncio.run(_add(place, found, with_two))


async def _add(place: Rig, found: People, with_two: Sequence[str]) -> str:
    async with parts(place.settings(), place.place()) as running:
        two = set(with_two)
        for user_id in found.user_ids:
            async with running.db.transaction() as tx:
                if user_id in two:
                    await _second(tx, running, user_id, found.days)
                if user_id == with_two[-1]:
                    await _lengthen(tx, running, user_id)
                await run(tx, "update wearbase.sync_state set history_from = %s where user_id = %s", (HISTORY_FROM, user_id))
                await combine.rebuild_all(tx, running.engine.combining, user_id, now=running.clock.now())
        async with running.db.connection() as tx:
            await run(tx, "vacuum analyze")
    return with_two[-1]


async def _second(tx: Tx, running: Parts, user_id: str, wanted: Sequence[date]) -> None:
    now, names = running.clock.now(), ["score", "biomarker", "archetype"]
    made = await connections.put(
        tx, user_id=user_id, provider="sahha", external_user_id=f"account-of-{user_id}", asked_scopes=[], scopes=[], now=now
    )
    await due.start(tx, made, names, missing=[], is_new_identity=True, now=now)
    await run(
        tx,
        """update wearbase.sync_state set due_at = %s, priority = 2, served_marks = marks, last_success_at = %s
            where user_id = %s and provider = 'sahha'""",
        (now + timedelta(hours=8), now, user_id),
    )
    sample = orjson.loads(SAMPLE.read_bytes())
    own = {name: v for name, v in sample.items() if name not in ("user_id", "date")}
    await days.put(tx, made, [days.document(user_id, day, own, has_lead=False) for day in wanted], now=now)


async def _lengthen(tx: Tx, running: Parts, user_id: str) -> None:
    """Every day of the last thirty, today too, as the newest stored one."""
    today = datetime.now(UTC).date()
    for stored in await connections.all_of(tx, user_id):
        newest = await rows(
            tx,
            "select body, has_lead from wearbase.day_document where user_id = %s and provider = %s order by day desc limit 1",
            (user_id, stored.provider),
        )
        own: dict[str, Any] = {n: v for n, v in orjson.loads(newest[0]["body"]).items() if n not in ("user_id", "date")}
        wanted = [today + timedelta(days=1 - n) for n in range(LONG + 2)]
        made = [days.document(user_id, day, own, has_lead=newest[0]["has_lead"]) for day in wanted]
        await days.put(tx, stored, made, now=running.clock.now())
