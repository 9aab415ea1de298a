"""Which key made a session or a link, and which members were erased lately, by what names nobody."""

from wearbase.store.postgres.migrations.running import run_file

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_file("0014_credentials.sql")
