"""The first schema: connections, records, days, deliveries, what is due, the call budget, keys, chores."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_file("0001_first.sql")
