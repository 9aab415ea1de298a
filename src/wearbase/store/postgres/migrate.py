"""Brings a database to the newest schema, one process at a time."""

from contextvars import ContextVar
from pathlib import Path

import alembic.command
import alembic.config
import psycopg
import sqlalchemy
import sqlalchemy.exc
from alembic import op
from psycopg import sql
from sqlalchemy.pool import NullPool

from wearbase.domain.errors import DatabaseUnavailable, SettingsError
from wearbase.store.postgres.schema import DEFAULT_SCHEMA, in_schema, is_valid

_schema: ContextVar[str] = ContextVar("schema", default=DEFAULT_SCHEMA)
MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 7_312_960_541  # any number of ours; the same for every wearbase on the database
OLDEST_SERVER = 150_000


def upgrade(url: str, *, schema: str = DEFAULT_SCHEMA) -> None:
    """Runs what is missing, in one transaction under a transaction-level advisory lock (it works behind a pooler too).

    Raises: SettingsError for a bad schema name or a server older than 15, DatabaseUnavailable.
    """
    if not is_valid(schema):
        raise SettingsError(f"DATABASE_SCHEMA must be a lower-case name, not {schema!r}.")
    token = _schema.set(schema)
    try:
        with _engine(url).begin() as connection:
            _prepare(connection, schema)
            alembic.command.upgrade(_config(connection, schema), "head")
    except sqlalchemy.exc.OperationalError as error:
        raise DatabaseUnavailable(f"The database cannot be reached: {_first_line(error)}") from error
    finally:
        _schema.reset(token)


def head() -> str:
    """The revision this program needs."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config(None, DEFAULT_SCHEMA)).get_current_head() or ""


def run_file(name: str) -> None:
    """Runs the statements of a file beside the migrations."""
    run_sql((MIGRATIONS / "versions" / name).read_text())


def run_sql(text: str) -> None:
    """Runs a migration's statements in the schema being upgraded."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(in_schema(text, _schema.get()).encode())


def _engine(url: str) -> sqlalchemy.Engine:
    # The URL goes to psycopg as it is: libpq understands sockets, services and TLS settings that SQLAlchemy's parser does not.
    return sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, prepare_threshold=None), poolclass=NullPool
    )


def _prepare(connection: sqlalchemy.Connection, schema: str) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    if driver.info.server_version < OLDEST_SERVER:
        raise SettingsError(f"PostgreSQL 15 or newer is needed; this server is {driver.info.server_version // 10_000}.")
    driver.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
    driver.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))


def _config(connection: sqlalchemy.Connection | None, schema: str) -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes.update(connection=connection, schema=schema)
    return config


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0]
