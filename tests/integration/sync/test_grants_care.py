"""Grants that nobody uses are kept alive; many that are refused at once are not believed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.harness import RESOURCES, Bench, bench
from wearbase.store.postgres.database import run
from wearbase.sync import disconnect
from wearbase.sync.chores import plan_chores
from wearbase.sync.upkeep import keepalive
from wearbase.sync.upkeep.alarm import believe, is_mass
from wearbase.sync.upkeep.keepalive import keep_grants_alive

CROWD = 20
DAY = timedelta(days=1)


@pytest.fixture
async def crowd(database_url: str) -> AsyncIterator[Bench]:
    """Many members, with everything brought."""
    async with bench(database_url, members=CROWD, days=4, backfill_days=4) as made:
        await connect_all(made, CROWD)
        yield made


@pytest.fixture
async def few(database_url: str) -> AsyncIterator[Bench]:
    """As many members as may be refused at once without a doubt, and one more."""
    async with bench(database_url, members=6, days=4, backfill_days=4) as made:
        await connect_all(made, 6)
        yield made


def name(member: int) -> str:
    return f"user{member:02}"


async def connect_all(world: Bench, count: int) -> None:
    for member in range(count):
        await world.connect(name(member), member)
    await world.work()


async def upkeep(world: Bench) -> None:
    """One run of what is done at intervals, and every visit that is due."""
    await plan_chores(world.engine)
    await world.work()


async def pass_time(world: Bench, *, until: timedelta, every: timedelta) -> None:
    for _ in range(int(until / every)):
        await world.step(webhooks=False, seconds=every.total_seconds())
        await upkeep(world)


async def nobody_is_due(world: Bench) -> None:
    """As if every member were idle, and their visits far away."""
    async with world.engine.db.transaction() as tx:
        await run(tx, "update wearbase.sync_state set due_at = null, backfill_due_at = null, backfill_end = null")


async def all_want(world: Bench, members: Sequence[int]) -> None:
    for member in members:
        await world.mark(user_id=name(member))


async def refuse_all(world: Bench) -> None:
    await world.fault("token", "invalid_grant", count=100_000)


async def grants(world: Bench) -> dict[str, dict[str, Any]]:
    return {f["user_id"]: f for f in await world.rows("select * from wearbase.connection")}


async def states(world: Bench) -> list[str]:
    return [found["state"] for found in (await grants(world)).values()]


async def alarm(world: Bench) -> datetime | None:
    found = await world.rows("select alarm_since from wearbase.budget")
    return found[0]["alarm_since"] if found else None


async def token_calls(world: Bench) -> int:
    return (await world.calls())["token"]


async def keepalive_chore(world: Bench) -> dict[str, Any]:
    return (await world.rows("select * from wearbase.chore where kind = 'keepalive'"))[0]


# Kept alive


async def test_grants_that_nobody_uses_are_refreshed_within_every_day_and_not_all_at_once(few: Bench) -> None:
    await nobody_is_due(few)
    refreshed = {user: [few.clock.now()] for user in await grants(few)}
    for _ in range(3 * 48):
        before = await grants(few)
        await few.step(minutes=30, webhooks=False)
        await upkeep(few)
        for user, now in (await grants(few)).items():
            if now["token_version"] != before[user]["token_version"]:
                refreshed[user].append(few.clock.now())
    for user, times in refreshed.items():
        gaps = [later - sooner for sooner, later in zip(times, [*times[1:], few.clock.now()], strict=True)]
        assert max(gaps) <= DAY, user
        assert 4 <= len(times) <= 6, user
    assert len({times[-1] for times in refreshed.values()}) >= 4
    assert await token_calls(few) == sum(len(times) for times in refreshed.values())


async def test_a_grant_refreshed_by_a_visit_needs_no_other_refresh_that_day(few: Bench) -> None:
    await nobody_is_due(few)
    await few.step(hours=13, webhooks=False)
    await all_want(few, [0])
    await few.work()
    await nobody_is_due(few)
    before = (await grants(few))[name(0)]
    assert before["keepalive_due_at"] >= few.clock.now() + 0.6 * DAY
    await pass_time(few, until=timedelta(hours=14), every=timedelta(hours=1))
    after = await grants(few)
    assert after[name(0)]["token_version"] == before["token_version"]
    assert {after[name(m)]["token_version"] for m in range(1, 6)} == {before["token_version"]}  # the others needed one


async def test_a_keepalive_that_fails_is_tried_again_within_the_hour_and_disconnects_nobody(few: Bench) -> None:
    await nobody_is_due(few)
    await few.fault("token", "status", status=503, count=10_000)
    await few.step(hours=23, webhooks=False)
    before = await token_calls(few)
    await upkeep(few)
    assert await token_calls(few) == before + 6
    await few.step(minutes=20, webhooks=False)
    await upkeep(few)
    assert await token_calls(few) == before + 6
    assert await states(few) == ["connected"] * 6
    await few.heal()
    await pass_time(few, until=timedelta(minutes=120), every=timedelta(minutes=20))
    assert all(found["token_expires_at"] > few.clock.now() - timedelta(hours=2) for found in (await grants(few)).values())


async def test_a_keepalive_whose_answer_is_lost_is_proven_by_one_more_attempt(few: Bench) -> None:
    await nobody_is_due(few)
    await few.step(hours=23, webhooks=False)
    await few.fault("token", "lost_answer", count=1)
    await upkeep(few)
    marked = [user for user, found in (await grants(few)).items() if found["refresh_started_at"] is not None]
    assert len(marked) == 1
    assert await states(few) == ["connected"] * 6
    await pass_time(few, until=timedelta(minutes=90), every=timedelta(minutes=30))
    given_up = [user for user, found in (await grants(few)).items() if found["state"] == "needs_reauthorization"]
    assert given_up == marked


async def test_two_processes_keep_each_grant_alive_once(few: Bench) -> None:
    await nobody_is_due(few)
    await few.step(hours=23, webhooks=False)
    before = await token_calls(few)
    async with few.another() as other:
        await asyncio.gather(*(keep_grants_alive(engine) for engine in (few.engine, other._engine) * 3))
    assert await token_calls(few) == before + 6
    assert await states(few) == ["connected"] * 6


async def test_a_visit_and_a_keepalive_at_once_refresh_once(few: Bench) -> None:
    await nobody_is_due(few)
    await few.step(hours=23, webhooks=False)
    before = await token_calls(few)
    await all_want(few, range(6))
    async with few.another() as other:
        await asyncio.gather(few.work(), keep_grants_alive(other._engine))
    assert await token_calls(few) <= before + 12  # one that was just refreshed may be claimed as due, never refused
    assert await states(few) == ["connected"] * 6
    assert all(found["error"] is None for found in await few.rows("select error from wearbase.sync_state"))


async def test_one_run_takes_only_so_many_and_leaves_visits_their_turn(few: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepalive, "MOST_A_RUN", keepalive.AT_ONCE)
    await nobody_is_due(few)
    await few.step(hours=23, webhooks=False)
    before = await token_calls(few)
    await upkeep(few)
    assert await token_calls(few) == before + keepalive.AT_ONCE
    assert (await keepalive_chore(few))["due_at"] > few.clock.now()
    await few.step(seconds=5, webhooks=False)
    await few.work()
    assert await token_calls(few) == before + 6
    assert (await keepalive_chore(few))["due_at"] == few.clock.now() + timedelta(minutes=1)


async def test_a_run_that_takes_long_begins_no_other_call(few: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepalive, "LONGEST_RUN_S", 0.0)
    await nobody_is_due(few)
    await few.step(hours=23, webhooks=False)
    before = await token_calls(few)
    assert await keep_grants_alive(few.engine)
    assert await token_calls(few) == before + keepalive.AT_ONCE


# Refused


async def test_many_refused_within_minutes_are_all_connected_and_read_again_once_it_is_over(crowd: Bench) -> None:
    await nobody_is_due(crowd)
    await crowd.step(hours=2, webhooks=False)
    await refuse_all(crowd)
    await all_want(crowd, range(CROWD))
    await crowd.work()
    began = crowd.clock.now()
    assert await alarm(crowd) == began
    assert await states(crowd) == ["connected"] * CROWD
    assert all(found["refresh_token"] for found in (await grants(crowd)).values())
    await pass_time(crowd, until=timedelta(hours=6), every=timedelta(minutes=30))
    assert await states(crowd) == ["connected"] * CROWD
    assert await alarm(crowd) == began  # it has not ended in between
    errors = await crowd.rows("select distinct error from wearbase.sync_state")
    assert errors == [{"error": "grants_refused"}]
    await crowd.heal()
    await pass_time(crowd, until=timedelta(hours=2), every=timedelta(minutes=10))
    assert await alarm(crowd) is None
    assert await states(crowd) == ["connected"] * CROWD
    assert {found["error"] for found in await crowd.rows("select error from wearbase.sync_state")} == {None}
    for member, account in enumerate(await crowd.members()):
        await crowd.mark(user_id=name(member))
        await crowd.work()
        await crowd.same_as_truth(name(member), account["user_id"])


async def test_a_lasting_refusal_costs_each_member_few_token_calls(crowd: Bench) -> None:
    await nobody_is_due(crowd)
    await crowd.step(hours=2, webhooks=False)
    await refuse_all(crowd)
    before = await token_calls(crowd)
    await all_want(crowd, range(CROWD))
    for _ in range(60):
        await crowd.work()
        await crowd.step(minutes=1, webhooks=False)
        await all_want(crowd, [0])  # somebody who asks and asks
    assert await token_calls(crowd) <= before + 7 * CROWD
    assert await states(crowd) == ["connected"] * CROWD


async def test_one_dead_grant_is_given_up_at_once_and_its_tokens_erased_a_day_later(few: Bench) -> None:
    await nobody_is_due(few)
    await few.event((await few.members())[2]["user_id"], "deauthorize")
    await few.step(hours=2, webhooks=False)
    await all_want(few, range(6))
    await few.work()
    found = await grants(few)
    assert found[name(2)]["state"] == "needs_reauthorization"
    assert [f["state"] for f in found.values()].count("connected") == 5
    assert await alarm(few) is None
    due = await few.rows("select due_at, backfill_due_at from wearbase.sync_state where user_id = %s", name(2))
    assert due == [{"due_at": None, "backfill_due_at": None}] * len(RESOURCES)
    await nobody_is_due(few)
    await pass_time(few, until=timedelta(hours=23), every=timedelta(hours=1))
    assert (await grants(few))[name(2)]["refresh_token"] is not None
    await pass_time(few, until=timedelta(hours=3), every=timedelta(hours=1))
    found = await grants(few)
    assert found[name(2)]["access_token"] is found[name(2)]["refresh_token"] is None
    assert all(found[name(m)]["refresh_token"] for m in range(6) if m != 2)


async def test_a_dead_grant_that_only_the_keepalive_uses_is_given_up_too(few: Bench) -> None:
    await nobody_is_due(few)
    await few.event((await few.members())[2]["user_id"], "deauthorize")
    await few.step(hours=23, webhooks=False)
    await upkeep(few)
    assert [user for user, found in (await grants(few)).items() if found["state"] != "connected"] == [name(2)]


async def test_those_given_up_before_it_was_noticed_are_restored_where_they_stood(few: Bench) -> None:
    await nobody_is_due(few)
    async with few.engine.db.transaction() as tx:
        await run(
            tx,
            "update wearbase.sync_state set page_token = 'p', asked_start = %s, asked_end = %s",
            (few.clock.now() - DAY, few.clock.now()),
        )
    await few.step(hours=2, webhooks=False)
    await refuse_all(few)
    for member in range(4):
        await all_want(few, [member])
        await few.work()
        await few.step(minutes=2, webhooks=False)
    assert (await states(few)).count("needs_reauthorization") == 4
    generations = {user: found["generation"] for user, found in (await grants(few)).items()}
    await disconnect.disconnect(few.engine, name(3), "whoop", erase=False)
    await all_want(few, [4])
    await few.work()
    assert await alarm(few) is None  # one of the five has left, which is no refusal
    await all_want(few, [5])
    await few.work()
    assert await alarm(few) is not None
    found = await grants(few)
    assert [found[name(m)]["state"] for m in range(6)] == ["connected"] * 3 + ["disconnected"] + ["connected"] * 2
    assert found[name(3)]["refresh_token"] is None
    assert all(found[name(m)]["generation"] > generations[name(m)] for m in range(3))
    resting = await few.rows("select * from wearbase.sync_state where user_id = %s", name(0))
    assert {(s["page_token"], s["asked_start"] is not None, s["priority"], s["reason"]) for s in resting} == {("p", True, 2, "timetable")}
    assert all(few.clock.now() < s["due_at"] <= few.clock.now() + timedelta(minutes=40) for s in resting)


async def test_who_connects_again_during_the_alarm_is_served_and_stays(few: Bench) -> None:
    await nobody_is_due(few)
    await few.step(hours=2, webhooks=False)
    await refuse_all(few)
    await all_want(few, range(6))
    await few.work()
    assert await alarm(few) is not None
    await few.heal()
    await few.connect(name(1), 1)
    await few.work()
    await few.same_as_truth(name(1), (await few.members())[1]["user_id"])
    assert (await grants(few))[name(1)]["refused_at"] is None
    assert await alarm(few) is not None


async def test_nothing_is_kept_alive_during_the_alarm_and_all_is_after_it(crowd: Bench) -> None:
    await nobody_is_due(crowd)
    await crowd.step(hours=22, minutes=50, webhooks=False)
    await refuse_all(crowd)
    await all_want(crowd, range(8))
    await crowd.one()
    for _ in range(8):
        await crowd.one()
    assert await alarm(crowd) is not None
    before = (await crowd.calls())["token"]
    await nobody_is_due(crowd)
    await pass_time(crowd, until=timedelta(minutes=60), every=timedelta(minutes=20))
    assert await token_calls(crowd) == before
    await crowd.heal()
    await pass_time(crowd, until=timedelta(minutes=60), every=timedelta(minutes=20))
    assert await alarm(crowd) is None
    assert await states(crowd) == ["connected"] * CROWD
    assert all(found["token_version"] > 1 for found in (await grants(crowd)).values())


async def test_after_the_alarm_a_dead_grant_is_given_up_again(few: Bench) -> None:
    await nobody_is_due(few)
    await few.event((await few.members())[2]["user_id"], "deauthorize")
    await few.step(hours=2, webhooks=False)
    await refuse_all(few)
    await all_want(few, range(6))
    await few.work()
    assert await states(few) == ["connected"] * 6
    await few.heal()
    await pass_time(few, until=timedelta(hours=3), every=timedelta(minutes=10))
    assert await alarm(few) is None
    found = await grants(few)
    assert [user for user, f in found.items() if f["state"] != "connected"] == [name(2)]


async def test_two_processes_that_are_refused_at_once_give_nobody_up_in_the_end(crowd: Bench) -> None:
    await nobody_is_due(crowd)
    await crowd.step(hours=2, webhooks=False)
    await refuse_all(crowd)
    await all_want(crowd, range(CROWD))
    async with crowd.another() as other, crowd.another() as third:
        await asyncio.gather(crowd.worker.drain(), other.drain(), third.drain())
    await upkeep(crowd)
    assert await alarm(crowd) is not None
    assert await states(crowd) == ["connected"] * CROWD


# Counted


async def test_token_calls_are_reserved_where_they_count_and_wait_for_budget(few: Bench) -> None:
    await nobody_is_due(few)
    object.__setattr__(few.engine.app("whoop"), "counts_token_calls", True)
    few.limit(per_minute=5)
    await few.step(hours=23, webhooks=False)
    before = await token_calls(few)
    await all_want(few, [0])
    await few.work()
    await all_want(few, [1])
    await few.work()
    assert await token_calls(few) == before + 1
    used = (await few.rows("select used from wearbase.budget"))[0]["used"]
    assert used["token"] == 1
    waiting = await few.rows("select * from wearbase.sync_state where user_id = %s", name(1))
    assert all(state["error"] is None and state["due_at"] > few.clock.now() for state in waiting)
    await few.step(seconds=61, webhooks=False)
    await few.work()
    found = (await grants(few))[name(1)]
    assert found["token_expires_at"] > few.clock.now()
    assert found["refresh_attempts"] == 0


async def test_of_many_members_more_must_be_refused_until_it_is_a_mass(few: Bench) -> None:
    app, now = few.engine.app("whoop"), few.clock.now()
    insert = """insert into wearbase.connection (user_id, provider, state, connected_at, created_at, updated_at)
                select 'other' || n, 'whoop', 'connected', %(now)s, %(now)s, %(now)s from generate_series(1, 694) n"""
    refuse = "update wearbase.connection set refused_at = %s where user_id = any(%s)"
    async with few.engine.db.transaction() as tx:
        await run(tx, insert, {"now": now})
        await run(tx, refuse, (now - timedelta(minutes=9), [name(m) for m in range(6)]))
        assert not await is_mass(tx, app, now=now)
        await run(tx, refuse, (now - timedelta(minutes=11), ["other1", "other2"]))
        assert not await is_mass(tx, app, now=now)
        await run(tx, refuse, (now, ["other1"]))
        assert await is_mass(tx, app, now=now)


async def test_a_keepalive_that_waits_for_budget_leaves_the_mark_of_a_lost_answer(few: Bench) -> None:
    await nobody_is_due(few)
    await few.fault("token", "status", status=503, count=10_000)
    await few.step(hours=23, webhooks=False)
    await upkeep(few)
    before = await grants(few)
    await few.heal()
    object.__setattr__(few.engine.app("whoop"), "counts_token_calls", True)
    few.limit(per_day=0)
    await few.step(minutes=80, webhooks=False)
    calls = await token_calls(few)
    await upkeep(few)
    assert await token_calls(few) == calls
    chore = await keepalive_chore(few)
    assert (chore["error"], chore["due_at"] > few.clock.now() + timedelta(minutes=1)) == ("rate_limited", True)
    for user, found in (await grants(few)).items():
        assert (found["refresh_attempts"], found["refresh_started_at"]) == (1, before[user]["refresh_started_at"])
    few.limit(per_day=1_000)
    await pass_time(few, until=timedelta(hours=2), every=timedelta(minutes=20))
    assert all(found["refresh_attempts"] == 0 for found in (await grants(few)).values())
    assert await states(few) == ["connected"] * 6


async def test_an_operators_word_that_the_refusals_are_real_ends_the_alarm_and_asks_the_members_to_connect_again(few: Bench) -> None:
    await refuse_all(few)
    await few.step(hours=2, webhooks=False)
    await all_want(few, range(6))
    await few.work()
    assert await alarm(few) is not None
    refused = [found["user_id"] for found in (await grants(few)).values() if found["refused_at"] is not None]
    assert len(refused) >= 5
    assert await believe(few.engine, few.engine.app("whoop")) == len(refused)
    assert await alarm(few) is None
    found = await grants(few)
    assert {found[user]["state"] for user in refused} == {"needs_reauthorization"}
    assert all(found[user]["refresh_token"] is None for user in refused)
    await few.heal()
    await few.connect(refused[0], int(refused[0].removeprefix("user")))
    await upkeep(few)
    assert (await grants(few))[refused[0]]["state"] == "connected"
    assert (await grants(few))[refused[1]]["state"] == "needs_reauthorization"
