"""A role of the database that may run everything and change neither tables nor what the trail holds."""

from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.integration.api.conftest import Service, serving
from tests.integration.harness import bench
from tests.servers import Server
from wearbase.domain.errors import SettingsError
from wearbase.store.audit import trail
from wearbase.store.postgres import migrate, runtime_role

ROLE, PASSWORD = "wearbase_runs", "only-of-this-test"
FORBIDDEN = (
    "update wearbase.audit set credential = 'somebody'", "update wearbase.audit set count = 5, number = null", "delete from wearbase.audit",
    "truncate wearbase.audit", "alter table wearbase.audit disable trigger all", "set session_replication_role = replica",
    "drop trigger audit_kept on wearbase.audit", "drop table wearbase.audit", "drop table wearbase.record", "drop schema wearbase cascade",
    "alter table wearbase.audit owner to current_user",
    "select wearbase.prune_audit('infinity', 9)", "update wearbase.audit_stand set numbered = 99",
    "create or replace function wearbase.keep_audit() returns trigger language plpgsql as 'begin return old; end'",
    "create table wearbase.mine ()", "update wearbase.alembic_version set version_num = '9999'",
    "alter table wearbase.record disable row level security", "set role wearbase",
    "insert into wearbase.audit (at, action, credential, number) values ('epoch', 'x', 'y', 9000)",
    "begin; set local wear.prunes_audit = 'on'; delete from wearbase.audit",
    "begin; set local wear.numbers_audit = 'on'; update wearbase.audit set number = 0 where number is null",
)  # fmt: skip


@pytest.fixture
def narrow(server: Server, database_url: str) -> str:
    """The address of a database for that role."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        if not owner.execute("select 1 from pg_roles where rolname = %s", (ROLE,)).fetchone():
            owner.execute(f"create role {ROLE} login password '{PASSWORD}'".encode())
    runtime_role.grant(database_url, ROLE, schema="wearbase")
    return make_conninfo(database_url, user=ROLE, password=PASSWORD)


@pytest.fixture
async def service(narrow: str) -> AsyncIterator[Service]:
    async with bench(narrow, days=5) as world, serving(world) as made:
        yield made


async def test_everything_runs_as_a_role_that_is_not_the_owner(service: Service, database_url: str) -> None:
    world = service.world
    await service.connected()
    await world.event((await world.members())[0]["user_id"], "workout")
    await world.deliver()
    await world.work()
    await world.step(hours=20)
    await world.work()
    await world.same_as_truth("ann", (await world.members())[0]["user_id"])
    for path in ("/api/v1/whoop/daily-data/ann", "/api/v1/health/ann?days=3", "/api/v1/users/ann/export", "/health/ready"):
        assert (await service.get(path)).status_code == 200, path
    await service.services.readers.close()
    world.clock.advance(timedelta(minutes=2))
    ops = await service.key("ops")
    for path in ("/api/v1/ops/audit?after=0&limit=1000", "/api/v1/ops/summary", "/api/v1/ops/failing", "/metrics"):
        assert (await service.get(path, headers=ops)).status_code == 200, path
    async with world.engine.db.transaction() as tx:
        assert await trail.prune(tx, before=world.clock.now(), most=10) == 0  # the owner's
    lines = await world.rows("select action, number from wearbase.audit order by id")
    assert {"connected", "exported", "read"} <= {line["action"] for line in lines if line["number"]}
    assert (await service.delete("/api/v1/users/ann", headers=await service.key("erase"))).status_code == 200
    assert await world.rows("select 1 from wearbase.record where user_id = 'ann'") == []
    assert len(await world.rows("select 1 from wearbase.audit")) > len(lines)


async def test_that_role_changes_neither_tables_nor_what_the_trail_holds(service: Service, narrow: str) -> None:
    await service.get("/api/v1/whoop/sync-status/ann")
    await service.services.readers.close()
    before = await service.world.rows("select * from wearbase.audit")
    assert before
    for statement in FORBIDDEN:
        with psycopg.connect(narrow, autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
    assert await service.world.rows("select * from wearbase.audit") == before


def test_a_newer_schema_is_the_owners_to_make_and_opens_new_tables_to_the_role(narrow: str, database_url: str) -> None:
    migrate.upgrade(narrow)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("update wearbase.alembic_version set version_num = '0001'")
        with pytest.raises(SettingsError, match="wear db upgrade"):
            migrate.upgrade(narrow)
        owner.execute("create table wearbase.later (user_id text); alter table wearbase.later enable row level security")
        owner.execute("insert into wearbase.later values ('ann')")
        runtime_role.renew(database_url, schema="wearbase")
        with psycopg.connect(narrow) as connection:
            assert connection.execute("select * from wearbase.later").fetchall() == [("ann",)]


def test_a_role_that_is_not_there_or_has_the_owners_rights_is_refused(narrow: str, database_url: str) -> None:
    for role in ("nobody-at-all", conninfo_to_dict(database_url)["user"]):
        with pytest.raises(SettingsError):
            runtime_role.grant(database_url, str(role), schema="wearbase")
    with pytest.raises(SettingsError, match="Only the owner"):
        runtime_role.grant(narrow, ROLE, schema="wearbase")
    runtime_role.grant(database_url, ROLE, schema="wearbase")  # again does no harm


def test_a_role_without_rights_is_told_what_is_missing(server: Server, narrow: str) -> None:
    with server.database() as other, pytest.raises(SettingsError, match="wear db grant"):
        migrate.upgrade(make_conninfo(other, user=ROLE, password=PASSWORD))
