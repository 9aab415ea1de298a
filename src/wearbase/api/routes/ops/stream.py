"""A member's open page is told what changes."""

import asyncio

from fastapi import APIRouter, Request, Response

from wearbase.access.caller import member
from wearbase.access.keyset import IdentityUnavailable
from wearbase.api.fields import UserId
from wearbase.api.given import By, Given, Services
from wearbase.api.routes import copying
from wearbase.api.routes.ops.events import EventStream
from wearbase.api.routing import GuardedRoute, who
from wearbase.domain.errors import DatabaseUnavailable, Refused
from wearbase.store.member import marks

RULE = member("read")
EXAMPLE = 'id: 1795262400000\nevent: day\ndata: {"provider":"whoop","day":"2026-11-21","revision":"6f3e0c"}\n\n'

router = APIRouter(route_class=GuardedRoute, tags=["App API"])


@router.get(
    "/api/v1/stream/{user_id}",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}}}},
)
@who(RULE)
async def stream(user_id: UserId, request: Request, caller: By, services: Given) -> Response:
    """What changes, while it is open: `day` {provider, day, revision}, `connection` {provider, state}, `sync` {provider, resource,
    state, days_stored, calls}; a `heartbeat` every 15 seconds.

    It begins with how everything stands; with `Last-Event-ID`, with the days that changed since, too. A `day` without a date: days
    went away. `sync` without a resource: the whole source. It ends with its credential, and as the member is
    erased; a member's credential from before that opens none.
    """
    last_id = request.headers.get("last-event-id")
    async with services.db.transaction() as tx:
        watched = await marks.watch(tx, services.engine.keys, user_id)
    source = services.live.open(user_id, session_id=caller.session_id, watched=watched, last_event_id=last_id)

    async def is_allowed() -> bool:
        return caller.session_id is not None or await is_still_good(services, request, user_id)

    follower = asyncio.create_task(copying.follow(services, user_id)) if services.engine.remotes else None

    def leave() -> None:
        services.live.leave(source)
        if follower is not None:
            follower.cancel()

    return EventStream(source, is_allowed=is_allowed, leave=leave)


async def is_still_good(services: Services, request: Request, user_id: str) -> bool:
    """Whether the key or token that opened the stream would open it again. What cannot be found out counts as no."""
    try:
        await services.gate.admit(request.scope["headers"], RULE, user_id, method="GET")
    except (Refused, DatabaseUnavailable, IdentityUnavailable):
        return False
    return True
