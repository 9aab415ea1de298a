"""Consents: single-use, expiring, bound; one account to one user; ending and erasing."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.harness import Bench
from wearbase.domain.errors import BadRequest, Conflict, ConsentDenied, Forbidden, LeaseLost, OtherAccount
from wearbase.store.work import due
from wearbase.sync import connect, disconnect
from wearbase.sync.connect import Completer
from wearbase.sync.visits.keep import hold

SERVICE = Completer(is_service=True)


async def consented(world: Bench, user_id: str = "ann", member: int = 0) -> tuple[str, str]:
    started = await connect.begin(world.engine, user_id, "whoop")
    account = (await world.members())[member]["user_id"]
    return started.state, await world.approve(started.authorization_url, account)


async def test_a_state_is_good_once(world: Bench) -> None:
    state, code = await consented(world)
    await connect.complete(world.engine, state, code, by=SERVICE)
    with pytest.raises(BadRequest):
        await connect.complete(world.engine, state, code, by=SERVICE)


async def test_two_who_bring_the_same_state_get_one_connection(world: Bench) -> None:
    state, code = await consented(world)
    both = [connect.complete(world.engine, state, code, by=SERVICE) for _ in range(2)]
    results = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["BadRequest", "Connected"]


async def test_a_state_ends_after_five_minutes(world: Bench) -> None:
    state, code = await consented(world)
    world.clock.advance(timedelta(minutes=5, seconds=1))
    with pytest.raises(BadRequest):
        await connect.complete(world.engine, state, code, by=SERVICE)


async def test_a_failed_completion_consumes_the_state(world: Bench) -> None:
    state, code = await consented(world)
    with pytest.raises(ConsentDenied):
        await connect.complete(world.engine, state, "wrong-code", by=SERVICE)
    with pytest.raises(BadRequest):
        await connect.complete(world.engine, state, code, by=SERVICE)


async def test_states_are_stored_hashed(world: Bench) -> None:
    started = await connect.begin(world.engine, "ann", "whoop")
    (found,) = await world.rows("select s::text as text from wearbase.oauth_state s")
    assert started.state not in found["text"]


@pytest.mark.parametrize(
    ("by", "is_allowed"),
    [
        (Completer(user_id="ann"), True),
        (Completer(user_id="bob"), False),
        (Completer(browser_nonce="the-browser", has_agreed=True), True),
        (Completer(browser_nonce="another", has_agreed=True), False),
        (Completer(has_agreed=True), False),
    ],
)
async def test_a_members_consent_completes_only_in_their_browser_or_with_their_token(world: Bench, by: Completer, is_allowed: bool) -> None:
    started = await connect.begin(world.engine, "ann", "whoop", by=connect.Starter(kind="member", browser_nonce="the-browser"))
    code = await world.approve(started.authorization_url, (await world.members())[0]["user_id"])
    if is_allowed:
        await connect.complete(world.engine, started.state, code, by=by)
    else:
        with pytest.raises(Forbidden):
            await connect.complete(world.engine, started.state, code, by=by)


async def test_a_consent_link_sent_to_somebody_else_needs_their_yes(world: Bench) -> None:
    state, code = await consented(world)
    with pytest.raises(Forbidden):
        await connect.complete(world.engine, state, code, by=Completer())


async def test_one_account_cannot_belong_to_two_users(world: Bench) -> None:
    await world.connect("ann")
    with pytest.raises(Conflict):
        await world.connect("bob")
    assert [c["user_id"] for c in await world.rows("select user_id from wearbase.connection")] == ["ann"]
    await disconnect.disconnect(world.engine, "ann", "whoop", erase=False)
    await world.connect("bob")


async def test_another_account_is_refused_until_what_is_stored_of_the_first_is_erased(world: Bench) -> None:
    first, second = (m["user_id"] for m in (await world.members())[:2])
    await world.connect("ann", 0)
    await world.work()
    before = await world.stored("ann", "cycle")
    with pytest.raises(OtherAccount):
        await world.connect("ann", 1)
    await world.work()
    assert await world.stored("ann", "cycle") == before
    assert (await world.rows("select external_user_id from wearbase.connection"))[0]["external_user_id"] == str(first)
    await disconnect.disconnect(world.engine, "ann", "whoop", erase=True)
    await world.connect("ann", 1)
    await world.work()
    (found,) = await world.rows("select external_user_id, generation from wearbase.connection")
    assert (found["external_user_id"], found["generation"]) == (str(second), 3)
    assert [m["granted"] for m in (await world.members())[:2]] == [False, True]
    await world.event(second, "workout")
    await world.deliver()
    await world.work()
    assert await world.rows("select 1 from wearbase.delivery where state = 'settled'") != []
    assert first != second


async def test_disconnecting_revokes_at_the_provider_and_erases_the_tokens(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    ended = await disconnect.disconnect(world.engine, "ann", "whoop", erase=False)
    assert not await disconnect.is_revoked(world.engine, ended)
    await world.work()
    assert await disconnect.is_revoked(world.engine, ended)
    assert (await world.members())[0]["granted"] is False
    (found,) = await world.rows("select state, access_token, refresh_token from wearbase.connection")
    assert found == {"state": "disconnected", "access_token": None, "refresh_token": None}
    assert await world.stored("ann", "cycle") != []
    assert await world.rows("select 1 from wearbase.sync_state where due_at is not null or backfill_due_at is not null") == []


async def test_revocation_waits_for_a_provider_that_is_down_and_refreshes_an_old_token(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    await world.step(hours=3, webhooks=False)
    await world.fault("/v2/user/access", "status", status=503, count=2)
    ended = await disconnect.disconnect(world.engine, "ann", "whoop", erase=True)
    await world.work()
    assert not await disconnect.is_revoked(world.engine, ended)
    for _ in range(4):
        await world.step(minutes=5, webhooks=False)
        await world.work()
    assert await disconnect.is_revoked(world.engine, ended)
    assert (await world.members())[0]["granted"] is False


async def test_connecting_again_is_not_undone_by_an_old_revocation(world: Bench) -> None:
    await world.connect("ann")
    await world.work()
    await disconnect.disconnect(world.engine, "ann", "whoop", erase=False)
    await world.connect("ann")
    await world.work()
    assert (await world.members())[0]["granted"] is True
    assert await world.rows("select 1 from wearbase.chore where kind = 'revoke'") == []


async def test_nothing_can_be_stored_after_a_disconnect(world: Bench) -> None:
    await world.connect("ann")
    now = world.clock.now()
    async with world.engine.db.transaction() as tx:
        visitor = await due.claim_visit(tx, holder="w", now=now, until=now + timedelta(minutes=1))
    assert visitor is not None
    await disconnect.disconnect(world.engine, "ann", "whoop", erase=True)
    with pytest.raises(LeaseLost):
        async with world.engine.db.transaction() as tx:
            await hold(tx, visitor)


async def test_a_worker_that_lost_its_lease_cannot_store(world: Bench) -> None:
    await world.connect("ann")
    now = world.clock.now()
    async with world.engine.db.transaction() as tx:
        first = await due.claim_visit(tx, holder="first", now=now, until=now + timedelta(seconds=30))
        assert await due.claim_visit(tx, holder="second", now=now, until=now + timedelta(seconds=30)) is None
    later = now + timedelta(seconds=31)
    async with world.engine.db.transaction() as tx:
        second = await due.claim_visit(tx, holder="second", now=later, until=later + timedelta(seconds=30))
    assert first is not None
    assert second is not None
    with pytest.raises(LeaseLost):
        async with world.engine.db.transaction() as tx:
            await hold(tx, first)
    async with world.engine.db.transaction() as tx:
        await hold(tx, second)


async def test_erasing_a_user_leaves_no_row_with_their_name(world: Bench) -> None:
    account = (await world.members())[0]["user_id"]
    await world.connect("ann")
    await world.work()
    await world.event(account, "workout")
    await world.deliver()
    await connect.begin(world.engine, "ann", "whoop")
    await disconnect.erase_user(world.engine, "ann")
    await world.work()
    for found in await world.rows("select tablename from pg_tables where schemaname = 'wearbase'"):
        for row in await world.rows(f"select t::text as text from wearbase.{found['tablename']} t"):
            assert "ann" not in row["text"], found["tablename"]
            assert str(account) not in row["text"], found["tablename"]
    assert (await world.members())[0]["granted"] is False
