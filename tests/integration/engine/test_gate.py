"""What is said of a closed gate, of a token endpoint that has had too much, and of a day that runs short."""

from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
import structlog

from tests.integration.engine.conftest import settled, visits
from tests.integration.harness import Bench
from wearbase.domain.errors import RateLimited
from wearbase.store.work import budget
from wearbase.store.work.budget import Purpose
from wearbase.store.work.due import Priority
from wearbase.sync.chores import plan_chores

Logs = list[MutableMapping[str, Any]]


def told(logs: Logs, event: str) -> Logs:
    return [entry for entry in logs if entry["event"].startswith(event)]


async def test_closing_and_opening_are_each_said_once(world: Bench) -> None:
    for number, user in enumerate(("ann", "bob")):
        await settled(world, user, number)
    await plan_chores(world.engine)
    await world.fault("/v2/", "status", status=429, count=None)
    for user in ("ann", "bob"):
        await world.mark(user_id=user)
    with structlog.testing.capture_logs() as logs:
        await visits(world, 12)
        await world.heal()
        (closed,) = told(logs, "gate closed")
        assert closed["log_level"] == "warning"
        (found,) = await world.rows("select closed_until from wearbase.budget")
        assert closed["until"] == found["closed_until"].isoformat()
        await world.step(seconds=29, webhooks=False)
        await world.work()
        assert told(logs, "gate open again") == []
        await world.step(minutes=2, webhooks=False)
        await world.work()
        await world.step(minutes=2, webhooks=False)
        await world.work()
        assert len(told(logs, "gate open again")) == 1


@pytest.mark.parametrize("are_counted_together", [False, True])
async def test_a_token_endpoint_that_has_had_too_much_is_left_alone_by_every_process(world: Bench, are_counted_together: bool) -> None:
    users = ("ann", "bob", "cat")
    for number, user in enumerate(users):
        await settled(world, user, number)
    app = world.engine.app("whoop")
    object.__setattr__(app, "counts_token_calls", are_counted_together)
    await world.step(hours=2, webhooks=False)
    await world.fault("token", "status", status=429, count=1, retry_after=90)
    before = (await world.calls())["token"]
    for user in users:
        await world.mark(user_id=user)
    async with world.another() as other:
        await visits(world, 8)
        await other.drain()
    assert (await world.calls())["token"] == before + 1
    async with world.engine.db.connection() as tx:
        until = await budget.tokens_closed_until(tx, app.name, app.key, now=world.clock.now())
        standing = await budget.standing(tx, app.name, app.key, ceilings=app.ceilings, now=world.clock.now())
    assert until is not None
    assert (standing.closed_until == until) is are_counted_together
    assert {c["state"] for c in await world.rows("select state from wearbase.connection")} == {"connected"}
    assert {c["refresh_attempts"] for c in await world.rows("select refresh_attempts from wearbase.connection")} == {0}
    await world.step(seconds=(until - world.clock.now()).total_seconds() + 1, webhooks=False)
    for user in users:
        await world.mark(user_id=user)
    await visits(world, 12)
    assert (await world.calls())["token"] == before + 1 + len(users)


async def test_marks_that_are_passed_at_once_are_each_warned_of_once_and_within_a_minute(world: Bench) -> None:
    await plan_chores(world.engine)
    await world.work()
    world.limit(per_day=20)
    app, purpose = world.engine.app("whoop"), Purpose(reason="person", priority=Priority.PERSON)
    with structlog.testing.capture_logs() as logs:
        for _ in range(20):
            async with world.engine.db.connection() as tx:
                await budget.reserve(tx, app.name, app.key, purpose, ceilings=app.ceilings, now=world.clock.now())
        for _ in range(6):
            await world.step(seconds=30, webhooks=False)
            await world.work()
        assert [entry["percent"] for entry in told(logs, "budget of the day")] == [80, 95]


async def test_warnings_do_not_wait_for_the_forecast(world: Bench) -> None:
    await plan_chores(world.engine)
    await world.work()
    due = {c["kind"]: c["due_at"] for c in await world.rows("select kind, due_at from wearbase.chore")}
    assert due["watch"] <= world.clock.now() + timedelta(minutes=1)


async def test_a_token_call_is_refused_while_others_wait(world: Bench) -> None:
    await settled(world)
    app = world.engine.app("whoop")
    async with world.engine.db.transaction() as tx:
        await budget.close_tokens(tx, app.name, app.key, until=world.clock.now() + timedelta(minutes=3))
        await budget.close_tokens(tx, app.name, app.key, until=world.clock.now() + timedelta(minutes=1))  # never sooner
    request = app.provider.oauth.refresh_request(app.credentials, refresh_token="x")
    with pytest.raises(RateLimited) as refused:
        await world.engine.gateway.token_call(app, request)
    assert refused.value.retry_at == world.clock.now() + timedelta(minutes=3)
