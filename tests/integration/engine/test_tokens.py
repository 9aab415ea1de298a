"""Tokens that end, are refused, or are lost on the way: one refresh, and nobody disconnected by us."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from tests.integration.engine.conftest import connection_of, inbox, settled, work_for
from tests.integration.harness import Bench
from wearbase.domain.errors import ProviderUnavailable
from wearbase.store import connections
from wearbase.transport.grants import REFRESH_LEASE

ALMOST_EXPIRED = 58 * 60  # an access token lives an hour and is refreshed five minutes early
Send = Callable[[httpx2.Request], Awaitable[httpx2.Response]]


async def token_calls(world: Bench) -> int:
    return (await world.calls())["token"]


async def test_two_webhooks_at_token_expiry_make_one_refresh_and_the_member_stays_connected(world: Bench) -> None:
    account = await settled(world)
    await world.step(seconds=ALMOST_EXPIRED, webhooks=False)
    before = await token_calls(world)
    await world.event(account, "workout")
    await world.event(account, "nap")
    assert len(world.deliveries) == 2
    async with world.another() as other:
        await asyncio.gather(*(world.receiver.receive("whoop", headers, body) for headers, body in world.deliveries))
        await asyncio.gather(world.worker.drain(), other.drain())
    assert await token_calls(world) == before + 1
    assert (await connection_of(world)).state == "connected"
    assert await inbox(world) == ["settled", "settled"]
    await world.same_as_truth("ann", account)


async def test_two_processes_that_need_a_token_at_its_expiry_make_one_refresh(world: Bench) -> None:
    await settled(world)
    await world.step(seconds=ALMOST_EXPIRED, webhooks=False)
    before, connection, app = await token_calls(world), await connection_of(world), world.engine.app("whoop")
    async with world.another() as other:
        processes = (world.engine.gateway.grants, other._engine.gateway.grants)
        tokens = await asyncio.gather(*(grants.access_token(app, connection) for grants in processes * 4))
    assert len({token.text for token in tokens}) == 1
    assert await token_calls(world) == before + 1


async def test_a_401_with_a_good_refresh_token_is_refreshed_and_the_read_is_made_again(world: Bench) -> None:
    account = await settled(world)
    before = await token_calls(world)
    await world.fault("/v2/activity/workout", "status", status=401, count=1)
    await world.event(account, "workout")
    await world.deliver()
    await world.work()
    assert await token_calls(world) == before + 1
    assert (await world.status())["workout"]["error"] is None
    assert await inbox(world) == ["settled"]
    await world.same_as_truth("ann", account)


async def test_reads_side_by_side_that_are_refused_at_once_make_one_refresh(world: Bench) -> None:
    account = await settled(world)
    before, connection = await token_calls(world), await connection_of(world)
    spent = await world.engine.gateway.grants.access_token(world.engine.app("whoop"), connection)

    async def refuse_the_old_one(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.headers.get("authorization") == f"Bearer {spent.text}":
            await asyncio.sleep(0.02)  # all of them are under way before the first is answered
            return httpx2.Response(401)
        return await send(request)

    world.wire.meddle = refuse_the_old_one
    await world.mark()
    await world.work()
    assert await token_calls(world) == before + 1
    assert {r["error"] for r in (await world.status()).values()} == {None}
    await world.same_as_truth("ann", account)


async def test_a_lost_refresh_answer_that_spent_nothing_is_tried_once_more_and_works(world: Bench) -> None:
    account = await settled(world)
    await world.step(seconds=ALMOST_EXPIRED, webhooks=False)
    before = await token_calls(world)
    await world.fault("token", "status", status=503, count=1)
    await world.mark()
    await world.work()
    found = (await world.status())["sleep"]
    assert (found["state"], found["status"], found["error"]) == ("failing", "failed", "provider_unavailable")
    await world.step(minutes=1, webhooks=False)
    await world.work()
    assert await token_calls(world) == before + 2
    assert {r["status"] for r in (await world.status()).values()} == {"success"}
    await world.same_as_truth("ann", account)


async def test_two_processes_after_lost_refresh_answers_share_the_one_further_attempt(world: Bench) -> None:
    await settled(world)
    await world.step(seconds=ALMOST_EXPIRED, webhooks=False)
    before, connection, app = await token_calls(world), await connection_of(world), world.engine.app("whoop")
    await world.fault("token", "status", status=503, count=99)
    async with world.another() as other:
        processes = (world.engine.gateway.grants, other._engine.gateway.grants)
        answers = await asyncio.gather(*(g.access_token(app, connection) for g in processes * 3), return_exceptions=True)
    assert {type(a) for a in answers} == {ProviderUnavailable}
    assert await token_calls(world) == before + 2
    assert (await connection_of(world)).state == "connected"


async def test_a_process_that_died_while_refreshing_is_followed_by_one_further_attempt(world: Bench) -> None:
    account = await settled(world)
    await world.step(seconds=ALMOST_EXPIRED, webhooks=False)
    before, now = await token_calls(world), world.clock.now()
    async with world.engine.db.transaction() as tx:  # what the dead one leaves: the mark, and a call of which nobody knows
        await connections.mark_refresh(tx, "ann", "whoop", holder="dead", now=now, until=now + REFRESH_LEASE)
    await world.step(seconds=REFRESH_LEASE.total_seconds() + 1, webhooks=False)
    await world.mark()
    await world.work()
    assert await token_calls(world) == before + 1
    assert (await connection_of(world)).state == "connected"
    await world.same_as_truth("ann", account)


@pytest.mark.parametrize("status", [400, 401, 403, 500, 502])
async def test_no_other_refusal_of_a_refresh_disconnects_anybody(world: Bench, status: int) -> None:
    account = await settled(world)
    await world.step(seconds=ALMOST_EXPIRED, webhooks=False)
    await world.fault("token", "status", status=status, count=1)
    await world.mark()
    await world.work()
    assert (await connection_of(world)).state == "connected"
    await world.heal()
    await work_for(world, steps=3, minutes=6)
    await world.mark()
    await world.work()
    assert {r["error"] for r in (await world.status()).values()} == {None}
    await world.same_as_truth("ann", account)
