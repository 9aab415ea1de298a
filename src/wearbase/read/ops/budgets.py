"""One app's calls of the day, as a curve and by what they were for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from wearbase.read.ops import curves
from wearbase.read.ops.curves import Usual
from wearbase.read.status import rfc3339
from wearbase.store.postgres.database import Tx
from wearbase.store.watching import spending
from wearbase.store.work import budget
from wearbase.store.work.budget import DAY_RESERVES, Ceilings, Standing
from wearbase.store.work.due import Priority

WEEKS = 8
GROUPS = {  # in the order in which they are served
    "people": ("person", "connect", "day", "look"),
    "deliveries": ("delivery", "pending", "companion"),
    "schedule": ("timetable", "morning", "idle", "spare", "retry"),
    "history": ("backfill",),
    "tokens": (budget.TOKEN,),
}


@dataclass(frozen=True, slots=True)
class AppName:
    """A provider's app: how it is called, its key in the budget, our own ceilings."""

    title: str
    key: str
    ceilings: Ceilings


class Budgets:
    """The budgets of all apps. What the weeks before were like is read once a day."""

    def __init__(self, apps: Mapping[str, AppName]) -> None:
        self._apps = apps
        self._usual: dict[str, tuple[date, Usual | None]] = {}

    async def shown(self, tx: Tx, *, now: datetime) -> list[dict[str, Any]]:
        """Every app's, as JSON."""
        return [await self._one(tx, name, app, now=now) for name, app in self._apps.items()]

    async def _one(self, tx: Tx, name: str, app: AppName, *, now: datetime) -> dict[str, Any]:
        found = await budget.standing(tx, name, app.key, ceilings=app.ceilings, now=now)
        begins, minutes = _day(now), (now - _day(now)).total_seconds() / 60
        spent = {s.slot: s.calls for s in await spending.by_slot(tx, name, app.key, [(begins, begins + budget.DAY)])}
        by_slot, usual = curves.made(spent, day=begins), await self._usual_of(tx, name, app, now=now)
        needed = _needed(found, now=now)
        expected = curves.expected(left=found.day_left, minutes=minutes, needed=needed, shape=usual)
        reserve = round(found.day_limit * DAY_RESERVES[Priority.TIMETABLE])
        return {
            "provider": name, "title": app.title,
            "day": {"limit": found.day_limit, "used": found.day_used, "left": found.day_left, "resets_at": rfc3339(found.day_resets_at),
                    "begins_at": rfc3339(begins), "used_elsewhere": found.elsewhere},
            "minute": {"limit": found.minute_limit, "left": max(0, found.minute_limit - found.minute_used)},
            "reserve": {"at_start": reserve, "now": round(reserve * (1 - minutes / 1440))},
            "forecast": _forecast(found, expected[-1][1]),
            "curve": curves.left_so_far(by_slot, used=found.day_used, limit=found.day_limit, minutes=minutes), "expected": expected,
            "usual": _usual_shown(usual, begins, limit=found.day_limit),
            "by_group": _by_group(found), "token_calls": found.token_calls,
            "closed_until": rfc3339(found.closed_until), "paused_until": rfc3339(found.paused_until),
            "alarm_since": rfc3339(found.alarm_since),
        }  # fmt: skip

    async def _usual_of(self, tx: Tx, name: str, app: AppName, *, now: datetime) -> Usual | None:
        day, known = _day(now), self._usual.get(name)
        if known is None or known[0] != day.date():
            before = [day - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
            slots = {s.slot: s.calls for s in await spending.by_slot(tx, name, app.key, [(d, d + budget.DAY) for d in before])}
            known = (day.date(), curves.usual([curves.made(slots, day=d) for d in before]))
            self._usual[name] = known
        return known[1]


def _day(now: datetime) -> datetime:
    """When the day of the budgets began: at midnight UTC."""
    return datetime.combine(now.astimezone(UTC).date(), time.min, tzinfo=UTC)


def _needed(found: Standing, *, now: datetime) -> float:
    """What of the forecast's need is still ahead."""
    if not found.forecast:
        return 0.0
    made_at = datetime.fromisoformat(found.forecast["made_at"])
    whole = (found.day_resets_at - made_at).total_seconds()
    if not 0 < whole <= budget.DAY.total_seconds():
        return 0.0  # made for another day
    return found.forecast["needed"] * min(1.0, (found.day_resets_at - now).total_seconds() / whole)


def _forecast(found: Standing, left_at_end: int) -> dict[str, Any] | None:
    if not found.forecast:
        return None
    kept = ("made_at", "needed", "is_enough", "thinned")
    return {**{name: found.forecast[name] for name in kept}, "left_at_end": left_at_end}


def _usual_shown(usual: Usual | None, begins: datetime, *, limit: int) -> dict[str, Any] | None:
    """As calls left: the fewest made are the most left. Every half hour is enough for a band."""
    if usual is None:
        return None
    places = range(2, curves.SLOTS, 3)
    band = [[(nth + 1) * 10, max(0, limit - usual.high[nth]), max(0, limit - usual.low[nth])] for nth in places]
    return {"weekday": begins.isoweekday(), "weeks": usual.weeks, "band": [[0, limit, limit], *band]}


def _by_group(found: Standing) -> list[dict[str, Any]]:
    known = {reason for reasons in GROUPS.values() for reason in reasons}
    counts = {group: sum(found.by_reason.get(reason, 0) for reason in reasons) for group, reasons in GROUPS.items()}
    counts["others"] = sum(calls for reason, calls in found.by_reason.items() if reason not in known)
    return [{"group": group, "calls": calls} for group, calls in counts.items() if calls or group in ("people", "deliveries", "schedule")]
