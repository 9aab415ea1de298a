"""A process that was stopped and wakes finds its own calls run out. That is no outage of the provider, and pauses nobody."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from tests.integration.engine.conftest import settled, visits
from tests.integration.harness import Bench
from wearbase.transport import awake
from wearbase.transport.awake import Awake


@pytest.mark.parametrize(("is_stopped", "is_paused"), [(True, False), (False, True)])
async def test_calls_lost_while_the_process_was_stopped_pause_nobody(
    world: Bench, monkeypatch: pytest.MonkeyPatch, is_stopped: bool, is_paused: bool
) -> None:
    users = [f"user-{n}" for n in range(3)]
    for number, user in enumerate(users):
        await settled(world, user, number)
    monkeypatch.setattr(awake, "TICK_S", 0.02)
    monkeypatch.setattr(awake, "SLEPT_S", 0.2 if is_stopped else 3600)  # a machine may be slow, which is no sleep

    async def lost(request: httpx2.Request, go_on: Callable[[httpx2.Request], Awaitable[httpx2.Response]]) -> httpx2.Response:
        await asyncio.sleep(0.05)
        if is_stopped:
            time.sleep(0.4)  # noqa: ASYNC251 as a stopped process does
        await asyncio.sleep(0.05)
        raise httpx2.ReadTimeout("nothing came", request=request)

    world.wire.meddle = lost
    for user in users:
        await world.mark("sleep", user_id=user)
    await visits(world, 8)
    (found,) = await world.rows("select paused_until, cardinality(outage_members) as members from wearbase.budget")
    assert (found["paused_until"] is not None, found["members"] > 0) == (is_paused, is_paused)


async def test_ticking_ends_with_the_last_who_watches() -> None:
    watched = Awake()
    with watched.watching(), watched.watching() as has_slept:
        assert not has_slept()
    assert watched._timer is None
    with watched.watching() as has_slept:
        assert not has_slept()
    assert watched._timer is None
