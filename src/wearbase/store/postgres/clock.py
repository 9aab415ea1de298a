"""The database's clock, so that leases and windows agree across machines."""

import time
from datetime import UTC, datetime, timedelta

from wearbase.store.postgres.database import Database

RESYNC_AFTER_S = 60.0
READ_CLOCK = "select clock_timestamp()"


class DatabaseClock:
    """Instants by the database's clock, from this machine's by a measured difference.

    Reading the server's clock inside each transaction would cost a round trip; the difference is good to half of one.
    """

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._synced = float("-inf")

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    async def sync(self, db: Database) -> None:
        """Measures the difference again, at most once a minute."""
        if time.monotonic() - self._synced < RESYNC_AFTER_S:
            return
        async with db.connection() as connection:
            before = datetime.now(UTC)
            cursor = await connection.execute(READ_CLOCK)
            found = await cursor.fetchone()
            after = datetime.now(UTC)
        assert found is not None
        self._ahead = found[0] - (before + (after - before) / 2)
        self._synced = time.monotonic()
