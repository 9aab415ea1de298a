"""The internal API: between services of one operator, with a service key only."""

import hashlib
from datetime import timedelta
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from wearbase.access.caller import service
from wearbase.api.conditional import has_already
from wearbase.api.fields import Day, ProviderQuery, UserId, checked_range
from wearbase.api.given import By, Given
from wearbase.api.routes import consents, syncing
from wearbase.api.routes.consents import Wished
from wearbase.api.routes.data_api import Kind, listed
from wearbase.api.routing import GuardedRoute, who
from wearbase.api.shapes import AuthStatus, ConnectStart, Days, Joined, Records
from wearbase.domain.errors import NotFound
from wearbase.domain.windows import Window
from wearbase.read import localdays, records, status
from wearbase.read.records import Listing

MOST_RECORDS = 2_000

router = APIRouter(route_class=GuardedRoute, tags=["Internal API"])


@router.get("/internal/data/days/{user_id}", responses={200: {"model": Days}, 304: {"description": "Nothing has changed"}})
@who(service("read"))
async def days(user_id: UserId, request: Request, services: Given, start: Day, end: Day, provider: ProviderQuery = "whoop") -> Response:
    """Day documents with revision, connection state and freshness, for another wearbase's copy."""
    if provider not in services.providers:
        raise NotFound(f"There is no source named {provider!r} here.")
    checked_range(start, end)
    await syncing.look(services, user_id, provider)
    answers = await services.reader.range(user_id, provider, start, end)
    etag = f'"{hashlib.blake2b("/".join(a.etag for a in answers).encode(), digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if has_already(request.headers.raw, etag.encode()):
        return Response(status_code=304, headers=headers)
    listed = b",".join(b'{"revision":' + orjson.dumps(a.revision) + b',"document":' + a.body + b"}" for a in answers)
    head = {"user_id": user_id, "provider": provider, "state": answers[-1].state, "start": start, "end": end}
    return Response(orjson.dumps(head)[:-1] + b',"days":[' + listed + b"]}", headers=headers, media_type="application/json")


@router.get("/internal/data/{kind}/{user_id}")
@who(service("read"))
async def recent(
    user_id: UserId, kind: Kind, services: Given,
    days: Annotated[int, Query(ge=1, le=90)] = 7, provider: ProviderQuery = "whoop",
) -> Records:  # fmt: skip
    """The records of the last days, newest first."""
    if provider not in services.providers:
        raise NotFound(f"There is no source named {provider!r} here.")
    now, resource = services.clock.now(), listed(services, provider, kind)
    await syncing.look(services, user_id, provider)
    window = Window(now - timedelta(days=days), now + timedelta(days=1))
    listing = Listing(user_id=user_id, provider=provider, resource=resource, window=window, limit=MOST_RECORDS)
    found = await records.page(services.db, listing)
    return Records(records=found.records, next_cursor=found.next_cursor)


@router.post("/internal/auth/connect/{user_id}")
@who(service("connect"))
async def start_connecting(
    user_id: UserId, services: Given, caller: By, response: Response, wish: Wished, provider: ProviderQuery = "whoop"
) -> ConnectStart | Joined:
    """Starts a consent on behalf of another service, or joins the member at once."""
    return await consents.start(services, caller, user_id, provider, response, wish)


@router.get("/internal/auth/status/{user_id}")
@who(service("read"))
async def auth_status(user_id: UserId, services: Given, provider: ProviderQuery = "whoop") -> AuthStatus:
    """Whether the user is connected now."""
    found = await localdays.connection(services.db, user_id, provider)
    checked_at = status.rfc3339(services.clock.now())
    assert checked_at is not None
    return AuthStatus(user_id=user_id, connected=found is not None and found.is_live, checked_at=checked_at)
