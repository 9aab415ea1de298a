"""Named cases, each of which has broken a real product. They are told by outcomes: the store, the status, the provider's own log."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any

import pytest

from tests.integration.harness import Bench, bench
from wearbase.store import connections
from wearbase.store.connections import Connection


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[Bench]:
    async with bench(database_url, days=12, backfill_days=20) as made:
        yield made


async def settled(world: Bench, user_id: str = "ann", member: int = 0) -> int:
    """Connects a member and brings everything; two minutes later. Their account at the provider."""
    await world.connect(user_id, member)
    await world.work()
    await world.step(minutes=2, webhooks=False)
    return (await world.members())[member]["user_id"]


async def connection_of(world: Bench, user_id: str = "ann") -> Connection:
    async with world.engine.db.connection() as tx:
        found = await connections.get(tx, user_id, "whoop")
    assert found is not None
    return found


async def inbox(world: Bench) -> list[str]:
    """The state of each delivery, in their order."""
    return [f["state"] for f in await world.rows("select state from wearbase.delivery order by id")]


async def visits(world: Bench, at_most: int) -> int:
    """Works until nothing is due, and fails if that never comes."""
    for count in range(at_most):
        if not await world.one():
            return count
    raise AssertionError(f"still busy after {at_most} visits")


async def look(world: Bench, user_id: str = "ann") -> None:
    """Somebody looks at the member's data, so that the member does not count as idle."""
    async with world.engine.db.transaction() as tx:
        await connections.look(tx, user_id, "whoop", now=world.clock.now())


async def work_for(world: Bench, *, steps: int, **by: float) -> None:
    """Works, and lets time pass in steps, without webhooks; the member's data is looked at all the while."""
    for _ in range(steps):
        await look(world)
        await world.work()
        await world.step(webhooks=False, **by)
    await world.work()


def newest(records: Sequence[dict[str, Any]], *, nap: bool | None = None) -> dict[str, Any]:
    """The newest record; of sleeps, the newest nap or night."""
    return max((r for r in records if nap is None or r["nap"] is nap), key=lambda r: r["start"])


async def route_calls(world: Bench) -> dict[str, int]:
    """Data calls by route, as the provider counted them."""
    return (await world.calls())["by_route"]


async def grown(world: Bench, before: dict[str, int]) -> dict[str, int]:
    """Calls since then, by route."""
    after = await route_calls(world)
    return {route: count - before.get(route, 0) for route, count in after.items() if count != before.get(route, 0)}


def local_day(record: dict[str, Any], edge: str = "end") -> date:
    """The date on the member's clock at that edge of a raw record."""
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{record['timezone_offset']}").tzinfo
    return datetime.fromisoformat(record[edge]).astimezone(zone).date()
