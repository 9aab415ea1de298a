"""A file back into a database: read whole before anything is touched, put in by one transaction, what was there kept until then."""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from wearbase.store.postgres import migrate
from wearbase.store.postgres.address import unreachable
from wearbase.store.postgres.copies import carrying, programs, trailer
from wearbase.store.postgres.copies.carrying import Carried
from wearbase.store.postgres.copies.programs import CopyFailed
from wearbase.store.postgres.schema import ASIDE
from wearbase.store.sealing import KeyRing

_WRITER = re.compile(r"Dumped by pg_dump version: (\d+)")
_SERVER = re.compile(r"Dumped from database version: (\d+)")
_TABLE = re.compile(r"^\d+; \d+ \d+ TABLE DATA (\S+) (\S+) ", re.MULTILINE)
_REVISION = re.compile(r"^COPY [^\n]*\n(\S+)\n\\\.", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a file holds."""

    schema: str
    tables: int
    revision: str
    server: int  # the major version it came from
    written_by: int  # the major version of pg_dump


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put in, and what was carried over from what it replaced: None into an empty place."""

    contents: Contents
    carried: Carried | None

    @property
    def tables(self) -> int:
        """How many tables were put in."""
        return self.contents.tables

    @property
    def revision(self) -> str:
        """The revision that the file was at."""
        return self.contents.revision


def contents(path: Path) -> Contents:
    """Reads the whole file, so that one that is cut or damaged is found. Raises CopyFailed."""
    if not path.is_file():
        raise CopyFailed(f"There is no file {path}.")
    if not trailer.is_whole(path):
        raise CopyFailed(f"{path} is cut, damaged, or no backup of wearbase. Nothing was changed.")
    program = programs.reader()
    listed = _told(path, [program, "--list", str(path)])
    found = _TABLE.findall(listed)
    schemas = {schema for schema, _ in found}
    if len(schemas) != 1 or not {"alembic_version", "connection", "record"} <= {table for _, table in found}:
        raise CopyFailed(f"{path} is no backup of wearbase.")
    revision = _REVISION.search(_told(path, [program, "--data-only", "--table=alembic_version", "--file=-", str(path)]))
    writer, server = _WRITER.search(listed), _SERVER.search(listed)
    if revision is None or writer is None or server is None:
        raise CopyFailed(f"{path} is no backup of wearbase.")
    return Contents(
        schema=schemas.pop(), tables=len(found), revision=revision[1], server=int(server[1]), written_by=int(writer[1])
    )  # fmt: skip


def check(path: Path) -> None:
    """Unpacks every block of every table, to nowhere. Raises CopyFailed."""
    programs.run([programs.reader(), "--file=/dev/null", str(path)])


def restore(
    url: str, path: Path, *, schema: str, replace: bool = False, keys: KeyRing | None = None,
    on_table: Callable[[int, int], None] = lambda done, of: None,
) -> Restored:  # fmt: skip
    """Puts the file's schema into the database. Whatever goes wrong, what was there is there again.

    What replaces something is brought to this program's revision, and takes over what has ended since the backup; `keys` know again
    who was erased.

    Raises: CopyFailed (also for a schema in place that holds tables, unless it is to be replaced), DatabaseUnavailable.
    """
    found = contents(path)
    if found.schema != schema:
        raise CopyFailed(f"{path} holds the schema {found.schema!r}: set DATABASE_SCHEMA to it.")
    if found.revision > migrate.head():
        raise CopyFailed(f"{path} was made by a newer wearbase (revision {found.revision}; here is {migrate.head()}). Update first.")
    program = programs.restorer(programs.major_of(url), written_by=found.written_by)
    done = 0

    def count(name: str) -> None:
        nonlocal done
        done += 1
        on_table(done, found.tables)

    with _set_aside(url, schema, replace=replace, keys=keys) as (connection, is_aside):
        command = [program, "--single-transaction", "--exit-on-error", "--no-owner", "--verbose", str(path)]
        programs.run(command, url=url, on_table=count)
        if not is_aside:
            carrying.end_sign_ins(connection, schema)
            return Restored(contents=found, carried=None)
        migrate.upgrade(url, schema=schema, in_restore=True)
        return Restored(contents=found, carried=carrying.take_over(connection, schema, keys=keys))


@contextmanager
def _set_aside(url: str, schema: str, *, replace: bool, keys: KeyRing | None) -> Iterator[tuple[psycopg.Connection[Any], bool]]:
    """Makes room, and tells whether something was there: it comes back if the block fails, which has to drop it when it is done."""
    with _connected(url) as connection:
        _recover(connection, url, schema, keys=keys, replace=replace)
        tables = _tables(connection, schema)
        if tables and not replace:
            raise CopyFailed(f"The database has a schema {schema!r} with {tables} tables. To replace it and all that it holds: --replace")
        users = _others_at_work(connection)
        if users:
            raise CopyFailed(f"{users} wearbase sessions use this database. Stop every wear up, api and worker first.")
        was_there = _exists(connection, schema)
        if was_there:
            _run(connection, "alter schema {} rename to {}", schema, schema + ASIDE)
        with ExitStack() as gone_wrong:
            if was_there:
                gone_wrong.callback(_put_back, connection, schema)
            yield connection, was_there
            gone_wrong.pop_all()


def _put_back(connection: psycopg.Connection[Any], schema: str) -> None:
    if _exists(connection, schema + ASIDE):
        _run(connection, "drop schema if exists {} cascade", schema)
        _run(connection, "alter schema {} rename to {}", schema + ASIDE, schema)


def _recover(connection: psycopg.Connection[Any], url: str, schema: str, *, keys: KeyRing | None, replace: bool) -> None:
    """After a restore that was killed: what it had set aside is put back, or is carried over and goes if that was put in and it may."""
    if not _exists(connection, schema + ASIDE):
        return
    if not _exists(connection, schema):
        _run(connection, "alter schema {} rename to {}", schema + ASIDE, schema)
    elif replace:
        migrate.upgrade(url, schema=schema, in_restore=True)
        carrying.take_over(connection, schema, keys=keys)
    else:
        raise CopyFailed(f"The schema {schema + ASIDE!r} was left by a restore that was killed after it had succeeded. Drop it: --replace")


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            yield connection
    except InsufficientPrivilege as error:
        raise CopyFailed("This database user may not make or rename a schema here.") from error
    except psycopg.OperationalError as error:
        raise unreachable(error, url) from error


def _run(connection: psycopg.Connection[Any], statement: Any, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _exists(connection: psycopg.Connection[Any], schema: str) -> bool:
    return connection.execute("select 1 from pg_namespace where nspname = %s", (schema,)).fetchone() is not None


def _tables(connection: psycopg.Connection[Any], schema: str) -> int:
    found = connection.execute("select count(*) from pg_tables where schemaname = %s", (schema,)).fetchone()
    return found[0] if found else 0


def _others_at_work(connection: psycopg.Connection[Any]) -> int:
    sql_text = "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'wearbase%'"
    found = connection.execute(sql_text).fetchone()
    return found[0] if found else 0


def _told(path: Path, command: list[str]) -> str:
    with tempfile.TemporaryFile() as file:
        try:
            programs.run(command, output=file)
        except CopyFailed as error:
            raise _damaged(path, error) from error
        file.seek(0)
        return file.read().decode(errors="replace")


def _damaged(path: Path, error: CopyFailed) -> CopyFailed:
    return CopyFailed(f"{path} is cut, damaged, or no backup of wearbase ({error.message}). Nothing was changed.")
