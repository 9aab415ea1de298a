"""One member, several who would write: the lock, the lease and the generation decide, and nothing is lost or stored too late."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.integration.engine.conftest import connection_of, local_day, newest, settled, visits
from tests.integration.harness import RESOURCES, Bench
from wearbase.domain.errors import LeaseLost
from wearbase.domain.records import Page
from wearbase.providers.whoop.mapping import map_recovery, map_sleep, map_workout
from wearbase.store import connections
from wearbase.store.postgres.database import Tx
from wearbase.store.work import due
from wearbase.sync import disconnect
from wearbase.sync.visits.keep import keep_page
from wearbase.sync.worker import LEASE

Send = Callable[[httpx2.Request], Awaitable[httpx2.Response]]
MINE = "select {} from wearbase.{} where user_id = 'ann' order by 1::text"


async def nothing(_: Tx) -> None:
    """The walk does not matter here."""


async def content(world: Bench) -> dict[str, list[dict[str, Any]]]:
    """Everything that is stored of the member, as text."""
    return {
        name: await world.rows(MINE.format("t::text as row", f"{name} t")) for name in ("record", "day_document", "metric", "parked_record")
    }


async def test_two_workers_that_rebuild_one_members_day_at_once_lose_neither_change(world: Bench) -> None:
    account = await settled(world)
    await world.event(account, "workout", minutes=30, webhooks=False)
    await world.event(account, "rescore", resource="recovery", webhooks=False)
    workout = newest(await world.truth(account, "workout"))
    recovery = max(await world.truth(account, "recovery"), key=lambda r: r["created_at"])
    day = local_day(workout, "start")
    assert (await world.day("ann", day))["recovery"]["score"] != recovery["score"]["recovery_score"]
    connection, app, now = await connection_of(world), world.engine.app("whoop"), world.clock.now()
    has_rebuilt, may_commit = asyncio.Event(), asyncio.Event()

    async def hesitate(_: Tx) -> None:
        has_rebuilt.set()
        await may_commit.wait()

    async with world.another() as other:
        first = asyncio.create_task(keep_page(world.engine, app, connection, Page([map_workout(workout)], []), read_at=now, step=hesitate))
        await has_rebuilt.wait()
        second = asyncio.create_task(
            keep_page(other._engine, app, connection, Page([map_recovery(recovery)], []), read_at=now, step=nothing)
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(second), 0.3)
        may_commit.set()
        await asyncio.gather(first, second)
    document = await world.day("ann", day)
    assert workout["id"] in [w["id"] for w in document["workouts"]]
    assert document["recovery"]["score"] == recovery["score"]["recovery_score"]


async def test_many_pages_of_one_day_stored_by_two_processes_at_once_make_one_whole_day(world: Bench) -> None:
    account = await settled(world)
    async with world.engine.db.transaction() as tx:
        for table in ("record", "day_document", "metric"):
            await tx.execute(f"delete from wearbase.{table}")
    connection, app, now = await connection_of(world), world.engine.app("whoop"), world.clock.now()
    pages = [Page([map_workout(w)], []) for w in await world.truth(account, "workout")]
    pages += [Page([map_sleep(s)], []) for s in await world.truth(account, "sleep")]
    async with world.another() as other:
        engines = (world.engine, other._engine)
        await asyncio.gather(*(keep_page(engines[n % 2], app, connection, page, read_at=now, step=nothing) for n, page in enumerate(pages)))
    for resource, edge, place in (("workout", "start", "workouts"), ("sleep", "end", "sleep")):
        for record in await world.truth(account, resource):
            document = await world.day("ann", local_day(record, edge))
            shown = [document["sleep"], *document["naps"], *document["other_sleeps"]] if place == "sleep" else document[place]
            assert record["id"] in [s["id"] for s in shown if s], record


async def test_a_worker_whose_lease_ran_out_in_the_middle_of_a_read_stores_nothing(world: Bench) -> None:
    account = await settled(world)
    await world.event(account, "workout", webhooks=False)
    await world.mark()
    asked, all_asked, may_answer = list[httpx2.Request](), asyncio.Event(), asyncio.Event()

    async def slowly(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = await send(request)
        if len(asked) < len(RESOURCES):  # those of the first worker
            asked.append(request)
            if len(asked) == len(RESOURCES):
                all_asked.set()
            await may_answer.wait()
        return answer

    world.wire.meddle = slowly
    async with world.another() as other:
        late, asking = asyncio.create_task(world.one()), asyncio.create_task(all_asked.wait())
        await asyncio.wait({late, asking}, return_when=asyncio.FIRST_COMPLETED)
        assert all_asked.is_set(), late.result()
        await world.step(seconds=LEASE.total_seconds() + 1, webhooks=False)
        await other.drain()
        before, states = await content(world), await world.states()
        may_answer.set()
        await late
    assert await content(world) == before
    assert await world.states() == states
    await world.same_as_truth("ann", account)


@pytest.mark.parametrize("erase", [True, False])
async def test_a_disconnect_in_the_middle_of_a_page_stores_nothing_after_it(world: Bench, erase: bool) -> None:
    account = await settled(world)
    await world.event(account, "workout", webhooks=False)
    await world.mark()
    left: list[Any] = []

    async def leave(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = await send(request)
        if not left:
            left.append(request)
            await disconnect.disconnect(world.engine, "ann", "whoop", erase=erase)
            left.append(await content(world))
        return answer

    world.wire.meddle = leave
    await visits(world, 8)
    assert await content(world) == left[1]
    assert (left[1]["record"] == []) is erase
    (found,) = await world.rows("select state, access_token, refresh_token from wearbase.connection")
    assert found == {"state": "disconnected", "access_token": None, "refresh_token": None}
    assert await world.rows("select 1 from wearbase.sync_state where due_at is not null") == []
    assert account not in {m["user_id"] for m in await world.members() if m["granted"]}


async def test_a_disconnect_that_comes_while_a_page_is_stored_waits_for_it_and_leaves_nothing(world: Bench) -> None:
    account = await settled(world)
    await world.event(account, "workout", webhooks=False)
    connection, app, now = await connection_of(world), world.engine.app("whoop"), world.clock.now()
    fresh = map_workout(newest(await world.truth(account, "workout")))
    is_stored, may_commit = asyncio.Event(), asyncio.Event()

    async def hesitate(_: Tx) -> None:
        is_stored.set()
        await may_commit.wait()

    async with world.another() as other:
        page = asyncio.create_task(keep_page(world.engine, app, connection, Page([fresh], []), read_at=now, step=hesitate))
        await is_stored.wait()
        leaving = asyncio.create_task(disconnect.disconnect(other._engine, "ann", "whoop", erase=True))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(leaving), 0.3)
        may_commit.set()
        await asyncio.gather(page, leaving)
    assert {name: len(found) for name, found in (await content(world)).items()} == {
        "record": 0, "day_document": 0, "metric": 0, "parked_record": 0,
    }  # fmt: skip


async def test_erasing_a_user_in_the_middle_of_a_page_leaves_nothing_of_them(world: Bench) -> None:
    await settled(world)
    await world.mark()
    asked: list[httpx2.Request] = []

    async def go(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = await send(request)
        asked.append(request)
        if len(asked) == 1:
            await disconnect.erase_user(world.engine, "ann")
        return answer

    world.wire.meddle = go
    await visits(world, 8)
    for found in await world.rows("select tablename from pg_tables where schemaname = 'wearbase'"):
        for row in await world.rows(f"select t::text as text from wearbase.{found['tablename']} t"):
            assert "ann" not in row["text"], found["tablename"]


async def test_reconnecting_with_another_account_parks_the_old_webhooks_and_takes_the_new_ones(world: Bench) -> None:
    first = await settled(world)
    second = (await world.members())[1]["user_id"]
    await world.event(first, "workout")
    old = list(world.deliveries)
    await disconnect.disconnect(world.engine, "ann", "whoop", erase=True)
    await world.connect("ann", 1)
    await visits(world, 12)
    before = await content(world)
    await world.deliver()  # sent before, arriving after
    await visits(world, 8)
    parked = await world.rows("select user_id, state, reason, body, external_id from wearbase.delivery")
    assert [(p["user_id"], p["state"], p["reason"], p["body"], p["external_id"]) for p in parked] == [
        ("", "parked", "unknown_member", None, None) for _ in old
    ]
    assert await content(world) == before
    await world.step(minutes=2, webhooks=False)
    await world.event(second, "workout")
    await world.deliver()
    await visits(world, 8)
    assert [d["state"] for d in await world.rows("select state from wearbase.delivery where user_id = 'ann'")] == ["settled"]
    fresh = newest(await world.truth(second, "workout"))
    assert fresh["id"] in {w["id"] for w in await world.stored("ann", "workout")}


async def test_a_claim_that_was_lost_cannot_be_renewed_or_given_back(world: Bench) -> None:
    await settled(world)
    await world.mark()
    now = world.clock.now()
    async with world.engine.db.transaction() as tx:
        lost = await due.claim_visit(tx, holder="stopped", now=now, until=now + LEASE)
    later = now + LEASE + timedelta(seconds=1)
    async with world.engine.db.transaction() as tx:
        held = await due.claim_visit(tx, holder="next", now=later, until=later + LEASE)
    assert lost is not None
    assert held is not None
    async with world.engine.db.transaction() as tx:
        await due.renew(tx, [due.Lease.of(lost)], holder="stopped", until=later + LEASE * 9)
        await due.release(tx, lost)
        assert await connections.holds(tx, held, lease_number=held.lease_number)
    (found,) = await world.rows("select lease_holder, lease_until from wearbase.connection")
    assert found == {"lease_holder": "next", "lease_until": later + LEASE}
    with pytest.raises(LeaseLost):
        await keep_page(world.engine, world.engine.app("whoop"), lost, Page([], []), read_at=now, step=nothing)
