"""Brings a database to the newest schema, one process at a time."""

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from wearbase.domain.errors import DatabaseUnavailable, SettingsError
from wearbase.store.postgres import runtime_role
from wearbase.store.postgres.address import unreachable
from wearbase.store.postgres.schema import ASIDE, DEFAULT_SCHEMA, is_valid

VERSIONS = Path(__file__).parent / "migrations" / "versions"
OLDEST_SERVER = 150_000


def upgrade(url: str, *, schema: str = DEFAULT_SCHEMA, in_restore: bool = False) -> None:
    """Runs the migrations that are missing. A database that a newer program has migrated is left as it is.

    Raises: SettingsError for a bad schema name, a server older than 15, a database without UTF8, or a role that may not;
    DatabaseUnavailable (also while a restore is unfinished, unless it is the restore that asks).
    """
    if not is_valid(schema):
        raise SettingsError(f"DATABASE_SCHEMA must be a lower-case name, not {schema!r}.")
    try:
        found = _revision(url, schema, in_restore=in_restore)
        if found < head():
            if not runtime_role.may_migrate(url, schema=schema):
                owner = "schema's owner." if found else "database's owner, then `wear db grant ROLE`."
                raise SettingsError(
                    f"The database is at revision {found or 'none'}, this program needs {head()}, and its role may not change the schema: "
                    f"run `wear db upgrade` as the {owner}"
                )
            from wearbase.store.postgres.migrations.running import run_all

            run_all(url, schema)
            runtime_role.renew(url, schema=schema)
    except InsufficientPrivilege as error:
        raise runtime_role.refused(error) from error
    except psycopg.OperationalError as error:
        raise unreachable(error, url) from error


def head() -> str:
    """The revision this program needs: files are named by their number."""
    return max(path.name.split("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


def _check_for_a_restore(connection: psycopg.Connection[Any], schema: str) -> None:
    """What a restore has set aside is still wanted: an empty schema in its place would look like a database that has lost everything, and
    in one that was just put in, keys are good that were revoked since the backup."""
    aside = connection.execute("select to_regnamespace(%s)", (schema + ASIDE,)).fetchone()
    if aside is not None and aside[0] is not None:
        raise DatabaseUnavailable(
            f"A restore is under way or was broken off; what was there is kept as {schema + ASIDE!r}. Wait, or run wear restore again: "
            "it puts that back, or with --replace ends what was begun."
        )


def revision_of(url: str, schema: str) -> str:
    """The revision found, empty where no wearbase has been. Raises SettingsError for a server older than 15, DatabaseUnavailable."""
    try:
        return _revision(url, schema)
    except psycopg.OperationalError as error:
        raise unreachable(error, url) from error


def _revision(url: str, schema: str, *, in_restore: bool = False) -> str:
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        if connection.info.server_version < OLDEST_SERVER:
            raise SettingsError(f"PostgreSQL 15 or newer is needed; this server is {connection.info.server_version // 10_000}.")
        if (encoding := connection.info.parameter_status("server_encoding")) not in (None, "UTF8"):
            todo = "create database ... encoding 'UTF8' template template0"
            raise SettingsError(f"The database's encoding is {encoding}, and must be UTF8: {todo}")
        if not in_restore:
            _check_for_a_restore(connection, schema)
        table = connection.execute("select to_regclass(%s)", (f"{schema}.alembic_version",)).fetchone()
        if table is None or table[0] is None:
            return ""
        found = connection.execute(sql.SQL("select max(version_num) from {}").format(sql.Identifier(schema, "alembic_version"))).fetchone()
        return found[0] if found and found[0] else ""
