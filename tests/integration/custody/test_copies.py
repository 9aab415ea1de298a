"""Backup and restore on real PostgreSQL: every row of every table comes back, and nothing is lost when it cannot."""

import errno
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.integration.harness import Bench, bench
from tests.servers import Server
from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.postgres import migrate
from wearbase.store.postgres.copies import CopyFailed, contents, dump, programs, restore, trailer

SCHEMA = "wearbase"


@pytest.fixture(params=["embedded", pytest.param("debian15", marks=pytest.mark.postgresql15)])
def a_server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue("server" if request.param == "embedded" else f"{request.param}_server")


@pytest.fixture
def empty(server: Server) -> Iterator[str]:
    with server.database(is_migrated=False) as url:
        yield url


@pytest.fixture
def saved(server: Server, tmp_path: Path) -> Path:
    """A backup of a database with one row that can be told."""
    with server.database() as url:
        mark(url, "kept")
        return dump(url, tmp_path / "kept.backup", schema=SCHEMA).path


def mark(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into wearbase.preference values (%s, '{}', '2026-11-18Z')", (name,))


def marks(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return [found[0] for found in connection.execute("select user_id from wearbase.preference order by 1")]


def schemas(url: str) -> set[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return {found[0] for found in connection.execute("select nspname from pg_namespace where nspname like 'wearbase%'")}


def everything(url: str) -> dict[str, Any]:
    """Each table's rows in order, each definition, who may, and whether row security is on."""
    with psycopg.connect(url) as connection:
        names = [f[0] for f in connection.execute("select tablename from pg_tables where schemaname = 'wearbase' order by 1").fetchall()]
        rows = {
            name: connection.execute(
                sql.SQL("select t::text from {} t order by 1").format(sql.Identifier(SCHEMA, name))  # pyright: ignore[reportArgumentType]
            ).fetchall()
            for name in names
        }
        shape = connection.execute(
            """select relname, relkind, relrowsecurity, coalesce(relacl, acldefault('r', relowner))::text, reloptions from pg_class
                where relnamespace = 'wearbase'::regnamespace order by 1"""
        ).fetchall()
        columns = connection.execute(
            """select table_name, column_name, data_type, column_default, is_nullable from information_schema.columns
                where table_schema = 'wearbase' order by 1, 2"""
        ).fetchall()
        functions = connection.execute(
            "select proname, prosrc, proacl::text from pg_proc where pronamespace = 'wearbase'::regnamespace order by 1"
        ).fetchall()
        indexes = connection.execute("select indexname, indexdef from pg_indexes where schemaname = 'wearbase' order by 1").fetchall()
    return {"rows": rows, "shape": shape, "columns": columns, "functions": functions, "indexes": indexes}


async def live(world: Bench) -> None:
    """A member with everything that a member has."""
    await world.connect("ann")
    await world.work()
    account = (await world.members())[0]["user_id"]
    await world.event(account, "workout")
    await world.deliver()
    await world.work()


async def test_every_row_and_definition_comes_back(a_server: Server, tmp_path: Path) -> None:
    with a_server.database() as url, a_server.database(is_migrated=False) as other:
        async with bench(url, days=5) as world:
            await live(world)
            told = list[tuple[int, int]]()
            made = dump(url, tmp_path / "all.backup", schema=SCHEMA, on_table=lambda *of: told.append(of))  # while everything is open
        before = everything(url)
        stored = before["rows"]["observation"]
        before["rows"]["observation"] = [row for row in stored if not row[0].startswith('("",backup,')]  # noted after the copy's instant
        assert len(before["rows"]["observation"]) == len(stored) - 1
        assert len(before["rows"]["record"]) > 20
        assert told[-1] == (made.contents.tables, made.contents.tables)
        restored = list[tuple[int, int]]()
        found = restore(other, made.path, schema=SCHEMA, on_table=lambda *of: restored.append(of))
        assert everything(other) == before
        assert restored[-1] == (found.tables, len(before["rows"]))
        assert found.revision == migrate.head()
        async with bench(other, days=5) as again:  # and it goes on working, tokens and all
            assert (await again.rows("select count(*)::int as n from wearbase.record"))[0]["n"] == len(before["rows"]["record"])


def test_only_its_owner_can_read_the_file(saved: Path) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert [path.name for path in saved.parent.iterdir()] == ["kept.backup"]


def test_the_file_of_another_backup_is_not_overwritten(saved: Path, database_url: str) -> None:
    before = saved.read_bytes()
    with pytest.raises(CopyFailed, match="exists already"):
        dump(database_url, saved, schema=SCHEMA)
    assert saved.read_bytes() == before


def test_a_place_without_links_takes_a_backup_too(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share of another machine, a bucket."""

    def link(unfinished: Path, path: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, "no links here")

    monkeypatch.setattr(os, "link", link)
    assert contents(dump(database_url, tmp_path / "a", schema=SCHEMA).path).revision == migrate.head()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_backup_that_fails_leaves_no_file(tmp_path: Path, database_url: str, empty: str) -> None:
    with pytest.raises(CopyFailed, match="nothing to back up"):
        dump(empty, tmp_path / "a", schema=SCHEMA)
    with pytest.raises(CopyFailed, match="cannot be written"):
        dump(database_url, tmp_path / "none/a", schema=SCHEMA)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create role careless login password 'careless'")
        try:
            target = make_conninfo(database_url, user="careless", password="careless")
            with pytest.raises(CopyFailed, match=r"pg_dump failed: .*permission denied"):
                dump(target, tmp_path / "a", schema=SCHEMA)
        finally:
            connection.execute("drop role careless")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", [0.999, 0.9, 0.5, 0.05, 0])
def test_a_file_that_was_cut_is_refused_and_nothing_is_touched(saved: Path, database_url: str, part: float) -> None:
    mark(database_url, "mine")
    cut = saved.with_name("cut")
    cut.write_bytes(saved.read_bytes()[: int(saved.stat().st_size * part)])
    with pytest.raises(CopyFailed, match="cut, damaged, or no backup"):
        restore(database_url, cut, schema=SCHEMA, replace=True)
    assert marks(database_url) == ["mine"]
    assert schemas(database_url) == {SCHEMA}


def test_a_single_changed_byte_is_noticed(saved: Path, empty: str) -> None:
    damaged = bytearray(saved.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    saved.write_bytes(damaged)
    with pytest.raises(CopyFailed, match="damaged"):
        restore(empty, saved, schema=SCHEMA)


def test_what_is_no_backup_is_refused(tmp_path: Path, empty: str) -> None:
    (tmp_path / "text").write_text("select 1")
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("create schema other; create table other.t (a int)")
    strange = tmp_path / "strange"
    with strange.open("wb") as file:
        programs.run([programs.dumper(programs.major_of(empty)), "--format=custom"], url=empty, output=file)
    trailer.add(strange)
    for path in (tmp_path / "none", tmp_path / "text", strange):
        with pytest.raises(CopyFailed, match=r"no file|no backup of wearbase"):
            restore(empty, path, schema=SCHEMA)
    assert schemas(empty) == set()


def test_a_database_in_use_keeps_what_it_has(saved: Path, database_url: str) -> None:
    mark(database_url, "mine")
    with pytest.raises(CopyFailed, match="--replace"):
        restore(database_url, saved, schema=SCHEMA)
    with (
        psycopg.connect(database_url, application_name="wearbase listen"),
        pytest.raises(CopyFailed, match="Stop every wear up"),
    ):
        restore(database_url, saved, schema=SCHEMA, replace=True)
    assert marks(database_url) == ["mine"]
    restore(database_url, saved, schema=SCHEMA, replace=True)
    assert marks(database_url) == ["kept"]
    assert schemas(database_url) == {SCHEMA}


def test_a_restore_that_fails_or_is_killed_gives_back_what_was_there(
    saved: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(database_url, "mine")
    real = programs.run

    def broken(command: Any, **more: Any) -> None:
        if "--single-transaction" in command:
            raise KeyboardInterrupt
        real(command, **more)

    monkeypatch.setattr(programs, "run", broken)
    with pytest.raises(KeyboardInterrupt):
        restore(database_url, saved, schema=SCHEMA, replace=True)
    assert marks(database_url) == ["mine"]
    monkeypatch.undo()
    with psycopg.connect(database_url, autocommit=True) as connection:  # as a kill -9 in the middle would leave it
        connection.execute("alter schema wearbase rename to wearbase_before_restore")
    with pytest.raises(DatabaseUnavailable, match="restore is under way"):
        migrate.upgrade(database_url)  # a server that starts now makes no empty schema in its place
    assert schemas(database_url) == {"wearbase_before_restore"}
    with pytest.raises(CopyFailed, match="--replace"):
        restore(database_url, saved, schema=SCHEMA)
    assert marks(database_url) == ["mine"]


def test_when_a_backup_was_begun_is_noted_where_that_may_be_written(database_url: str, tmp_path: Path) -> None:
    noted = "select seen_at from wearbase.observation where provider = '' and name = 'backup'"
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert dump(database_url, tmp_path / "a", schema=SCHEMA).is_noted
        first = connection.execute(noted).fetchone()
        assert first is not None
        read_only = make_conninfo(database_url, options="-c default_transaction_read_only=on")
        assert not dump(read_only, tmp_path / "b", schema=SCHEMA).is_noted
        assert connection.execute(noted).fetchone() == first
        assert dump(database_url, tmp_path / "c", schema=SCHEMA).is_noted
        again = connection.execute(noted).fetchone()
    assert again is not None
    assert again[0] > first[0]


def test_another_schema_and_a_newer_revision_are_refused(saved: Path, empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CopyFailed, match="DATABASE_SCHEMA"):
        restore(empty, saved, schema="members")
    monkeypatch.setattr(migrate, "head", lambda: "0001")
    with pytest.raises(CopyFailed, match="newer wearbase"):
        restore(empty, saved, schema=SCHEMA)
    assert schemas(empty) == set()


def test_an_older_backup_is_brought_to_the_newest_schema(server: Server, tmp_path: Path, empty: str) -> None:
    with server.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("update wearbase.alembic_version set version_num = '0001'")
        path = dump(url, tmp_path / "old", schema=SCHEMA).path
    assert contents(path).revision == "0001"
    restore(empty, path, schema=SCHEMA)


def test_the_password_is_on_no_command_line(database_url: str, tmp_path: Path) -> None:
    password = conninfo_to_dict(database_url)["password"]
    seen = set[str]()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes().decode(errors="replace"))
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        dump(database_url, tmp_path / "a", schema=SCHEMA)
    finally:
        done.set()
        watcher.join()
    assert any("pg_dump" in line for line in seen)
    assert not any(str(password) in line for line in seen)


def test_the_program_fits_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from wearbase.store.postgres.embedded.binaries import Binaries

    here = [Binaries(Path(f"/{major}"), major) for major in (15, 16, 18)]
    monkeypatch.setattr(programs, "client_programs", lambda name: here)
    assert programs.dumper(15) == "/15/pg_dump"
    assert programs.dumper(17) == "/18/pg_dump"
    assert programs.restorer(15, written_by=15) == "/15/pg_restore"
    assert programs.restorer(18, written_by=15) == "/18/pg_restore"
    with pytest.raises(CopyFailed, match="postgresql-client-19"):
        programs.dumper(19)
    with pytest.raises(CopyFailed, match="no pg_restore"):
        programs.restorer(15, written_by=18)  # it would set what a server of 15 does not know


def test_no_program_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    monkeypatch.setattr(programs, "client_programs", lambda name: [])
    with pytest.raises(CopyFailed, match="apt-get install"):
        contents(saved)


def test_what_a_server_quotes_is_not_repeated() -> None:
    """An error's text may hold a member's value."""
    shell = shutil.which("sh")
    assert shell
    line = 'pg_restore: error: COPY failed for table "metric": ERROR:  invalid input: "61 bpm of ann"'
    with pytest.raises(CopyFailed) as failed:
        programs.run([shell, "-c", f"echo '{line}' >&2; exit {os.EX_DATAERR}"])
    assert "bpm" not in failed.value.message
    assert "invalid input" in failed.value.message
