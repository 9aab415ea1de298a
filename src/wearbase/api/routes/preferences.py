"""What a member prefers: whom to believe first, and in which units to be shown things."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from wearbase.access.caller import member
from wearbase.access.users import InvalidField
from wearbase.api.fields import UserId
from wearbase.api.given import Given, Services
from wearbase.api.health_shapes import Preferences, PreferencesBody
from wearbase.api.routing import GuardedRoute, who
from wearbase.domain.errors import BadRequest
from wearbase.read.health import preferences
from wearbase.sync import combine

router = APIRouter(route_class=GuardedRoute, tags=["Users"])


@router.get("/api/v1/users/{user_id}/preferences")
@who(member("read"))
async def read_preferences(user_id: UserId, services: Given) -> Preferences:
    """What the member has said; empty where nothing. `default_precedence` is what holds then."""
    return shown(services, user_id, await preferences(services.db, user_id))


@router.put("/api/v1/users/{user_id}/preferences")
@who(member("connect"))
async def write_preferences(user_id: UserId, services: Given, body: PreferencesBody) -> Preferences:
    """Takes these in place of those before, and combines every stored day accordingly."""
    shown_in = {"units": body.units.model_dump(exclude_none=True), "display": body.display.model_dump(exclude_none=True)}
    try:
        return shown(services, user_id, await combine.prefer(services.engine, user_id, body.precedence, shown_in))
    except BadRequest as refused:
        raise InvalidField(refused.message, field=refused.field) from None


def shown(services: Services, user_id: str, content: Mapping[str, Any]) -> Preferences:
    """As they are answered."""
    combining = services.engine.combining
    return Preferences(
        user_id=user_id, precedence=content.get("precedence", {}), units=content.get("units", {}),
        display=content.get("display", {}),
        default_precedence={**{name: list(order) for name, order in combining.precedence.items()}, "*": list(combining.order("*", {}))},
    )  # fmt: skip
