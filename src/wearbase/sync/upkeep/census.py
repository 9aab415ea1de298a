"""The census: how many members are stale, which resources fail, what is parked; made every few minutes, shown by `/metrics`.

Who looks at every member anyway also finds the deliveries that nobody would come back for.
"""

from datetime import timedelta

import structlog

from wearbase.store.sealed import resealing
from wearbase.store.sealed.columns import COLUMNS
from wearbase.store.work import census, due
from wearbase.store.work.census import Limits
from wearbase.sync.engine import Engine

log = structlog.get_logger()

CENSUS_EVERY = timedelta(minutes=5)
STALE_AFTER = timedelta(hours=26)  # a day's complete read is due every 24 hours, spread over one; so says a read, too
LEFT_AFTER = timedelta(minutes=2)  # a visit takes seconds, and its lease half a minute to run out


async def take_census(engine: Engine) -> None:
    """Counts once for all processes, and has due what a broken visit has left."""
    now = engine.clock.now()
    limits = Limits(idle_before=now - engine.idle_after, stale_before=now - STALE_AFTER, overdue_before=now - engine.keepalive)
    resources = {app.name: [r.name for r in app.provider.resources] for app in engine.apps.values()}
    async with engine.db.transaction() as tx:
        unopenable = sum([await resealing.unopenable(tx, column, engine.keys) for column in COLUMNS])
        await census.take(tx, resources, limits, unopenable=unopenable, now=now)
        left = 0
        for app in (a for a in engine.apps.values() if a.provider.delivers == "notice"):
            left += await due.remind(tx, app.name, idle_before=limits.idle_before, left_before=now - LEFT_AFTER, now=now)
    if left:
        log.warning("deliveries were left open by a visit that was broken off; they are due again", resources=left)
        await engine.hint()
