"""Copies of days that come from another wearbase."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_file("0007_services.sql")
