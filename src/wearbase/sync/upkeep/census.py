"""The census: how many members are stale, which resources fail, what is parked; made every few minutes, shown by `/metrics`."""

from datetime import timedelta

from wearbase.store.work import census
from wearbase.store.work.census import Limits
from wearbase.sync.engine import Engine

CENSUS_EVERY = timedelta(minutes=5)
STALE_AFTER = timedelta(hours=26)  # a day's complete read is due every 24 hours, spread over one; so says a read, too


async def take_census(engine: Engine) -> None:
    """Counts once for all processes."""
    now = engine.clock.now()
    limits = Limits(idle_before=now - engine.idle_after, stale_before=now - STALE_AFTER, overdue_before=now - engine.keepalive)
    resources = {app.name: [r.name for r in app.provider.resources] for app in engine.apps.values()}
    async with engine.db.transaction() as tx:
        await census.take(tx, resources, limits, now=now)
