"""A worker that is told to stop: a visit has a little time, then it is broken off and given back; a refresh is always finished."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.harness import Bench
from wearbase.sync import worker
from wearbase.sync.worker import Worker

HANGS_S, LITTLE_S = 240, 0.3


async def connected(world: Bench) -> int:
    account = (await world.members())[0]["user_id"]
    await world.connect("ann")
    await world.work()
    return account


async def connection(world: Bench) -> dict[str, Any]:
    return (await world.rows("select * from wearbase.connection"))[0]


async def stopped_once(world: Bench, is_under_way: Callable[[], Awaitable[object]]) -> None:
    """Runs a worker until that is so, tells it to stop, and fails if it waits for a provider that hangs."""
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(world.engine).run(stop))
    async with asyncio.timeout(HANGS_S / 2):
        while not await is_under_way():  # noqa: ASYNC110 the database is asked
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        stop.set()
        await running


async def test_a_visit_that_takes_too_long_is_given_back_and_done_by_the_next(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "STOP_PATIENCE_S", LITTLE_S)
    account = await connected(world)
    await world.sim.post("/control/options", json={"latency_ms": 1000 * HANGS_S})
    before = (await world.state("sleep"))["served_marks"]
    await world.mark()

    async def is_held() -> bool:
        return (await connection(world))["lease_holder"] is not None

    await stopped_once(world, is_held)
    assert (await world.state("sleep"))["served_marks"] == before
    assert (await connection(world))["lease_until"] is None
    assert await world.rows("select * from wearbase.worker") == []
    await world.sim.post("/control/options", json={"latency_ms": 0})
    assert await world.work() == 1
    await world.same_as_truth("ann", account)


async def test_a_visit_that_can_be_finished_is(world: Bench) -> None:
    await connected(world)
    await world.sim.post("/control/options", json={"latency_ms": 300})
    before = (await world.state("sleep"))["served_marks"]
    await world.mark("sleep")

    async def is_held() -> bool:
        return (await connection(world))["lease_holder"] is not None

    await stopped_once(world, is_held)
    assert (await world.state("sleep"))["served_marks"] > before


async def test_a_refresh_under_way_is_waited_for_because_its_answer_is_the_only_copy(world: Bench) -> None:
    await connected(world)
    await world.step(hours=2, webhooks=False)
    await world.fault("token", "slow", delay_s=1.5)
    before = (await connection(world))["token_version"]
    await world.mark("sleep")

    async def is_refreshing() -> bool:
        return (await connection(world))["refresh_started_at"] is not None

    await stopped_once(world, is_refreshing)
    after = await connection(world)
    assert (after["token_version"], after["refresh_started_at"]) == (before + 1, None)
    assert after["token_expires_at"] > world.clock.now() + timedelta(minutes=30)
    assert after["lease_until"] is None
