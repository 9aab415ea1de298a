"""Which request brought about what is due."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_file("0012_cause.sql")
