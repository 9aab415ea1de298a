"""Many members who connect at once: within the provider's quota, today first for everybody, history after that."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from tests.integration.harness import Bench, bench
from wearbase.domain.errors import RateLimited
from wearbase.sync import connect, patience
from wearbase.sync.connect import Completer

MEMBERS = 42
QUOTA, OURS = 100, 80
TODAY_CALLS = 4  # one a collection
HISTORY_AT_ONCE = 40  # in the second in which the last has seen today
FIRST, FIRST_WITHIN_S, ALL_WITHIN_S = 16, 60, 180
LATENCY_S = 0.5  # of the token call, before the first data call
BREATH_S = 0.02  # of real time in a second of the clock, for those who wait

# Today is the recovery, the night and the cycle with its strain; in a crowd a workout follows a moment later.
_PROGRESS = """
select count(*) filter (where has_today) as seen, coalesce(sum(pages), 0) as history
  from (select count(*) = 4 and bool_and(last_success_at is not null or resource = 'workout') as has_today, sum(backfill_pages) as pages
          from wearbase.sync_state group by user_id) m
"""


@pytest.fixture
async def crowd(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    for place, step in ((patience, "WAIT_STEP_S"), (connect, "LOOK_STEP_S")):
        monkeypatch.setattr(place, step, 0.01)  # a second of the clock takes less than one here
    async with bench(database_url, days=12, backfill_days=20, members=MEMBERS, quota_minute=QUOTA, rate_windows="sliding") as world:
        world.limit(per_minute=OURS)
        yield world


async def test_forty_two_members_connecting_at_once_stay_within_the_quota_and_all_see_today_before_any_history(crowd: Bench) -> None:
    start, callbacks = await all_at_once(crowd)
    seen_at = await until_seen(crowd, start, within_s=ALL_WITHIN_S)
    connected = await asyncio.gather(*callbacks)
    assert {c.user_id for c in connected} == {f"member-{n}" for n in range(MEMBERS)}
    assert len(seen_at) == MEMBERS
    calls = await crowd.calls()
    assert calls["max_in_60s"] <= QUOTA
    assert "429" not in calls["by_status"]
    assert calls["data"] <= MEMBERS * (TODAY_CALLS + 1) + HISTORY_AT_ONCE
    await history_follows(crowd)


async def test_the_first_sixteen_of_forty_two_see_today_within_one_minute(crowd: Bench) -> None:
    start, callbacks = await all_at_once(crowd)
    seen_at = await until_seen(crowd, start, within_s=FIRST_WITHIN_S, wanted=FIRST)
    for callback in callbacks:
        callback.cancel()
    await asyncio.gather(*callbacks, return_exceptions=True)
    assert len(seen_at) >= FIRST


async def all_at_once(world: Bench) -> tuple[datetime, list[asyncio.Task[connect.Connected]]]:
    """The consents, then every callback; when that was."""
    accounts = [m["user_id"] for m in await world.members()]
    begun = [await consented(world, f"member-{n}", account) for n, account in enumerate(accounts)]
    start = world.clock.now()
    await world.step(seconds=LATENCY_S, webhooks=False)
    callbacks = [asyncio.create_task(bring(world, state, code)) for state, code in begun]
    await until_callbacks_rest(world)
    return start, callbacks


async def consented(world: Bench, user_id: str, account: int) -> tuple[str, str]:
    started = await connect.begin(world.engine, user_id, "whoop")
    return started.state, await world.approve(started.authorization_url, account)


async def bring(world: Bench, state: str, code: str) -> connect.Connected:
    """The callback, brought again as often as it is told to."""
    while True:
        try:
            return await connect.complete(world.engine, state, code, by=Completer(is_service=True))
        except RateLimited as limited:
            await until(world, limited.retry_at)


async def until(world: Bench, at: datetime | None) -> None:
    while at is not None and world.clock.now() < at:  # noqa: ASYNC110 the stepped clock wakes nobody
        await asyncio.sleep(0.01)


async def until_callbacks_rest(world: Bench) -> None:
    """Every callback that can be had now is had before a worker begins, as when the provider is slow to answer."""
    before = -1
    while before != (before := (await world.calls())["total"]):  # noqa: ASYNC110 as above
        await asyncio.sleep(0.25)


async def until_seen(world: Bench, start: datetime, *, within_s: int, wanted: int = MEMBERS) -> list[float]:
    """Works in two processes while the clock moves by seconds; after how many seconds the first, the second, ... had today."""
    seen_at: list[float] = []
    async with world.another() as other:
        while len(seen_at) < wanted and world.clock.now() <= start + timedelta(seconds=within_s):
            await asyncio.sleep(BREATH_S)
            await asyncio.gather(world.worker.drain(), other.drain())
            (found,) = await world.rows(_PROGRESS)
            seen = found["seen"]
            assert seen == MEMBERS or found["history"] == 0, f"history began when {seen} had seen today"
            seen_at += [(world.clock.now() - start).total_seconds()] * (seen - len(seen_at))
            if seen < wanted:
                await world.step(seconds=1, webhooks=False)
    return seen_at


async def history_follows(world: Bench) -> None:
    for _ in range(120):
        await world.worker.drain()
        await world.step(seconds=2, webhooks=False)
    assert (await world.rows(_PROGRESS))[0]["history"] >= MEMBERS
    assert (await world.calls())["max_in_60s"] <= QUOTA
