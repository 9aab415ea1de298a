"""Keeps the health documents in step with their parts, and with what a member prefers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from wearbase.domain.combining import Combining
from wearbase.store import health
from wearbase.store.audit import trail
from wearbase.store.member import marks
from wearbase.store.postgres.database import Tx
from wearbase.sync.engine import Engine

AT_ONCE = 30  # days put together between two statements, so that nobody else waits long for the processor


async def rebuild(tx: Tx, combining: Combining, user_id: str, days: Sequence[date], *, now: datetime) -> None:
    """Makes the documents of these days from the stored parts, in the transaction that changed these."""
    wishes = (await health.preferences(tx, user_id)).get("precedence", {})
    for start in range(0, len(days), AT_ONCE):
        some = days[start : start + AT_ONCE]
        by_day = await health.parts_of(tx, user_id, some, combining.sources)
        made = [health.document(combining, user_id, day, parts, wishes) for day, parts in sorted(by_day.items())]
        await health.put(tx, user_id, made, now=now)
        await health.drop(tx, user_id, [day for day in some if day not in by_day])


async def rebuild_all(tx: Tx, combining: Combining, user_id: str, *, now: datetime) -> None:
    """The same for every day of a user."""
    await rebuild(tx, combining, user_id, await health.days_of(tx, user_id), now=now)


async def prefer(
    engine: Engine, user_id: str, precedence: Mapping[str, Sequence[str]], shown_in: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Takes the member's preferences in place of those before, and combines every stored day accordingly. Raises BadRequest.

    `shown_in` is for apps: units and the like, kept as they are.
    """
    wanted = {"precedence": engine.combining.checked(precedence), **{name: dict(said) for name, said in shown_in.items()}}
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await marks.hold(tx, engine.keys, user_id)
        before = await health.preferences(tx, user_id)
        await health.put_preferences(tx, user_id, wanted, now=now)
        if before.get("precedence", {}) != {name: list(order) for name, order in wanted["precedence"].items()}:
            await rebuild_all(tx, engine.combining, user_id, now=now)
        await trail.write(tx, "preferences_changed", user_id=user_id, now=now)
    return wanted
