"""A visit that ends with its worker between a collection's last page and the deliveries that it had still to settle."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx2

from tests.integration.engine.conftest import inbox, newest, settled
from tests.integration.harness import START, Bench
from wearbase.sync.upkeep.census import LEFT_AFTER, take_census
from wearbase.sync.worker import LEASE

DUE = "select user_id from wearbase.sync_state where due_at <= %s"
OLD = timedelta(days=8)  # of a record that no usual window holds: its delivery needs a read by id


async def broken_off(world: Bench, account: int) -> dict[str, Any]:
    """The newest workout and an old one change: the collection is read, and the worker dies at the read by id. The old one as it was."""
    old = newest([w for w in await world.truth(account, "workout") if datetime.fromisoformat(w["start"]) < START - OLD])
    for changed in (newest(await world.truth(account, "workout")), old):
        await world.event(account, "rescore", resource="workout", record_id=changed["id"])
    await world.deliver()
    await world.step(seconds=3)

    async def die(request: httpx2.Request, send: Any) -> httpx2.Response:
        if old["id"] in request.url.path:
            raise asyncio.CancelledError
        return await send(request)

    world.wire.meddle = die
    dying = asyncio.create_task(world.worker.drain())
    await asyncio.wait({dying})
    assert dying.cancelled()
    world.wire.meddle = None
    await world.step(seconds=LEASE.total_seconds() + 1)
    return old


async def test_what_a_broken_visit_left_is_read_minutes_later_and_not_at_the_next_slot(world: Bench) -> None:
    account = await settled(world)
    old = await broken_off(world, account)
    assert await world.work() == 0
    assert "open" in await inbox(world)
    await world.step(seconds=LEFT_AFTER.total_seconds())
    await take_census(world.engine)
    assert await world.work() > 0
    assert await inbox(world) == ["settled", "settled"]
    stored = {w["id"]: w for w in await world.stored("ann", "workout")}
    assert stored[old["id"]] == {w["id"]: w for w in await world.truth(account, "workout")}[old["id"]] != old


async def test_deliveries_that_wait_on_purpose_are_left_alone(world: Bench) -> None:
    """An idle member's wait for a look, a failing resource's for its own time, a fresh one for its visit."""
    account = await settled(world)
    await broken_off(world, account)
    await take_census(world.engine)  # too soon
    assert await world.work() == 0
    await world.step(seconds=LEFT_AFTER.total_seconds())
    async with world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set error = 'provider_unavailable' where resource = 'workout'")
    await take_census(world.engine)
    assert await world.work() == 0
    async with world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set error = null")
        await tx.execute(
            "update wearbase.connection set looked_at = looked_at - interval '30 days', connected_at = looked_at - interval '30 days'"
        )
    await take_census(world.engine)
    assert "open" in await inbox(world)
    assert await world.rows(DUE, world.clock.now()) == []
