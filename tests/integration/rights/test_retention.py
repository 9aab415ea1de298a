"""Days older than a source's limit go, and do not come back: not by history, not by a delivery, not by a person."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from tests.integration.api.conftest import Service, serving
from tests.integration.harness import Bench, bench
from tests.integration.parts import sahha_connected, sahha_says
from wearbase.domain.combining import Combining
from wearbase.providers.registry import PROVIDERS
from wearbase.store import connections
from wearbase.store.postgres.database import run
from wearbase.sync import ask
from wearbase.sync.chores import STANDING, plan_chores
from wearbase.sync.upkeep import retention
from wearbase.sync.visits.keep import store_page

KEPT = 10
TABLES = ("record", "day_document", "metric")


def keep(world: Bench, days: int | None, name: str = "whoop") -> None:
    """As a server that was started with the setting."""
    engine = world.engine
    app = engine.app("whoop")
    if name == "whoop":
        object.__setattr__(app, "provider", app.provider.keeping(days))
    providers = [p.keeping(days) if p.name == name else p for p in engine.combining.providers]
    object.__setattr__(engine, "combining", Combining.of(providers))
    world.reader._kept = {name: days}


async def days_of(world: Bench, table: str, provider: str = "whoop", user_id: str = "ann") -> set[date]:
    found = await world.rows(f"select distinct day from wearbase.{table} where provider = %s and user_id = %s", provider, user_id)
    return {row["day"] for row in found}


async def retained(world: Bench) -> int:
    """Runs until there is nothing more to do; how many runs that took."""
    runs = 1
    while await retention.retain(world.engine):
        runs += 1
    return runs


async def oldest_kept(world: Bench, user_id: str = "ann") -> date:
    [found] = await world.rows("select utc_offset_min from wearbase.connection where user_id = %s and provider = 'whoop'", user_id)
    return (world.clock.now() + timedelta(minutes=found["utc_offset_min"])).date() - timedelta(days=KEPT)


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with bench(database_url, days=30, backfill_days=25) as world, serving(world) as made:
        yield made


async def test_days_beyond_the_limit_go_from_every_table_and_say_why(service: Service) -> None:
    world = service.world
    await service.connected()
    await sahha_connected(world, "ann")
    keep(world, KEPT)
    first = await oldest_kept(world)
    old, new = first - timedelta(days=1), first
    await sahha_says(world, "ann", old, steps=5_000)
    assert min(await days_of(world, "record")) < old
    await retained(world)
    for table in TABLES:
        assert min(await days_of(world, table)) == new, table
    health = {r["day"]: orjson.loads(r["body"]) for r in await world.rows("select day, body from wearbase.health_document")}
    assert min(health) == old  # what another source has of it stays
    assert set(health[old]["sources"]) == {"sahha"}
    assert "whoop" in health[new]["sources"]
    document = (await service.get(f"/api/v1/whoop/daily-data/ann?date={old}")).json()
    assert (document["recovery"], document["sync"]["no_data_reason"]) == (None, "kept_no_longer")
    answer = (await service.get(f"/api/v1/health/ann?date={old}")).json()["sources"]
    assert answer["whoop"]["no_data_reason"] == "kept_no_longer"
    assert answer["sahha"]["no_data_reason"] is None
    ranged = (await service.get(f"/api/v1/whoop/days/ann?start={old}&end={new}")).json()["days"]
    assert [day["sync"]["no_data_reason"] for day in ranged] == ["kept_no_longer", None]
    assert await retained(world) == 1  # and again: nothing is left to do
    await world.step(hours=24, webhooks=False)
    await retained(world)
    assert min(await days_of(world, "day_document")) == new + timedelta(days=1)


async def test_history_is_not_read_beyond_the_limit(service: Service) -> None:
    world = service.world
    keep(world, KEPT)
    await service.connected()
    now, first = world.clock.now(), await oldest_kept(world)
    assert await days_of(world, "day_document") >= {first + timedelta(days=n) for n in range(1, KEPT)}
    assert min(await days_of(world, "record")) >= first - timedelta(days=1)  # a cycle that a night of the next day may still claim
    states = await world.states()
    assert {state["history_from"] for state in states.values()} == {now - timedelta(days=KEPT)}
    assert await ask.backfill(world.engine, "ann", "whoop", since=now - timedelta(days=25))
    asked = {state["backfill_start"] for state in (await world.states()).values()}
    assert all(at is None or at >= datetime.combine(first, datetime.min.time(), UTC) - timedelta(hours=12) for at in asked)
    await world.work()
    await retained(world)
    assert min(await days_of(world, "record")) == first


async def raw_of(world: Bench, account: int, resource: str, before: date) -> dict[str, Any]:
    return next(r for r in await world.truth(account, resource) if r["start"] < before.isoformat())


@pytest.mark.parametrize("resource", ["workout", "sleep", "cycle"])
async def test_what_is_told_late_of_such_a_day_is_not_stored(service: Service, resource: str) -> None:
    """Deliveries, reads by id, parked records and pages all come by this one way."""
    world = service.world
    keep(world, KEPT)
    account = await service.connected()
    first = await oldest_kept(world)
    raw = await raw_of(world, account, resource, first - timedelta(days=3))
    app = world.engine.app("whoop")
    page = app.provider.map_again(resource, raw)
    assert len(page.records) == 1
    before = await world.rows("select count(*) as n from wearbase.record")
    for provider, more in ((app.provider, 0), (PROVIDERS["whoop"], 1)):  # the second has no limit
        async with world.engine.db.transaction() as tx:
            connection = await connections.get(tx, "ann", "whoop")
            assert connection is not None
            await connections.lock_member(tx, "ann")
            now = world.clock.now()
            await store_page(tx, world.engine.combining, provider, connection, page, read_at=now, now=now)
        assert (await world.rows("select count(*) as n from wearbase.record"))[0]["n"] == before[0]["n"] + more


async def test_it_goes_in_small_steps_and_goes_on_where_it_was(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    world = service.world
    monkeypatch.setattr(retention, "MOST_DAYS", 4)
    monkeypatch.setattr(retention, "MEMBERS_LOOKED_AT", 2)
    monkeypatch.setattr(retention, "MOST_MEMBERS", 1)
    for n, user_id in enumerate(("ann", "bob", "cem")):
        await service.connected(user_id, n)
    keep(world, KEPT)
    assert await retained(world) >= 3
    for user_id in ("ann", "bob", "cem"):
        first = await oldest_kept(world, user_id)
        for table in TABLES:
            assert min(await days_of(world, table, user_id=user_id)) == first, (user_id, table)
    monkeypatch.undo()
    await plan_chores(world.engine)
    await world.work()
    [chore] = await world.rows("select due_at, error from wearbase.chore where id = %s", STANDING["retain"].id)
    assert (chore["error"], chore["due_at"]) == (None, world.clock.now() + retention.RETAIN_EVERY)


async def test_what_has_no_day_goes_too_and_without_a_limit_nothing_does(service: Service) -> None:
    world = service.world
    await service.connected()
    async with world.engine.db.transaction() as tx:
        await run(tx, "update wearbase.record set day = null, group_id = null where resource = 'recovery'")
    before = await world.rows("select count(*) as n from wearbase.record")
    assert await retained(world) == 1
    assert await world.rows("select count(*) as n from wearbase.record") == before
    keep(world, 3_650)
    await retained(world)
    assert await world.rows("select count(*) as n from wearbase.record") == before
    world.clock.advance(timedelta(days=8))
    await retained(world)
    assert await world.rows("select 1 from wearbase.record where resource = 'recovery'") == []
