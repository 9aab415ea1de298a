"""Deliveries come in any order, alone or many at once: what is stored in the end is the same."""

import random
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.sahha.conftest import ANN, Sahha
from wearbase.domain.records import Page
from wearbase.providers.registry import PROVIDERS
from wearbase.providers.sahha.mapping import map_biomarker, map_score
from wearbase.store import connections
from wearbase.sync.visits import keep

NINE, TEN = "2026-11-16T09:00:00Z", "2026-11-16T10:00:00+00:00"


def steps(value: int, created: str, periodicity: str = "intraday") -> dict[str, Any]:
    return {
        "id": f"b-{value}", "externalId": ANN, "category": "activity", "type": "steps", "periodicity": periodicity, "aggregation": "total",
        "value": str(value), "unit": "count", "valueType": "integer", "createdAtUtc": created,
        "startDateTime": "2026-11-16T00:00:00+02:00", "endDateTime": "2026-11-16T23:59:59+02:00",
    }  # fmt: skip


def readiness(score: float, created: str) -> dict[str, Any]:
    return {
        "id": "s-1", "externalId": ANN, "type": "readiness", "score": score, "state": "high", "createdAtUtc": created,
        "scoreDateTime": "2026-11-16T00:00:00+02:00",
    }  # fmt: skip


TIED = [
    [steps(400, NINE), steps(4_000, NINE), steps(7, NINE)],
    [steps(400, NINE), steps(9, TEN), steps(81, TEN), steps(7, TEN)],
    [steps(99, TEN), steps(12, NINE, "daily"), steps(13, NINE, "daily"), steps(14, TEN)],
    [readiness(0.71, NINE), readiness(0.4, NINE), readiness(0.9, NINE), readiness(0.71, NINE)],
]


async def stored(sahha: Sahha, bodies: list[dict[str, Any]], dice: random.Random) -> list[dict[str, Any]]:
    """What is kept of them after they came in that order, cut into pages anywhere."""
    engine, pages = sahha.world.engine, list[list[dict[str, Any]]]()
    for body in bodies:
        if not pages or dice.random() < 0.5:
            pages.append([])
        pages[-1].append(body)
    for page in pages:
        now = sahha.world.clock.now()
        found = [(map_score if "score" in body else map_biomarker)(body) for body in page]
        async with engine.db.transaction() as tx:
            connection = await connections.get(tx, "ann", "sahha")
            assert connection is not None
            await keep.store_page(tx, engine.combining, PROVIDERS["sahha"], connection, Page(found, []), read_at=now, now=now)
    kept = await sahha.world.rows("select mapped, raw, revision_at, revision_rank from wearbase.record where provider = 'sahha'")
    bodies_of_days = await sahha.world.rows("select body from wearbase.day_document where provider = 'sahha'")
    await sahha.world.rows("delete from wearbase.record where provider = 'sahha' returning 1")
    await sahha.world.rows("delete from wearbase.day_document where provider = 'sahha' returning 1")
    return kept + bodies_of_days


@pytest.mark.parametrize("bodies", TIED, ids=["one instant", "an older one too", "a day that ended", "a score, one of them twice"])
async def test_copies_of_one_instant_end_in_the_same_one_whichever_came_first(sahha: Sahha, bodies: list[dict[str, Any]]) -> None:
    await sahha.settled(is_empty=True)
    dice, outcomes = random.Random(7), list[list[dict[str, Any]]]()
    for _ in range(12):
        outcomes.append(await stored(sahha, dice.sample(bodies, len(bodies)), dice))
        assert outcomes[-1] == outcomes[0]
    assert len(outcomes[0]) == 2


async def test_the_same_payload_mapped_otherwise_replaces_itself(sahha: Sahha) -> None:
    await sahha.settled(is_empty=True)
    engine, now = sahha.world.engine, sahha.world.clock.now()
    record = map_biomarker(steps(400, NINE))
    for values in (record.values, {**record.values, "aggregation": "a"}, record.values):
        async with engine.db.transaction() as tx:
            connection = await connections.get(tx, "ann", "sahha")
            assert connection is not None
            page = Page([replace(record, values=values)], [])
            await keep.store_page(tx, engine.combining, PROVIDERS["sahha"], connection, page, read_at=now, now=now)
        assert list((await sahha.values("biomarker")).values()) == [values]
