"""A defect of ours in one member's visit or in a chore: noted, not spinning, nobody else held up, nothing of the data in the log."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import structlog

from tests.integration.harness import Bench
from wearbase.store import records
from wearbase.store.work import chores as queue
from wearbase.store.work.chores import NewChore
from wearbase.store.work.due import Priority
from wearbase.sync import chores, worker
from wearbase.sync.chores import plan_chores
from wearbase.sync.worker import Worker


async def test_a_visit_that_breaks_is_noted_and_others_go_on(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.connect("ann", 0)
    await world.connect("bob", 1)
    real = records.put_page

    async def broken(tx: Any, connection: Any, *args: Any, **more: Any) -> Any:
        if connection.user_id == "ann":
            raise RuntimeError("canary-score-66")
        return await real(tx, connection, *args, **more)

    monkeypatch.setattr(records, "put_page", broken)
    with structlog.testing.capture_logs() as logs:
        assert await world.worker.drain() < 50
    assert "canary" not in str(logs)
    assert {log["error"] for log in logs if log["event"] == "visit failed"} == {"RuntimeError"}
    states = await world.rows("select user_id, error, backfill_error from wearbase.sync_state")
    assert {s["error"] or s["backfill_error"] for s in states if s["user_id"] == "ann"} == {"internal_error"}
    assert {s["error"] for s in states if s["user_id"] == "bob"} == {s["backfill_error"] for s in states if s["user_id"] == "bob"} == {None}
    monkeypatch.undo()
    await world.step(minutes=6, webhooks=False)
    await world.work()
    assert await world.rows("select 1 from wearbase.sync_state where error is not null or backfill_error is not null") == []
    assert world.clock.now() - timedelta(hours=1) < (await world.states())["cycle"]["last_success_at"]


async def kinds(world: Bench) -> dict[str, Any]:
    return {c["kind"]: c for c in await world.rows("select * from wearbase.chore")}


async def test_a_chore_of_a_kind_that_a_newer_process_made_is_left_to_it(world: Bench) -> None:
    made = NewChore(id=uuid4(), kind="of_tomorrow", due_at=world.clock.now(), priority=Priority.TIMETABLE)
    async with world.engine.db.transaction() as tx:
        await queue.add(tx, made, now=world.clock.now())
    await world.worker.drain()
    left = (await kinds(world))["of_tomorrow"]
    assert (left["due_at"] > world.clock.now(), left["error"], left["lease_until"]) == (True, None, None)


async def test_a_chore_that_breaks_is_put_off_for_longer_each_time_and_everything_else_goes_on(
    world: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.connect("ann", 0)
    await plan_chores(world.engine)
    broken_with: list[Exception] = [OverflowError("canary-date"), KeyError("canary-key"), OverflowError("canary-date")]

    async def broken(engine: Any) -> None:
        raise broken_with.pop(0)

    monkeypatch.setitem(chores.STANDING, "forecast", replace(chores.STANDING["forecast"], do=broken))
    with structlog.testing.capture_logs() as logs:
        await world.worker.drain()
        found = await kinds(world)
        assert found["forecast"]["due_at"] == world.clock.now() + timedelta(minutes=5)
        assert (found["forecast"]["error"], found["forecast"]["lease_until"]) == ("internal_error", None)
        assert found["keepalive"]["due_at"] > world.clock.now()
        assert {s["error"] for s in await world.rows("select error from wearbase.sync_state")} == {None}
        for minutes in (10, 20):
            await world.step(minutes=minutes, webhooks=False)
            await world.worker.drain()
            assert (await kinds(world))["forecast"]["due_at"] == world.clock.now() + timedelta(minutes=minutes)
    assert "canary" not in str(logs)
    assert [log["error"] for log in logs if log["event"] == "chore failed"] == ["OverflowError", "KeyError", "OverflowError"]
    monkeypatch.undo()
    await world.step(minutes=25, webhooks=False)
    await world.worker.drain()
    forecast = (await kinds(world))["forecast"]
    assert (forecast["attempts"], forecast["error"]) == (0, None)
    assert forecast["due_at"] <= world.clock.now() + timedelta(minutes=5)


async def test_a_heart_that_breaks_ends_the_worker_aloud(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(engine: Any) -> None:
        raise OverflowError

    monkeypatch.setattr(worker, "plan_chores", broken)
    async with asyncio.timeout(5):
        with pytest.raises(OverflowError):
            await Worker(world.engine).run(asyncio.Event())
