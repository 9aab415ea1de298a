"""The whole schema as one file, consistent at one instant, while everything runs."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from wearbase.store.postgres.address import unreachable
from wearbase.store.postgres.clock import READ_CLOCK
from wearbase.store.postgres.copies import programs, trailer
from wearbase.store.postgres.copies.programs import CopyFailed
from wearbase.store.postgres.copies.restoring import Contents, check, contents
from wearbase.store.postgres.schema import in_schema

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # as shares of other machines and buckets say it
# For the alert on backups that are too old.
_NOTE = """
insert into wearbase.observation (provider, name, content, seen_at) values ('', 'backup', '{}', %s)
    on conflict (provider, name) do update set seen_at = excluded.seen_at
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """A finished file."""

    path: Path
    size: int
    contents: Contents
    is_noted: bool  # in the database: when it was begun


def dump(url: str, path: Path, *, schema: str, on_table: Callable[[int, int], None] = lambda done, of: None) -> Copy:
    """Copies the schema into a new file that only we can read; it gets its name when it is whole and has been read back.

    Raises: CopyFailed, DatabaseUnavailable.
    """
    if path.exists():
        raise CopyFailed(f"{path} exists already; nothing was written. Give another name.")
    (total, began_at), unfinished = _tables(url, schema), path.with_name(path.name + ".part")
    if not total:
        raise CopyFailed(f"There is nothing to back up: the database has no schema {schema!r}.")
    done = 0

    def count(name: str) -> None:
        nonlocal done
        done += 1
        on_table(done, total)

    command = [programs.dumper(programs.major_of(url)), "--format=custom", f"--schema={schema}", "--no-owner", "--verbose"]
    try:
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            programs.run(command, url=url, output=file, on_table=count)
        check(unfinished)
        trailer.add(unfinished)
        found = contents(unfinished)
        _give_name(unfinished, path)
        return Copy(path, path.stat().st_size, found, _note(url, schema, began_at))
    except OSError as error:
        raise CopyFailed(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _give_name(unfinished: Path, path: Path) -> None:
    """Never in the place of another file. Raises OSError."""
    try:
        os.link(unfinished, path)  # fails where somebody made one of that name meanwhile
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        unfinished.rename(path)


def _note(url: str, schema: str, began_at: datetime) -> bool:
    """Not where we may only read: a backup is one all the same."""
    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            connection.execute(in_schema(_NOTE, schema).encode(), (began_at,))
    except psycopg.Error:
        return False
    return True


def _tables(url: str, schema: str) -> tuple[int, datetime]:
    """How many there are, and the server's time."""
    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            found = connection.execute("select count(*) from pg_tables where schemaname = %s", (schema,)).fetchone()
            now = connection.execute(READ_CLOCK).fetchone()
            assert found is not None
            assert now is not None
            return found[0], now[0]
    except psycopg.OperationalError as error:
        raise unreachable(error, url) from error
