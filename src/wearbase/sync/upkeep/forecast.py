"""The forecast of the day's calls: made every few minutes, kept for every process to plan by, shown with what it leaves out."""

from datetime import datetime, timedelta
from typing import Any

from wearbase.domain.forecast import Forecast, Habits, Rest, foretell
from wearbase.store.postgres.database import Tx
from wearbase.store.work import budget, outlook
from wearbase.store.work.budget import Standing
from wearbase.store.work.due import Priority
from wearbase.sync.engine import Engine
from wearbase.transport.apps import App

FORECAST_EVERY = timedelta(minutes=5)


async def forecast_all(engine: Engine) -> None:
    """Foretells the rest of the day of every app and spends what is to spare."""
    for app in engine.apps.values():
        now = engine.clock.now()
        async with engine.db.transaction() as tx:
            standing = await budget.standing(tx, app.name, app.key, ceilings=app.ceilings, now=now)
            found = await _foretold(tx, engine, app, standing, now=now)
            await budget.keep_forecast(tx, app.name, app.key, shown(found, made_at=now), now=now)
            await _spend_spare(tx, engine, app, found, standing, now=now)
    await engine.hint()


def shown(found: Forecast, *, made_at: datetime) -> dict[str, Any]:
    """The forecast as it is kept and shown."""
    return {
        "made_at": made_at.isoformat(), "needed": found.needed, "left": found.left, "spare": found.spare, "is_enough": found.is_enough,
        "parts": dict(found.parts), "thinned": list(found.thinned),
        "has_late_mornings": found.has_late_mornings, "has_companions": found.has_companions,
        "idle_every_s": found.idle_every.total_seconds(), "active": found.active, "idle": found.idle,
    }  # fmt: skip


async def _foretold(tx: Tx, engine: Engine, app: App, standing: Standing, *, now: datetime) -> Forecast:
    crowds = await outlook.crowds(tx, app.name, resource=app.provider.resources[0].name, idle_before=now - engine.idle_after, now=now)
    habits = Habits.of(standing.by_reason_before, active=sum(c.active for c in crowds))
    rest = Rest(now=now, resets_at=standing.day_resets_at, left=standing.left_for(Priority.TIMETABLE, now=now))
    return foretell(app.provider, crowds, habits, rest=rest, idle_every=engine.visit_idle_every)


async def _spend_spare(tx: Tx, engine: Engine, app: App, found: Forecast, standing: Standing, *, now: datetime) -> None:
    """Visits some idle members early, so that what is to spare is spent evenly over the rest of the day."""
    part = FORECAST_EVERY / max(standing.day_resets_at - now, FORECAST_EVERY)
    members = int(found.spare * part) // len(app.provider.resources)
    if members and found.idle:
        await outlook.bring_forward(tx, app.name, covered_before=now - engine.visit_idle_every, now=now, members=members)
