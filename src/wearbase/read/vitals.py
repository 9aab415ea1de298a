"""How the whole installation is doing, for whoever watches it."""

from datetime import timedelta

from wearbase.domain.clock import Clock
from wearbase.store.postgres.database import Database
from wearbase.store.work import census
from wearbase.store.work.census import Vitals

ALIVE_WITHIN = timedelta(seconds=30)


async def vitals(db: Database, clock: Clock) -> Vitals:
    """Workers, queues and the newest census. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        return await census.vitals(tx, alive_since=clock.now() - ALIVE_WITHIN)
