"""What a resource waits for and why its history fails, each by itself; what was observed of a source."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_file("0005_truth.sql")
