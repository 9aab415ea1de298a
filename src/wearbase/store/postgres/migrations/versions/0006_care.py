"""A budget that no header switches off, a token endpoint that is paused, and a consent that waits for a call."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_file("0006_care.sql")
