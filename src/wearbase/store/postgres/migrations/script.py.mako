"""${message}."""

from wearbase.store.postgres.migrations.running import run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    run_sql("")
