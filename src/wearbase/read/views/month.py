"""A month's days: which have a recovery."""

from datetime import date, timedelta
from typing import Any

from wearbase.domain.clock import Clock
from wearbase.read.views.recoveries import cells
from wearbase.store.member import views
from wearbase.store.postgres.database import Database


async def month(db: Database, clock: Clock, user_id: str, provider: str, first: date) -> dict[str, Any]:
    """Every day of the month that begins with `first`. Raises DatabaseUnavailable."""
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    async with db.connection() as tx:
        found = await views.month(tx, user_id, provider, first, last, now=clock.now())
    return {
        "user_id": user_id, "month": first.isoformat()[:7], "today": found.today.isoformat(),
        "days": cells(found.recoveries, first, last, today=found.today),
    }  # fmt: skip
