"""The first page of a connection tells whose account it is; and a consent that waits for the budget is not lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.harness import START, Bench
from wearbase.domain.errors import Conflict, MissingScope, ProviderUnavailable, RateLimited, UnexpectedPayload
from wearbase.domain.provider import Send
from wearbase.domain.records import Page
from wearbase.domain.windows import Window
from wearbase.providers.whoop import client
from wearbase.store.work import budget
from wearbase.sync import connect, disconnect, patience
from wearbase.sync.connect import Completer

SERVICE = Completer(is_service=True)
GUARD_S = 60.0  # nothing happens because this has passed: a test then fails
PROFILE, CYCLES = "/v2/user/profile/basic", "/v2/cycle"


async def routes(world: Bench) -> dict[str, int]:
    return (await world.calls())["by_route"]


async def consented(world: Bench, user_id: str = "ann") -> tuple[str, str]:
    started = await connect.begin(world.engine, user_id, "whoop")
    return started.state, await world.approve(started.authorization_url, (await world.members())[0]["user_id"])


def answering(world: Bench, read_page: Callable[[Send, Window, str | None], Awaitable[Page]]) -> None:
    """Has cycles read by this function instead of the provider's."""
    app = world.engine.app("whoop")
    changed = tuple(replace(r, read_page=read_page) if r.name == "cycle" else r for r in app.provider.resources)
    object.__setattr__(app, "provider", replace(app.provider, resources=changed))


async def test_a_member_costs_one_call_for_each_resource(world: Bench) -> None:
    await world.connect("ann")
    assert (await world.calls())["data"] == 1
    assert PROFILE not in await routes(world)
    async with world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set backfill_due_at = null")
    await world.work()
    assert (await world.calls())["data"] == 4
    assert (await routes(world))[CYCLES] == 1


async def test_the_page_is_stored_with_the_connection_and_closes_its_walk(world: Bench) -> None:
    await world.connect("ann")
    (connection,) = await world.rows("select external_user_id, utc_offset_min, open_day from wearbase.connection")
    account = (await world.members())[0]["user_id"]
    assert connection["external_user_id"] == str(account)
    assert connection["utc_offset_min"] is not None
    day = await world.day("ann", connection["open_day"])
    assert day["cycle"]["is_open"] is True
    states = await world.states()
    cycle = states.pop("cycle")
    assert (cycle["last_success_at"], cycle["covered_at"], cycle["window_start"], cycle["api_calls"]) == (START, START, None, 1)
    assert START < cycle["due_at"] < START + timedelta(days=1)
    assert cycle["records_synced"] == len(await world.stored("ann", "cycle")) > 2
    assert all(state["due_at"] == START and state["last_success_at"] is None for state in states.values())


async def test_a_longer_first_page_leaves_the_walk_open_at_its_token(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAGE_SIZE", 2)
    await world.connect("ann")
    cycle = await world.state("cycle")
    assert cycle["page_token"] is not None
    assert (cycle["due_at"], cycle["reason"], cycle["last_success_at"]) == (START, "connect", None)
    assert len(await world.stored("ann", "cycle")) == 2
    await world.work()
    await world.same_as_truth("ann", (await world.members())[0]["user_id"])


async def none(send: Send, window: Window, token: str | None) -> Page:
    return Page([], [])


async def of_two_accounts(send: Send, window: Window, token: str | None) -> Page:
    page = await client.read_cycles(send, window, token)
    return Page([replace(page.records[0], external_user_id="another"), *page.records[1:]], [])


async def not_granted(send: Send, window: Window, token: str | None) -> Page:
    raise MissingScope


async def not_understood(send: Send, window: Window, token: str | None) -> Page:
    raise UnexpectedPayload(path="records")


async def not_answered(send: Send, window: Window, token: str | None) -> Page:
    raise ProviderUnavailable


@pytest.mark.parametrize("read_page", [none, of_two_accounts, not_granted, not_understood, not_answered])
async def test_where_the_page_does_not_tell_the_profile_is_asked(
    world: Bench, read_page: Callable[[Send, Window, str | None], Awaitable[Page]]
) -> None:
    answering(world, read_page)
    await world.connect("ann")
    assert (await routes(world))[PROFILE] == 1
    account = (await world.members())[0]["user_id"]
    assert [c["external_user_id"] for c in await world.rows("select external_user_id from wearbase.connection")] == [str(account)]
    assert await world.stored("ann", "cycle") == []
    assert (await world.state("cycle"))["due_at"] == START


async def test_the_profile_is_still_asked_for_at_consent(world: Bench) -> None:
    assert "read:profile" in world.engine.app("whoop").provider.scopes


async def test_an_account_of_another_user_stores_nothing(world: Bench) -> None:
    await world.connect("ann")
    with pytest.raises(Conflict):
        await world.connect("bob")
    for table in ("connection", "record", "day_document", "sync_state", "metric"):
        assert await world.rows(f"select 1 from wearbase.{table} where user_id = 'bob'") == [], table


async def test_an_account_that_comes_back_catches_up_from_where_it_stood(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    before = (await world.state("cycle"))["watermark"]
    await disconnect.disconnect(world.engine, "ann", "whoop", erase=False)
    await world.step(hours=240, webhooks=False)
    await world.connect("ann")
    cycle = await world.state("cycle")
    assert (cycle["watermark"], cycle["due_at"]) == (before, world.clock.now())
    await world.work()
    await world.same_as_truth("ann", (await world.members())[0]["user_id"])


async def test_among_many_who_connect_today_comes_before_workouts(world: Bench) -> None:
    world.limit(per_minute=100)
    await use_up(world, 5)
    await world.connect("ann")
    due = {name: (state["due_at"] - START, state["priority"], state["reason"]) for name, state in (await world.states()).items()}
    now = (timedelta(0), 0, "connect")
    assert (due["recovery"], due["sleep"]) == (now, now)
    assert due["workout"] == (timedelta(seconds=5), 2, "connect")
    await world.work()
    assert await world.stored("ann", "recovery") != []
    await world.step(seconds=5, webhooks=False)
    await world.work()
    await world.same_as_truth("ann", (await world.members())[0]["user_id"])


async def use_up(world: Bench, calls: int) -> None:
    app, now = world.engine.app("whoop"), world.clock.now()
    for _ in range(calls):
        async with world.engine.db.transaction() as tx:
            await budget.reserve(tx, app.name, app.key, connect.CONNECTING, ceilings=app.ceilings, now=now)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[datetime | None]:
    """What each look at the budget found, of all who wait for a call; they look often."""
    found: list[datetime | None] = []
    look = connect._closed_until

    async def counted(*given: Any) -> datetime | None:
        found.append(await look(*given))
        return found[-1]

    monkeypatch.setattr(connect, "_closed_until", counted)
    monkeypatch.setattr(connect, "LOOK_STEP_S", 0.02)
    return found


async def until_there_are(count: int, looks: list[datetime | None]) -> None:
    async with asyncio.timeout(GUARD_S):
        while len(looks) < count:  # noqa: ASYNC110 a list wakes nobody
            await asyncio.sleep(0.01)


async def test_a_full_minute_is_waited_for(world: Bench, looks: list[datetime | None]) -> None:
    world.limit(per_minute=5)
    await use_up(world, 5)
    state, code = await consented(world)
    completing = asyncio.create_task(connect.complete(world.engine, state, code, by=SERVICE))
    await until_there_are(3, looks)
    assert not completing.done()
    assert (await world.calls())["token"] == 0
    world.clock.advance(timedelta(minutes=1))
    assert (await completing).user_id == "ann"


async def test_a_minute_that_fills_after_the_exchange_is_waited_for(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, sleep = [], patience._sleep

    async def noticed(*given: Any, **more: Any) -> None:
        begun.append(given)
        await sleep(*given, **more)

    monkeypatch.setattr(patience, "_sleep", noticed)
    state, code = await consented(world)
    await world.fault(CYCLES, "status", status=429)
    completing = asyncio.create_task(connect.complete(world.engine, state, code, by=SERVICE))
    async with asyncio.timeout(GUARD_S):
        while not completing.done():
            await asyncio.sleep(0.02)
            if begun:  # the clock moves only while somebody waits for it
                world.clock.advance(timedelta(seconds=20))
    assert (await completing).user_id == "ann"
    assert begun
    calls = await world.calls()
    assert (calls["token"], calls["by_status"]["429"]) == (1, 1)


async def test_without_calls_for_long_the_code_and_state_stay_good(world: Bench) -> None:
    state, code = await consented(world)
    app, until = world.engine.app("whoop"), START + timedelta(minutes=2)
    async with world.engine.db.transaction() as tx:
        await budget.close(tx, app.name, app.key, until=until, now=START)
    with pytest.raises(RateLimited) as limited:
        await connect.complete(world.engine, state, code, by=SERVICE)
    assert limited.value.retry_at == until
    assert (await world.calls())["token"] == 0
    world.clock.advance(timedelta(minutes=2))
    assert (await connect.complete(world.engine, state, code, by=SERVICE)).user_id == "ann"


async def test_a_day_without_calls_is_said_at_once(world: Bench) -> None:
    world.limit(per_day=3)
    await use_up(world, 3)
    state, code = await consented(world)
    with pytest.raises(RateLimited) as limited:
        await connect.complete(world.engine, state, code, by=SERVICE)
    assert limited.value.retry_at == budget.next_day(START)


async def test_waiting_gives_up_in_the_end(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "WAIT_S", 0.7)
    monkeypatch.setattr(connect, "FULL_MINUTE", timedelta(seconds=0.3))
    world.limit(per_minute=1)
    await use_up(world, 1)
    state, code = await consented(world)
    with pytest.raises(RateLimited):
        await connect.complete(world.engine, state, code, by=SERVICE)
    assert await connect.peek(world.engine, state) is not None


async def test_those_who_wait_hold_no_database_connection(world: Bench, looks: list[datetime | None]) -> None:
    world.limit(per_minute=1)
    await use_up(world, 1)
    consents = [await consented(world, f"user-{n}") for n in range(12)]  # more than the pool has
    waiting = [asyncio.create_task(connect.complete(world.engine, state, code, by=SERVICE)) for state, code in consents]
    try:
        await until_there_are(3 * len(consents), looks)
        assert None not in looks
        assert [r["n"] for r in await world.rows("select 1 as n")] == [1]  # without a turn the database would be said to be away
        (open_ones,) = await world.rows(
            "select count(*) as n from pg_stat_activity where datname = current_database() and starts_with(state, 'idle in transaction')"
        )
        assert open_ones["n"] == 0
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
