"""Tokens: refreshed once, by one process at a time; a connection is given up only on proof."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import structlog

from tests.integration.harness import Bench
from wearbase.store import connections
from wearbase.store.connections import Connection


async def connected(world: Bench) -> int:
    account = (await world.members())[0]["user_id"]
    await world.connect("ann")
    await world.work()
    return account


async def connection_of(world: Bench) -> Connection:
    async with world.engine.db.connection() as tx:
        found = await connections.get(tx, "ann", "whoop")
    assert found is not None
    return found


async def state(world: Bench) -> str:
    return (await connection_of(world)).state


async def token_calls(world: Bench) -> int:
    return (await world.calls())["token"]


async def test_many_at_once_refresh_once_and_get_the_same_token(world: Bench) -> None:
    await connected(world)
    await world.step(minutes=58, webhooks=False)
    before, connection = await token_calls(world), await connection_of(world)
    grants, app = world.engine.gateway.grants, world.engine.app("whoop")
    tokens = await asyncio.gather(*(grants.access_token(app, connection) for _ in range(12)))
    assert len({t.text for t in tokens}) == 1
    assert await token_calls(world) == before + 1


async def test_a_token_is_refreshed_early_and_the_walk_goes_on(world: Bench) -> None:
    account = await connected(world)
    await world.step(hours=3)
    await world.mark()
    await world.work()
    await world.same_as_truth("ann", account)


async def test_a_rejected_token_is_refreshed_and_the_call_repeated(world: Bench) -> None:
    await connected(world)
    await world.fault("/v2/sleep", "status", status=401, count=0)
    await world.heal()
    async with world.engine.db.transaction() as tx:  # as if another app instance had spent it
        sealed = world.engine.keys.seal("nonsense", user_id="ann", provider="whoop", kind="access")
        await tx.execute("update wearbase.connection set access_token = %s", (sealed,))
    world.clock.advance(timedelta(minutes=2))
    await world.mark("sleep")
    await world.work()
    assert (await world.state("sleep"))["error"] is None
    assert await state(world) == "connected"


async def test_a_new_pair_is_stored_although_the_database_is_away_as_it_comes(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await connected(world)
    await world.step(minutes=58, webhooks=False)
    before, connection, real, failures = await token_calls(world), await connection_of(world), connections.put_grant, 2

    async def away(tx: Any, *args: Any, **more: Any) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise psycopg.OperationalError("the connection is closed")
        await real(tx, *args, **more)

    monkeypatch.setattr(connections, "put_grant", away)
    with structlog.testing.capture_logs() as logs:
        token = await world.engine.gateway.grants.access_token(world.engine.app("whoop"), connection)
    assert failures == 0
    assert await token_calls(world) == before + 1
    assert (await world.engine.gateway.grants.access_token(world.engine.app("whoop"), connection)).text == token.text
    assert token.text not in str(logs)
    assert "'ann'" not in str(logs)


async def test_a_lost_refresh_answer_is_tried_once_more_and_then_only_slowly(world: Bench) -> None:
    await connected(world)
    await world.step(hours=2, webhooks=False)
    await world.fault("token", "status", status=503, count=99)
    for _ in range(6):
        await world.mark("cycle")
        await world.one()
        await world.step(minutes=2, webhooks=False)
    assert await state(world) == "connected"
    assert await token_calls(world) <= 1 + 2  # the exchange, the attempt, and one more
    await world.heal()
    await world.step(hours=1, webhooks=False)
    await world.mark("cycle")
    await world.work()
    assert (await world.state("cycle"))["error"] is None


async def test_a_refresh_whose_answer_is_lost_after_it_worked_asks_the_member(world: Bench) -> None:
    await connected(world)
    await world.step(hours=2, webhooks=False)
    await world.fault("token", "lost_answer", count=1)
    await world.mark()
    await world.work()
    assert await state(world) == "connected"
    await world.step(minutes=1, webhooks=False)
    await world.work()
    assert await state(world) == "needs_reauthorization"
    day = (await world.rows("select max(day) as d from wearbase.day_document"))[0]["d"]
    document = await world.day("ann", day)
    assert document["cycle"] is not None
    assert document["sync"]["state"] == "needs_reauthorization"


async def test_a_member_who_disconnects_in_the_providers_app_is_asked_again_and_keeps_the_data(world: Bench) -> None:
    account = await connected(world)
    stored = len(await world.stored("ann", "cycle"))
    await world.event(account, "deauthorize")
    world.clock.advance(timedelta(minutes=2))
    await world.mark()
    await world.work()
    assert await state(world) == "needs_reauthorization"
    assert len(await world.stored("ann", "cycle")) == stored
    await world.connect("ann")
    await world.work()
    assert await state(world) == "connected"
    await world.same_as_truth("ann", account)


async def test_wrong_credentials_of_ours_disconnect_nobody(world: Bench) -> None:
    await connected(world)
    await world.step(hours=2, webhooks=False)
    object.__setattr__(world.engine.app("whoop").credentials, "client_secret", "wrong")
    await world.mark()
    await world.work()
    assert await state(world) == "connected"
    assert (await world.state("cycle"))["error"] == "client_misconfigured"


async def test_tokens_are_not_readable_in_the_database(world: Bench) -> None:
    await connected(world)
    connection = await connection_of(world)
    token = await world.engine.gateway.grants.access_token(world.engine.app("whoop"), connection)
    for table in ("connection", "oauth_state", "chore", "record", "delivery"):
        for found in await world.rows(f"select t::text as text from wearbase.{table} t"):
            assert token.text not in found["text"]
            assert token.text.encode().hex() not in found["text"]


async def test_a_spent_budget_postpones_and_loses_nothing(world: Bench) -> None:
    account = await connected(world)
    app = world.engine.app("whoop")
    object.__setattr__(app, "per_minute", 2)
    await world.step(hours=30)
    await world.deliver()
    await world.mark()
    for _ in range(12):
        await world.work()
        await world.step(seconds=61, webhooks=False)
    assert (await world.calls())["max_in_60s"] is not None
    await world.mark()
    for _ in range(3):
        await world.work()
        await world.step(seconds=61, webhooks=False)
    await world.same_as_truth("ann", account)


async def test_a_429_closes_the_gate_for_everybody_until_the_reset(world: Bench) -> None:
    await connected(world)
    world.clock.advance(timedelta(minutes=2))
    await world.fault("/v2/cycle", "status", status=429, count=1)
    await world.mark("cycle")
    await world.one()
    assert (await world.state("cycle"))["error"] is None
    before = (await world.calls())["data"]
    await world.mark("sleep")
    await world.one()
    assert (await world.calls())["data"] == before
    await world.step(seconds=61, webhooks=False)
    await world.work()
    assert (await world.state("sleep"))["last_success_at"] == world.clock.now()
