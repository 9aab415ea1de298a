"""pg_dump and pg_restore: which of those at hand fits a server, and running one without showing a secret."""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import IO

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from wearbase.domain.errors import WearbaseError
from wearbase.store.postgres.address import unreachable
from wearbase.store.postgres.embedded.account import SYSTEM_PATH
from wearbase.store.postgres.embedded.binaries import Binaries, client_programs

_FAULT = re.compile(r"pg_(?:dump|restore): (?:error|detail): (.+)")
_QUOTED = re.compile(r'(ERROR:[^"]*)".*')  # what a server quotes may be a member's value
_TABLE = re.compile(r'pg_(?:dump|restore): (?:dumping contents of|processing data for) table "([^"]+)"')
TIMEOUT_SINCE = 17  # programs of this major and newer set transaction_timeout, which older servers do not know


class CopyFailed(WearbaseError):
    """The database was not copied."""

    code = "copy_failed"


def major_of(url: str) -> int:
    """The major version of the server. Raises DatabaseUnavailable."""
    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            return connection.info.server_version // 10_000
    except psycopg.OperationalError as error:
        raise unreachable(error, url) from error


def dumper(server: int) -> str:
    """A pg_dump that reads this server: of its own major version, else the oldest that is newer. Raises CopyFailed."""
    fitting = [found for found in client_programs("pg_dump") if found.major >= server]
    if not fitting:
        raise CopyFailed(f"There is no pg_dump for PostgreSQL {server} here. Install it: apt-get install postgresql-client-{server}")
    return min(fitting, key=lambda found: found.major).program("pg_dump")


def restorer(server: int, *, written_by: int) -> str:
    """A pg_restore that reads what that pg_dump wrote, and whose statements this server knows. Raises CopyFailed."""

    def fits(found: Binaries) -> bool:
        return found.major >= written_by and (found.major == server or found.major < TIMEOUT_SINCE or server >= TIMEOUT_SINCE)

    fitting = [found for found in client_programs("pg_restore") if fits(found)]
    if not fitting:
        raise CopyFailed(
            f"There is no pg_restore here that reads a file of pg_dump {written_by} into PostgreSQL {server}. "
            f"Restore into PostgreSQL {max(written_by, server)} or newer, or: apt-get install postgresql-client-{max(written_by, server)}"
        )
    return min(fitting, key=lambda found: abs(found.major - server)).program("pg_restore")


def reader() -> str:
    """The newest pg_restore, which reads every older file. Raises CopyFailed."""
    found = client_programs("pg_restore")
    if not found:
        raise CopyFailed("There is no pg_restore here. Install it: apt-get install postgresql-client")
    return max(found, key=lambda one: one.major).program("pg_restore")


def run(
    command: Sequence[str], *, url: str | None = None, output: IO[bytes] | int = subprocess.DEVNULL,
    on_table: Callable[[str], None] = lambda name: None,
) -> None:  # fmt: skip
    """Runs it; the password goes through its environment, which others cannot see. Raises CopyFailed."""
    where, environment = [], {"PATH": SYSTEM_PATH, "LC_ALL": "C", **_kept_environment()}
    if url is not None:
        given = conninfo_to_dict(url)
        password = given.pop("password", None)
        if password is not None:
            environment["PGPASSWORD"] = str(password)
        where = [f"--dbname={make_conninfo('', **given)}"]
    faults: list[str] = []
    child = subprocess.Popen(
        [*command, *where], env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    with ExitStack() as told_to_stop:
        told_to_stop.callback(child.wait)
        told_to_stop.callback(child.kill)  # nothing half done is kept
        assert child.stderr is not None
        for line in child.stderr:
            if table := _TABLE.match(line):
                on_table(table[1])
            elif fault := _FAULT.match(line):
                faults.append(_QUOTED.sub(r"\1...", fault[1]).strip())
        told_to_stop.pop_all()
    child.wait()
    if child.returncode != 0:
        raise CopyFailed(f"{os.path.basename(command[0])} failed: {faults[0] if faults else f'exit status {child.returncode}'}")


def _kept_environment() -> dict[str, str]:
    """Where libpq finds certificates and passwords of its own."""
    names = ("HOME", "PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSERVICEFILE", "PGSYSCONFDIR")
    return {name: value for name in names if (value := os.environ.get(name))}
