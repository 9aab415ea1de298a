"""Deliveries that carry their records: when a member's are to be stored, and how they are pruned."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_file("0003_inbox.sql")
