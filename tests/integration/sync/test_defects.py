"""A defect of ours in one member's visit: noted, not spinning, nobody else held up, nothing of the data in the log."""

from datetime import timedelta
from typing import Any

import pytest
import structlog

from tests.integration.harness import Bench
from wearbase.store import records


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
    states = await world.rows("select user_id, error from wearbase.sync_state")
    assert {s["error"] for s in states if s["user_id"] == "ann"} == {"internal_error"}
    assert {s["error"] for s in states if s["user_id"] == "bob"} == {None}
    monkeypatch.undo()
    await world.step(minutes=6, webhooks=False)
    await world.work()
    assert {s["error"] for s in await world.rows("select error from wearbase.sync_state")} == {None}
    assert world.clock.now() - timedelta(hours=1) < (await world.states())["cycle"]["last_success_at"]
