"""A consent whose code is used up before anybody could tell whose account it is: kept for an hour, and completed."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.harness import Bench
from wearbase.domain.errors import BadRequest, Forbidden, RateLimited
from wearbase.sync import connect, disconnect, patience
from wearbase.sync.chores import FINISH
from wearbase.sync.connect import Completer

SERVICE = Completer(is_service=True)


@pytest.fixture
async def started(world: Bench, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A consent whose code was exchanged; then no call was to be had for longer than anybody waits."""
    monkeypatch.setattr(patience, "SPENT_WAIT_S", 0.3)
    begun = await connect.begin(world.engine, "ann", "whoop")
    code = await world.approve(begun.authorization_url, (await world.members())[0]["user_id"])
    await world.fault("/v2/", "status", status=429, count=1, retry_after=600)
    with pytest.raises(RateLimited):
        await connect.complete(world.engine, begun.state, code, by=SERVICE)
    assert (await world.calls())["token"] == 1
    assert await world.rows("select 1 from wearbase.connection") == []
    return begun.state, code


async def kept(world: Bench) -> list[dict[str, Any]]:
    return await world.rows("select * from wearbase.oauth_state")


async def opens(world: Bench) -> None:
    world.clock.advance(timedelta(seconds=61))


async def test_a_worker_completes_it_once_there_are_calls(world: Bench, started: tuple[str, str]) -> None:
    await world.work()
    assert await world.rows("select 1 from wearbase.connection") == []
    await world.step(minutes=3, webhooks=False)
    await world.work()
    assert (await world.calls())["token"] == 1
    (connection,) = await world.rows("select user_id, state, external_user_id from wearbase.connection")
    account = (await world.members())[0]["user_id"]
    assert connection == {"user_id": "ann", "state": "connected", "external_user_id": str(account)}
    assert await kept(world) == []
    assert await world.rows("select 1 from wearbase.chore where kind = %s", FINISH) == []
    await world.same_as_truth("ann", account)


async def test_the_same_callback_may_be_brought_again(world: Bench, started: tuple[str, str]) -> None:
    await opens(world)
    world.clock.advance(timedelta(minutes=30))
    assert (await connect.complete(world.engine, *started, by=SERVICE)).user_id == "ann"
    assert (await world.calls())["token"] == 1
    with pytest.raises(BadRequest):
        await connect.complete(world.engine, *started, by=SERVICE)
    before = (await world.rows("select generation from wearbase.connection"))[0]
    await world.work()  # the chore finds nothing to do
    assert (await world.rows("select generation from wearbase.connection"))[0] == before
    (grant,) = await world.rows("select token_expires_at from wearbase.connection")
    assert grant["token_expires_at"] <= world.clock.now() + timedelta(minutes=32)  # the token has aged


async def test_nobody_else_may_bring_it(world: Bench, started: tuple[str, str]) -> None:
    await opens(world)
    with pytest.raises(Forbidden):
        await connect.complete(world.engine, *started, by=Completer(user_id="bob"))
    assert await world.rows("select 1 from wearbase.connection") == []


async def test_it_is_sealed_and_bound_and_forgotten_after_an_hour(world: Bench, started: tuple[str, str]) -> None:
    (row,) = await kept(world)
    assert b"access_token" not in row["sealed_grant"]
    assert "refresh_token" in world.engine.keys.open(row["sealed_grant"], user_id="ann", provider="whoop", kind=FINISH)
    world.clock.advance(timedelta(minutes=61))
    with pytest.raises(BadRequest):
        await connect.complete(world.engine, *started, by=SERVICE)
    await world.work()
    await connect.begin(world.engine, "bob", "whoop")  # which sweeps
    assert [r["user_id"] for r in await kept(world)] == ["bob"]
    assert await world.rows("select 1 from wearbase.connection") == []


@pytest.mark.parametrize("erases", [True, False])
async def test_whoever_is_erased_or_disconnected_meanwhile_is_not_connected_by_it(
    world: Bench, started: tuple[str, str], erases: bool
) -> None:
    await (disconnect.erase_user(world.engine, "ann") if erases else disconnect.disconnect(world.engine, "ann", "whoop", erase=False))
    assert await kept(world) == []
    await opens(world)
    await world.step(minutes=5, webhooks=False)
    await world.work()
    assert await world.rows("select 1 from wearbase.connection") == []


async def test_an_account_of_another_user_ends_it(world: Bench, started: tuple[str, str]) -> None:
    await opens(world)
    await world.connect("bob", 0)
    await world.step(minutes=5, webhooks=False)
    await world.work()
    assert [c["user_id"] for c in await world.rows("select user_id from wearbase.connection")] == ["bob"]
    assert await kept(world) == []
