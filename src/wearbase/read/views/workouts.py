"""A member's workouts, newest first, and how the week's time lay in the zones."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from wearbase.domain.clock import Clock
from wearbase.read.records import cursor_of, place_of
from wearbase.store.member import views
from wearbase.store.member.views import WorkoutRow
from wearbase.store.postgres.database import Database

DAY, COPIED_DAYS = timedelta(days=1), timedelta(days=120)
ZONES = ("zero", "one", "two", "three", "four", "five")


async def workouts(db: Database, clock: Clock, user_id: str, provider: str, *, before: str | None, limit: int) -> dict[str, Any]:
    """So many before the cursor, as in the day documents, with their day. Raises BadRequest, DatabaseUnavailable."""
    place = place_of(before, field="before") if before else None
    async with db.connection() as tx:
        found = await views.workouts(tx, user_id, provider, place, limit=limit + 1, now=clock.now())
    return _page(user_id, found, limit, beyond=None)


def copied_span(clock: Clock, before: str | None) -> tuple[date, date]:
    """The days of a copy that such a page is looked for in, both included. Raises BadRequest."""
    at = place_of(before, field="before")[0] if before else None
    last = (at or clock.now()).date() + DAY
    return last - COPIED_DAYS, last


async def copied_workouts(
    db: Database, clock: Clock, user_id: str, provider: str, *, before: str | None, limit: int
) -> dict[str, Any]:  # fmt: skip
    """The same of a copy. A page may be short where the days that were looked at end; then it goes on before them."""
    place = place_of(before, field="before") if before else None
    first, _ = copied_span(clock, before)
    async with db.connection() as tx:
        found = await views.copied_workouts(tx, user_id, provider, place, first=first, limit=limit + 1, now=clock.now())
        oldest = await views.copied_first_day(tx, user_id, provider)
    is_more = oldest is not None and oldest < first
    return _page(user_id, found, limit, beyond=cursor_of(datetime.combine(first, time.min, tzinfo=UTC), "") if is_more else None)


def _page(user_id: str, found: Sequence[WorkoutRow], limit: int, *, beyond: str | None) -> dict[str, Any]:
    listed = [row for row in found if not row.is_of_week]
    shown = listed[:limit]
    return {
        "user_id": user_id,
        "workouts": [{**row.mapped, "day": row.day.isoformat()} for row in shown],
        "next": cursor_of(shown[-1].place, shown[-1].external_id) if len(listed) > limit else beyond,
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
