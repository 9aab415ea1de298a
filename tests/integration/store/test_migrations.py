"""Migrations: from nothing, twice, at once, in another schema; and who may look."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.servers import Server
from wearbase.domain.errors import DatabaseUnavailable, SettingsError
from wearbase.store.postgres import migrate
from wearbase.store.postgres.database import Database, is_pooled, value


def tables(url: str, schema: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {r[0] for r in connection.execute("select tablename from pg_tables where schemaname = %s", (schema,)).fetchall()}


def test_many_processes_at_once_migrate_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: migrate.upgrade(empty_database_url), range(6)))
    assert {"connection", "record", "day_document", "metric", "delivery", "sync_state", "oauth_state"} <= tables(
        empty_database_url, "wearbase"
    )


def test_a_second_run_changes_nothing(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    migrate.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("select version_num from wearbase.alembic_version").fetchall() == [(migrate.head(),)]


async def test_another_schema_holds_everything_and_nothing_is_left_in_the_usual_one(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, schema="members")
    assert tables(empty_database_url, "wearbase") == set()
    db = Database(empty_database_url, schema="members")
    await db.open()
    async with db.transaction() as tx:
        assert await value(tx, "select wearbase.reserve_calls('whoop', 'a', 1, '2026-01-01Z', 5, 5)") is None
        assert await value(tx, "select count(*) from wearbase.budget") == 1
    await db.close()


@pytest.mark.parametrize("name", ["Robert'); drop", "1abc", "", "a-b"])
def test_a_bad_schema_name_is_refused(empty_database_url: str, name: str) -> None:
    with pytest.raises(SettingsError):
        migrate.upgrade(empty_database_url, schema=name)


def test_a_database_that_cannot_hold_every_letter_is_refused(server: Server) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute("create database ascii encoding 'SQL_ASCII' locale_provider libc locale 'C' template template0")
        try:
            with pytest.raises(SettingsError, match="encoding is SQL_ASCII, and must be UTF8"):
                migrate.upgrade(make_conninfo(server.admin_url, dbname="ascii"))
        finally:
            admin.execute("drop database ascii")


def test_an_unreachable_database_is_said_to_be_so() -> None:
    with pytest.raises(DatabaseUnavailable):
        migrate.upgrade("host=/nonexistent dbname=x")


def test_other_roles_read_nothing(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for role in ("anon", "authenticated"):
            if not connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone():
                connection.execute(f"create role {role}".encode())
    migrate.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        names = [r[0] for r in connection.execute("select table_name from information_schema.tables where table_schema = 'wearbase'")]
        assert len(names) > 15
        for role in ("anon", "authenticated"):
            connection.execute(f"set role {role}".encode())
            for name in names:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"select * from wearbase.{name}".encode())
            connection.execute("reset role")
        # even a careless grant shows no row: row security is on, and there is no policy for others
        connection.execute("grant usage on schema wearbase to anon; grant select on all tables in schema wearbase to anon")
        connection.execute("insert into wearbase.metric values ('u', 'm', '2026-01-01', 'whoop', 1)")
        connection.execute("set role anon")
        assert connection.execute("select count(*) from wearbase.metric").fetchone() == (0,)


def test_a_pooler_is_noticed(any_database_url: str, request: pytest.FixtureRequest) -> None:
    assert is_pooled(any_database_url) is ("pgbouncer" in request.node.name)


def test_a_database_that_a_newer_program_has_migrated_is_left_alone(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("update wearbase.alembic_version set version_num = '9999'")
    migrate.upgrade(empty_database_url)
    assert migrate.head() < "9999"
