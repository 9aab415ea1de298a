"""One document of each day from every source, and what a member prefers."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_file("0004_health.sql")
