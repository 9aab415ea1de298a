"""Whatever the order in which pages, revisions and repetitions arrive, the days come out the same."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from tests.integration.harness import RESOURCES, START, Bench, bench
from wearbase.domain.records import Page, Record
from wearbase.providers.whoop import mapping
from wearbase.store import connections
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx
from wearbase.store.work import due
from wearbase.sync.visits.keep import keep_page

MAP = {
    "recovery": mapping.map_recovery,
    "sleep": mapping.map_sleep,
    "workout": mapping.map_workout,
    "cycle": mapping.map_cycle,
}


async def nothing(_: Tx) -> None:
    """The walk does not matter here."""


async def member(world: Bench, name: str) -> Connection:
    async with world.engine.db.transaction() as tx:
        await connections.put(tx, user_id=name, provider="whoop", external_user_id=name, asked_scopes=[], scopes=[], now=START)
        made = await due.claim_visit(tx, holder=name, now=START, until=START + timedelta(days=1))
        if made is None:
            found = await connections.get(tx, name, "whoop")
            assert found is not None
            made = found
    return made


def older(record: Record, by: timedelta) -> Record:
    """An earlier copy of the record, with other times and no score, as a provider would have sent it before."""
    raw: dict[str, Any] = {**record.raw, "score_state": "PENDING_SCORE", "score": None}
    raw["updated_at"] = (record.revision.at - by).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if raw.get("end") and record.end_at:
        raw["end"] = (record.end_at - timedelta(minutes=11)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return MAP[record.resource](raw)


async def documents(world: Bench, name: str) -> list[tuple[Any, Any]]:
    found = await world.rows("select day, body from wearbase.day_document where user_id = %s order by day", name)
    return [(f["day"], {k: v for k, v in orjson.loads(f["body"]).items() if k != "user_id"}) for f in found]


async def store(world: Bench, name: str, pages: list[list[Record]]) -> list[tuple[Any, Any]]:
    connection, app = await member(world, name), world.engine.app("whoop")
    for page in pages:
        theirs = [replace(record, external_user_id=name) for record in page]
        await keep_page(world.engine, app, connection, Page(theirs, []), read_at=world.clock.now(), step=nothing)
    return await documents(world, name)


async def test_arrival_order_does_not_matter(database_url: str) -> None:
    async with bench(database_url, days=12) as world:
        account = (await world.members())[2]["user_id"]
        newest = [MAP[resource](raw) for resource in RESOURCES for raw in await world.truth(account, resource)]
        expected = await store(world, "in-order", [newest])
        assert len(expected) >= 11
        for seed in range(15):
            chance = random.Random(seed)
            mixed = [*newest, *(older(r, timedelta(hours=h)) for r in newest for h in (1, 2)), *newest]
            chance.shuffle(mixed)
            size = chance.randint(1, 40)
            pages = [mixed[i : i + size] for i in range(0, len(mixed), size)]
            assert await store(world, f"m{seed}", pages) == expected, seed
            counts = await world.rows("select count(*) as n from wearbase.record where user_id = %s", f"m{seed}")
            assert counts[0]["n"] == len(newest)
