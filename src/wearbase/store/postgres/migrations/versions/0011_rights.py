"""What members agreed to, and a consent under way that an erasure can take away."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_file("0011_rights.sql")
