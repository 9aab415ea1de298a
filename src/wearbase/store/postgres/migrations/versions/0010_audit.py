"""The audit trail: what was changed, by which credential, and who read whose data."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_file("0010_audit.sql")
