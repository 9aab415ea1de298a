"""Running migrations with Alembic; imported only when there is something to run, because it is slow to load."""

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

from wearbase.store.postgres.schema import DEFAULT_SCHEMA, in_schema

HERE = Path(__file__).parent
LOCK = 7_312_960_541  # any number of ours; the same for every wearbase on the database
_schema: ContextVar[str] = ContextVar("schema", default=DEFAULT_SCHEMA)


def run_all(url: str, schema: str) -> None:
    """Runs what is missing, in one transaction under a transaction-level advisory lock (it works behind a pooler too)."""
    token = _schema.set(schema)
    try:
        with _engine(url).begin() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            driver.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
            config = alembic.config.Config()
            config.set_main_option("script_location", str(HERE))
            config.attributes.update(connection=connection, schema=schema)
            alembic.command.upgrade(config, "head")
    except sqlalchemy.exc.OperationalError as error:
        raise error.orig or error from error
    finally:
        _schema.reset(token)


def run_file(name: str) -> None:
    """Runs the statements of a file beside the migrations."""
    run_sql((HERE / "versions" / name).read_text())


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
