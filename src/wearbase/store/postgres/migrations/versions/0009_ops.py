"""What an operator and an open page ask of the database: what changed, how fresh everybody is, what the day's calls went into."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_file("0009_ops.sql")
