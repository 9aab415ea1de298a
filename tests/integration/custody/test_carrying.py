"""A restore over what is there: what has ended since the backup stays ended, whoever was erased stays erased, everybody signs in again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.harness import Bench, bench
from wearbase.access.keys import ENVIRONMENT, KeyBook
from wearbase.access.operators import Operators
from wearbase.access.sessions import Sessions
from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store import keys as kept
from wearbase.store.postgres import migrate
from wearbase.store.postgres.copies import Carried, dump, restore
from wearbase.sync import disconnect

SCHEMA = "wearbase"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[Bench]:
    async with bench(database_url, days=2) as world:
        yield world


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def change(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


async def test_what_has_ended_since_stays_ended(database_url: str, tmp_path: Path) -> None:
    async with bench(database_url, days=2) as world:
        ring, clock = world.engine.keys, world.clock
        book, sessions = KeyBook(world.engine.db, clock), Sessions(world.engine.db, clock)
        revoked, rotated, stays = [(await book.create(name, ["connect", "ops"])) for name in ("revoked", "rotated", "stays")]
        await book.revoke(ENVIRONMENT)
        await world.connect("ann")
        link = await sessions.make_link("bob", made_by="it")
        await sessions.begin(link.secret)
        await sessions.make_link("bob", made_by="it")
        await Operators(world.engine.db, clock, book).begin(stays.secret)
        made = dump(database_url, tmp_path / "a", schema=SCHEMA)
        clock.advance(timedelta(minutes=1))
        await book.revoke(revoked.stored.prefix)
        newer, _ = await book.rotate(rotated.stored.prefix, grace=timedelta(hours=1))
        await book.revoke(ENVIRONMENT)
        await disconnect.erase_user(world.engine, "ann")
        async with world.engine.db.connection() as tx:
            before = {key.prefix: (key.revoked_at, key.expires_at) for key in await kept.every(tx)}
    done = restore(database_url, made.path, schema=SCHEMA, replace=True, keys=ring)
    assert done.carried == Carried(keys_ended=3, keys_added=1, members_erased=1)
    found = {row[0]: row[1:] for row in rows(database_url, "select prefix, revoked_at, expires_at from wearbase.api_key")}
    assert found == before
    assert found[revoked.stored.prefix][0] is not None
    assert newer.stored.prefix in found
    assert {row[0] for row in rows(database_url, "select user_id from wearbase.connection")} == set()
    assert rows(database_url, "select count(*) from wearbase.erasure_mark") == [(1,)]
    assert rows(database_url, "select count(*), count(ended_at) from wearbase.member_session") == [(1, 1)]
    for table in ("sign_in_link", "ops_session"):
        assert rows(database_url, f"select count(*) from wearbase.{table}") == [(0,)], table


async def test_who_was_erased_is_not_told_by_other_keys_and_that_is_said(world: Bench, database_url: str, tmp_path: Path) -> None:
    await world.connect("ann")
    made = dump(database_url, tmp_path / "a", schema=SCHEMA)
    await disconnect.erase_user(world.engine, "ann")
    await world.engine.db.close()
    assert restore(database_url, made.path, schema=SCHEMA, replace=True).carried == Carried(erased_unknown=True)
    assert rows(database_url, "select count(*) from wearbase.connection") == [(1,)]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [("drop table wearbase.erasure_mark", None), ("alter table wearbase.api_key drop column revoked_at", "revoked_at does not exist")],
)
def test_what_is_older_or_damaged_is_no_reason_to_fail(database_url: str, tmp_path: Path, damage: str, problem: str | None) -> None:
    made = dump(database_url, tmp_path / "a", schema=SCHEMA)
    change(database_url, damage)
    carried = restore(database_url, made.path, schema=SCHEMA, replace=True).carried
    assert carried is not None
    assert (problem in carried.problem) if problem and carried.problem else (carried.problem, problem) == (None, None)
    assert rows(database_url, "select count(*) from pg_namespace where nspname like 'wearbase%'") == [(1,)]


def test_what_a_killed_restore_left_is_carried_over_too(database_url: str, tmp_path: Path) -> None:
    columns = "(id, name, prefix, key_hash, scopes, created_at)"
    change(database_url, f"insert into wearbase.api_key {columns} values (gen_random_uuid(), 'a', 'p', '', '{{}}', now())")
    made = dump(database_url, tmp_path / "a", schema=SCHEMA)
    change(database_url, "update wearbase.api_key set revoked_at = now()")
    change(database_url, "alter schema wearbase rename to aside")
    restore(database_url, made.path, schema=SCHEMA)
    change(database_url, "alter schema aside rename to wearbase_before_restore")
    with pytest.raises(DatabaseUnavailable, match="restore is under way"):
        migrate.upgrade(database_url)  # no server starts while a key is good that was revoked since
    restore(database_url, made.path, schema=SCHEMA, replace=True)
    migrate.upgrade(database_url)
    assert rows(database_url, "select revoked_at is not null from wearbase.api_key") == [(True,)]
