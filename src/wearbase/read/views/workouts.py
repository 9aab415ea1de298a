"""A member's workouts, newest first, and how the week's time lay in the zones."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from wearbase.domain.clock import Clock
from wearbase.read.records import cursor_of, place_of
from wearbase.store.member import views
from wearbase.store.member.views import WorkoutRow
from wearbase.store.postgres.database import Database

ZONES = ("zero", "one", "two", "three", "four", "five")


async def workouts(db: Database, clock: Clock, user_id: str, provider: str, *, before: str | None, limit: int) -> dict[str, Any]:
    """So many before the cursor, as in the day documents, with their day. Raises BadRequest, DatabaseUnavailable."""
    place = place_of(before, field="before") if before else None
    async with db.connection() as tx:
        found = await views.workouts(tx, user_id, provider, place, limit=limit + 1, now=clock.now())
    listed = [row for row in found if not row.is_of_week]
    shown = listed[:limit]
    return {
        "user_id": user_id,
        "workouts": [{**row.mapped, "day": row.day.isoformat()} for row in shown],
        "next": cursor_of(shown[-1].place, shown[-1].external_id) if len(listed) > limit else None,
        "week": _week([row for row in found if row.is_of_week]),
    }


def _week(rows: Sequence[WorkoutRow]) -> dict[str, Any]:
    """The seven days up to today. Time adds up; strain does not. A workout without zones adds to none of them."""
    zones = [row.mapped["zones_s"] for row in rows if row.mapped.get("zones_s")]
    return {
        "count": len(rows),
        "duration_s": sum(_duration_s(row.mapped) for row in rows),
        "zones_s": {name: sum(z.get(name) or 0 for z in zones) for name in ZONES} if zones else None,
        "without_zones": len(rows) - len(zones),
    }


def _duration_s(workout: dict[str, Any]) -> int:
    if not workout.get("start_at") or not workout.get("end_at"):
        return 0
    return int((datetime.fromisoformat(workout["end_at"]) - datetime.fromisoformat(workout["start_at"])).total_seconds())
