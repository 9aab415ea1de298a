"""Sahha's part of a day, brought in through the one write path without a cloud."""

from dataclasses import replace
from datetime import date
from typing import Any

from tests.integration.harness import Bench
from wearbase.domain.records import Page, Record
from wearbase.providers.registry import PROVIDERS
from wearbase.providers.sahha.mapping import map_biomarker, map_score
from wearbase.store import connections
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import run
from wearbase.store.work import due
from wearbase.sync.visits import keep

ACCOUNT = "sahha-account-of-{}"
_BIOMARKERS = {
    "asleep_min": ("sleep", "sleep_duration", "minute"),
    "hrv_rmssd_ms": ("vitals", "heart_rate_variability_rmssd", "millisecond"),
    "hrv_sdnn_ms": ("vitals", "heart_rate_variability_sdnn", "millisecond"),
    "resting_bpm": ("vitals", "heart_rate_resting", "bpm"),
    "steps": ("activity", "steps", "count"),
}


async def sahha_connected(world: Bench, user_id: str) -> None:
    """A connection that was completely read just now."""
    now, names = world.clock.now(), [r.name for r in PROVIDERS["sahha"].resources]
    async with world.engine.db.transaction() as tx:
        connection = await connections.put(
            tx, user_id=user_id, provider="sahha", external_user_id=ACCOUNT.format(user_id), asked_scopes=[], scopes=[], now=now
        )
        await due.start(tx, connection, names, missing=[], is_new_identity=True, now=now)
        await run(
            tx,
            """update wearbase.sync_state set due_at = null, priority = null, last_success_at = %s, last_attempt_at = %s,
                      served_marks = marks
                where user_id = %s and provider = 'sahha'""",
            (now, now, user_id),
        )


async def sahha_fails(world: Bench, user_id: str) -> None:
    """As after visits that failed."""
    async with world.engine.db.transaction() as tx:
        await run(
            tx,
            "update wearbase.sync_state set error = 'provider_unavailable', attempts = 2 where user_id = %s and provider = 'sahha'",
            (user_id,),
        )


async def sahha_says(world: Bench, user_id: str, day: date, **values: Any) -> None:
    """Stores values of a day; `periodicity` and `at` (a later creation) may be given."""
    periodicity, readiness = values.pop("periodicity", "daily"), values.pop("readiness", None)
    records = [_biomarker(user_id, day, name, value, periodicity) for name, value in values.items()]
    if readiness is not None:
        records.append(_score(user_id, day, readiness))
    now = world.clock.now()
    async with world.engine.db.transaction() as tx:
        connection = await connections.get(tx, user_id, "sahha")
        assert isinstance(connection, Connection)
        await connections.lock_member(tx, user_id)
        await keep.store_page(
            tx, world.engine.combining, PROVIDERS["sahha"], connection, Page([replace(r) for r in records], []), read_at=now, now=now
        )


def _biomarker(user_id: str, day: date, name: str, value: Any, periodicity: str) -> Record:
    category, kind, unit = _BIOMARKERS[name]
    return map_biomarker({
        "id": f"{kind}-{day}", "externalId": ACCOUNT.format(user_id), "category": category, "type": kind, "periodicity": periodicity,
        "aggregation": "total", "value": None if value is None else str(value), "unit": unit, "valueType": "double",
        "startDateTime": f"{day}T00:00:00+00:00", "endDateTime": f"{day}T23:59:59+00:00",
    })  # fmt: skip


def _score(user_id: str, day: date, score: float) -> Record:
    return map_score({
        "id": f"readiness-{day}", "externalId": ACCOUNT.format(user_id), "type": "readiness", "state": "high", "score": score,
        "factors": [], "dataSources": ["sleep"], "scoreDateTime": f"{day}T00:00:00+00:00", "version": 1,
        "createdAtUtc": f"{day}T06:00:00+00:00",
    })  # fmt: skip
