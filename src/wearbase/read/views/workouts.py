"""A member's workouts, newest first, and how the week's time lay in the zones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from wearbase.domain.baselines import USUAL_WEEKS, usual_week
from wearbase.domain.clock import Clock
from wearbase.read.records import cursor_of, place_of
from wearbase.store.member import views
from wearbase.store.member.views import AskedWorkouts, WorkoutRow
from wearbase.store.postgres.database import Database

DAY, COPIED_DAYS = timedelta(days=1), timedelta(days=120)
ZONES = ("zero", "one", "two", "three", "four", "five")
FEWEST_DAYS = 4  # of a week's seven that are stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which page of the list, and on which weekday the member's weeks begin: 1 is Monday, 7 Sunday."""

    before: str | None = None
    limit: int = 20
    week_begins: int = 1

    def asked(self, user_id: str, provider: str) -> AskedWorkouts:
        """One more than is wanted, to know whether there is more. Raises BadRequest."""
        place = place_of(self.before, field="before") if self.before else None
        return AskedWorkouts(
            user_id=user_id, provider=provider, before=place, limit=self.limit + 1, week_begins=self.week_begins, weeks=USUAL_WEEKS
        )


async def workouts(db: Database, clock: Clock, user_id: str, provider: str, wanted: Wanted) -> dict[str, Any]:
    """A page, as in the day documents, with their day; and this week. Raises BadRequest, DatabaseUnavailable."""
    asked = wanted.asked(user_id, provider)
    async with db.connection() as tx:
        found = await views.workouts(tx, asked, now=clock.now())
    return _page(user_id, found, wanted.limit, beyond=None)


def copied_span(clock: Clock, before: str | None) -> tuple[date, date]:
    """The days of a copy that such a page is looked for in, both included. Raises BadRequest."""
    at = place_of(before, field="before")[0] if before else None
    last = (at or clock.now()).date() + DAY
    return last - COPIED_DAYS, last


async def copied_workouts(db: Database, clock: Clock, user_id: str, provider: str, wanted: Wanted) -> dict[str, Any]:
    """The same of a copy. A page may be short where the days that were looked at end; then it goes on before them."""
    asked = wanted.asked(user_id, provider)
    first, _ = copied_span(clock, wanted.before)
    async with db.connection() as tx:
        found = await views.copied_workouts(tx, asked, first, now=clock.now())
        oldest = await views.copied_first_day(tx, user_id, provider)
    is_more = oldest is not None and oldest < first
    return _page(user_id, found, wanted.limit, beyond=cursor_of(datetime.combine(first, time.min, tzinfo=UTC), "") if is_more else None)


def _page(user_id: str, found: Sequence[WorkoutRow], limit: int, *, beyond: str | None) -> dict[str, Any]:
    listed = [row for row in found if row.part == "listed"]
    shown = listed[:limit]
    before = next(row for row in found if row.part == "before")
    return {
        "user_id": user_id,
        "workouts": [{**row.mapped, "day": row.day.isoformat()} for row in shown],
        "next": cursor_of(shown[-1].place, shown[-1].external_id) if len(listed) > limit else beyond,
        "week": {"from": before.day.isoformat()} | _week([row for row in found if row.part == "week"]) | {"usual_s": _usual(before.mapped)},
    }


def _week(rows: Sequence[WorkoutRow]) -> dict[str, Any]:
    """This week up to today. Time adds up; strain does not. A workout without zones adds to none of them."""
    zones = [row.mapped["zones_s"] for row in rows if row.mapped.get("zones_s")]
    return {
        "count": len(rows),
        "duration_s": sum(_duration_s(row.mapped) for row in rows),
        "zones_s": {name: sum(z.get(name) or 0 for z in zones) for name in ZONES} if zones else None,
        "without_zones": len(rows) - len(zones),
    }


def _usual(before: dict[str, Any]) -> dict[str, Any]:
    """What a full week usually comes to. A week of which little is stored is none; a week of rest is one of zero."""
    days, seconds = before["days"] or {}, before["seconds"] or {}
    usual = usual_week([float(seconds.get(week) or 0) for week, count in days.items() if count >= FEWEST_DAYS])
    return {"low": usual.low, "high": usual.high, "median": usual.median, "count": usual.count}


def _duration_s(workout: dict[str, Any]) -> int:
    if not workout.get("start_at") or not workout.get("end_at"):
        return 0
    return int((datetime.fromisoformat(workout["end_at"]) - datetime.fromisoformat(workout["start_at"])).total_seconds())
