"""Members' sign-in: one-time links and the sessions that come of them."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0007"
down_revision = "0004"


def upgrade() -> None:
    run_file("0007_sessions.sql")
