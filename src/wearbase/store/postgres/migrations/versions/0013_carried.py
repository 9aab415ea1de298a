"""Carrying the audit trail away by a number that a line gets once it can no longer change."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_file("0013_carried.sql")
