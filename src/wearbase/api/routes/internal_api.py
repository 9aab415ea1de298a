"""The internal API: between services of one operator, with a service key only."""

import hashlib
from datetime import date, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from wearbase.access.caller import service
from wearbase.api.conditional import has_already
from wearbase.api.fields import Day, ProviderQuery, UserId, checked_range
from wearbase.api.given import By, Given, Services, known_source
from wearbase.api.routes import consents, copying, syncing
from wearbase.api.routes.consents import Wished
from wearbase.api.routes.data_api import Kind, listed
from wearbase.api.routing import GuardedRoute, who
from wearbase.api.shapes import AuthStatus, ConnectStart, Joined, Records, SharedDays
from wearbase.domain.errors import Conflict, ServiceUnavailable
from wearbase.domain.windows import Window
from wearbase.read import localdays, records, sharing, status
from wearbase.read.records import Listing
from wearbase.sync import fresh
from wearbase.sync.fresh import Wanted
from wearbase.transport.remote import AS_OF

MOST_RECORDS = 2_000
WAIT_S = 1.5  # whoever asks has an answer to give within its own deadline

router = APIRouter(route_class=GuardedRoute, tags=["Internal API"])


@router.get("/internal/data/days/{user_id}", responses={200: {"model": SharedDays}, 304: {"description": "Nothing has changed"}})
@who(service("read"))
async def days(user_id: UserId, request: Request, services: Given, start: Day, end: Day, provider: ProviderQuery = "whoop") -> Response:
    """Day documents with revision, metrics, connection state and freshness, for another wearbase's copy."""
    if copying.remote_of(services, provider):
        raise Conflict("This source comes from another service: ask there.", provider=provider)
    checked_range(start, end)
    await bring_missing(services, user_id, provider, start, end)
    as_of = services.clock.now()
    span = sharing.Span(user_id=user_id, provider=provider, start=start, end=end)
    shared = await sharing.share(services.db, services.clock, services.reader, span)
    listed = [_shared_day(day) for day in shared.pop("days")]
    body = orjson.dumps(shared)[:-1] + b',"days":[' + b",".join(listed) + b"]}"
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", AS_OF: as_of.isoformat()}
    if has_already(request.headers.raw, etag.encode()):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _shared_day(day: dict[str, Any]) -> bytes:
    document = day.pop("document")
    return orjson.dumps(day)[:-1] + b',"document":' + document + b"}"


async def bring_missing(services: Services, user_id: str, provider: str, start: date, end: date) -> None:
    """As for a reader here: an idle member, or a missing day of the last week, is brought current first, or for a moment."""
    await syncing.look(services, user_id, provider, at_most_s=WAIT_S)
    if provider not in services.engine.apps:
        return
    today = await localdays.today(services.db, services.clock, user_id, provider)
    day = min(end, today)
    if day < start:
        return
    answer = await services.reader.day(user_id, provider, day)
    if not answer.has_document and answer.state != "not_connected":
        await fresh.bring(services.engine, user_id, day, {provider: Wanted(is_idle=False, is_missing=True)}, at_most_s=WAIT_S)


@router.get("/internal/data/{kind}/{user_id}", response_model=Records)
@who(service("read"))
async def recent(
    user_id: UserId, kind: Kind, request: Request, services: Given,
    days: Annotated[int, Query(ge=1, le=90)] = 7, provider: ProviderQuery = "whoop",
) -> Any:  # fmt: skip
    """The records of the last days, newest first."""
    if remote := copying.remote_of(services, provider):
        return await copying.forward(services, remote, request, user_id)
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
    known_source(provider, services.sources)
    return await consents.start(services, caller, user_id, provider, response, wish)


@router.get("/internal/auth/status/{user_id}")
@who(service("read"))
async def auth_status(user_id: UserId, services: Given, provider: ProviderQuery = "whoop") -> AuthStatus:
    """Whether the user is connected now; of a source that another service has, as of when that was last known."""
    states = await copying.current_lately(services, user_id, only=provider)
    found = await localdays.connection(services.db, user_id, provider)
    known_at = await localdays.copied_at(services.db, user_id, provider) if provider in states else services.clock.now()
    checked_at = status.rfc3339(known_at)
    if checked_at is None:
        raise ServiceUnavailable(provider=provider)
    return AuthStatus(user_id=user_id, connected=found is not None and found.is_live, checked_at=checked_at)
