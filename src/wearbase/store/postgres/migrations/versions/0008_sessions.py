"""Members' sign-in: one-time links and the sessions that come of them."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_file("0008_sessions.sql")
