"""How a quantity went, against the member's own usual range."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from wearbase.access.caller import member
from wearbase.access.users import InvalidField
from wearbase.api.fields import Day, UserId, checked_range
from wearbase.api.given import Given
from wearbase.api.health_shapes import Trend
from wearbase.api.routes import copying, syncing
from wearbase.api.routing import GuardedRoute, who
from wearbase.domain.errors import BadRequest
from wearbase.read import trends

router = APIRouter(route_class=GuardedRoute, tags=["App API"])

Metric = Annotated[str, Query(max_length=64, description="A quantity, by its name in `combined`", examples=["hrv_rmssd_ms"])]


@router.get("/api/v1/trends/{user_id}", responses={200: {"model": Trend}})
@who(member("read"))
async def trend(user_id: UserId, services: Given, metric: Metric, start: Day, end: Day) -> dict[str, Any]:
    """One quantity day by day, both days included, at most 366; what still runs is left out. A day without a value is null."""
    checked_range(start, end)
    combining = services.engine.combining
    try:
        combining.followed(metric)
    except BadRequest as unknown:
        raise InvalidField(unknown.message, field=unknown.field) from None
    at_most_s = services.engine.source_deadline.total_seconds()
    states, *_ = await asyncio.gather(
        copying.current(services, user_id, start - trends.BEFORE, end),
        *(syncing.look(services, user_id, name, at_most_s=at_most_s) for name in services.engine.apps),
    )
    found = await trends.trend(services.db, combining, user_id, metric, start=start, end=end)
    return {**found, "not_current": states} if states else found
