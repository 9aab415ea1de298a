"""How it is doing: where the call budgets stand, who works, what waits, and the newest census."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from wearbase.domain.clock import Clock
from wearbase.store.postgres.database import Database
from wearbase.store.work import budget, census
from wearbase.store.work.budget import Ceilings, Standing
from wearbase.store.work.census import Vitals

ALIVE_WITHIN = timedelta(seconds=30)


async def standings(db: Database, clock: Clock, apps: Mapping[str, tuple[str, Ceilings]]) -> dict[str, Standing]:
    """By source; `apps` gives each one's key in the budget and our own ceilings. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        return {name: await budget.standing(tx, name, key, ceilings=ceilings, now=clock.now()) for name, (key, ceilings) in apps.items()}


async def vitals(db: Database, clock: Clock) -> Vitals:
    """Workers, queues and the newest census. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        return await census.vitals(tx, alive_since=clock.now() - ALIVE_WITHIN)


def as_document(found: Standing) -> dict[str, Any]:
    """A standing as JSON; instants in RFC 3339."""
    return {
        "minute": {"used": found.minute_used, "limit": found.minute_limit, "left": max(0, found.minute_limit - found.minute_used)},
        "day": {
            "used": found.day_used, "limit": found.day_limit, "left": found.day_left, "used_percent": found.used_percent,
            "resets_at": _text(found.day_resets_at), "used_elsewhere": found.elsewhere,
        },
        "by_reason": found.by_reason, "by_reason_yesterday": found.by_reason_before, "token_calls": found.token_calls,
        "thinned": found.thinned, "forecast": found.forecast, "closed_until": _text(found.closed_until),
        "paused_until": _text(found.paused_until), "alarm_since": _text(found.alarm_since),
    }  # fmt: skip


def _text(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
