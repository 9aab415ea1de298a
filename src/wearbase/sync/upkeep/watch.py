"""What whoever runs it wants to know soon: most of the day's calls are gone, a closed gate is open again."""

from datetime import timedelta

import structlog

from wearbase.store.postgres.database import Tx
from wearbase.store.work import budget
from wearbase.sync.engine import Engine
from wearbase.transport.apps import App

log = structlog.get_logger()

WATCH_EVERY = timedelta(seconds=30)
WARN_AT_PERCENT = (80, 95)


async def watch_budgets(engine: Engine) -> None:
    """Says once, for all processes, what has changed."""
    for app in engine.apps.values():
        async with engine.db.transaction() as tx:
            await _watch(tx, engine, app)


async def _watch(tx: Tx, engine: Engine, app: App) -> None:
    now = engine.clock.now()
    if await budget.note_opening(tx, app.name, app.key, now=now):
        log.warning("gate open again", provider=app.name)
    found = await budget.standing(tx, app.name, app.key, ceilings=app.ceilings, now=now)
    for percent in WARN_AT_PERCENT:
        if found.used_percent >= percent and await budget.warn(tx, app.name, app.key, percent=percent):
            log.warning("budget of the day nearly used", provider=app.name, percent=percent, left=found.day_left)
