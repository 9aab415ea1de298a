"""Spending the budget well: shares, what was read when, the forecast, a pause and an alarm that all processes see."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_file("0002_engine.sql")
