"""The app API: what a phone app and its backend ask (hot routes are in `hot.py`)."""

import asyncio
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from wearbase.access.caller import Caller, member, service
from wearbase.access.tokens import passed_on
from wearbase.access.users import InvalidField, checked_user_id
from wearbase.api.fields import Day, ProviderName, UserId, checked_range
from wearbase.api.given import By, Given, Services
from wearbase.api.packing import packed, packing_headers
from wearbase.api.routes import consents, copying, syncing
from wearbase.api.routes.consents import Wished
from wearbase.api.routing import GuardedRoute, who
from wearbase.api.shapes import (
    ConnectStart,
    Days,
    Disconnected,
    EraseBody,
    Erased,
    Joined,
    SyncBody,
    SyncDone,
    SyncStatus,
    SyncUnderWay,
    Token,
    TokenBody,
)
from wearbase.domain.windows import Window
from wearbase.read import localdays, status
from wearbase.read.status import rfc3339
from wearbase.store.audit import trail
from wearbase.sync import disconnect
from wearbase.sync.remote import ending

router = APIRouter(route_class=GuardedRoute, tags=["App API"])


@router.post("/api/v1/{provider}/connect/{user_id}")
@who(member("connect"))
async def start_connecting(
    user_id: UserId, provider: ProviderName, services: Given, caller: By, response: Response, wish: Wished
) -> ConnectStart | Joined:
    """Starts a consent: send the member's browser to `authorization_url`. Where that is null, the member is connected already."""
    return await consents.start(services, caller, user_id, provider, response, wish)


@router.delete("/api/v1/{provider}/connect/{user_id}")
@who(member("connect"))
async def end_connection(
    user_id: UserId, provider: ProviderName, services: Given, caller: By, data: Annotated[str, Query(pattern="^(keep|erase)$")] = "keep"
) -> Disconnected:
    """Ends the connection: tokens are erased, the provider is told, records are kept or erased."""
    return await consents.end(services, caller, user_id, provider, data)


@router.get("/api/v1/{provider}/days/{user_id}", responses={200: {"model": Days}})
@who(member("read"))
async def days(user_id: UserId, provider: ProviderName, services: Given, request: Request, start: Day, end: Day) -> Response:
    """The day documents from `start` to `end`, both included, at most 366."""
    checked_range(start, end)
    await syncing.look(services, user_id, provider)
    states = await copying.current(services, user_id, start, end, only=provider)
    answers = await services.reader.range(user_id, provider, start, end, state=states.get(provider))
    head = f'{{"user_id":"{user_id}","start":"{start}","end":"{end}","days":['
    body, how = packed(head.encode() + b",".join(a.body for a in answers) + b"]}", request.scope["headers"])
    return Response(body, headers=packing_headers(how), media_type="application/json")


@router.post("/api/v1/{provider}/sync/{user_id}", response_model=None, responses={200: {"model": SyncDone}, 202: {"model": SyncUnderWay}})
@who(member("sync"))
async def sync_now(
    user_id: UserId, provider: ProviderName, request: Request, services: Given, body: SyncBody | None = None, wait: bool = True
) -> Response:
    """Brings what is new; 202 when it is not done within three seconds, or with `wait=false`."""
    if remote := copying.remote_of(services, provider):
        return await copying.forward(services, remote, request, user_id, is_change=True)
    body = body or SyncBody()
    syncing.checked_names(services, provider, body.data_types, field="data_types")
    window = await _window(services, user_id, provider, body.date_range.start, body.date_range.end) if body.date_range else None
    brought = await syncing.bring(services, user_id, provider, resources=body.data_types, window=window, wait=wait)
    if brought.state is None:
        return _json(SyncDone(**brought.counts))
    return _json(SyncUnderWay(**brought.counts, state=brought.state, retry_at=brought.retry_at), 202)


@router.get("/api/v1/{provider}/sync-status/{user_id}", responses={200: {"model": SyncStatus}})
@who(member("read"))
async def sync_status(user_id: UserId, provider: ProviderName, services: Given, caller: By) -> dict[str, Any]:
    """How each resource stands: last attempt, last success, what went wrong, what is open."""
    if not caller.is_service:  # the member, and not somebody who watches over all of them
        await syncing.look(services, user_id, provider, at_most_s=0)
    states = await copying.current_lately(services, user_id, only=provider)
    found = await status.status(services.db, services.clock, user_id, provider, state=states.get(provider))
    return {
        "user_id": user_id, "provider": provider, "state": found.state, "not_granted": found.not_granted, "resources": found.resources,
        "open_deliveries": found.open_deliveries, "parked_deliveries": found.parked_deliveries,
        "parked_records": found.parked_records, "days_stored": found.days_stored,
    }  # fmt: skip


@router.post("/api/v1/users/{user_id}/token", tags=["Users"])
@who(service("connect"))
async def make_token(user_id: UserId, services: Given, caller: By, body: TokenBody | None = None) -> Token:
    """A short-lived token with which this member's own app may call; a service key is needed to make one. The token may no more than
    the key: of `read`, `sync` and `connect` what the key has. With all three it is the member in full, who may export and erase, too.
    It ends when the key is revoked."""
    lifetime_s, scopes = (body or TokenBody()).expires_in_s, passed_on(caller)
    async with services.db.transaction() as tx:
        told = {"expires_in_s": lifetime_s, "scopes": scopes}
        await trail.write(tx, "token_made", user_id=user_id, details=told, now=services.clock.now())
    token = services.tokens.issue(user_id, timedelta(seconds=lifetime_s), by=caller)
    return Token(token=token, expires_in=lifetime_s, scopes=scopes)


@router.delete("/api/v1/users/{user_id}", tags=["Users"])
@who(member("erase"))
async def erase(user_id: UserId, services: Given, caller: By, response: Response, body: EraseBody | None = None) -> Erased:
    """Erases the user everywhere. A member must have signed in within ten minutes and repeat the id in `confirm`."""
    _check_erasing(services, caller, user_id, body)
    erased = await ending.erase_user(services.engine, user_id)
    services.copies.forget(user_id)
    services.sessions.forget(user_id)
    if caller.session_id is not None:
        services.gate.drop_cookie(response)
    here, there = erased.here, [Erased.model_validate(one.answer) for one in erased.there if one.answer is not None]
    told = await asyncio.gather(*(disconnect.until_revoked(services.engine, e, at_most_s=consents.WAIT_S) for e in here.ended))
    revoked = [all(told)] if any(one.had_grant for one in here.ended) else []
    revoked += [e.revoked for e in there if e.revoked is not None]
    return Erased(
        user_id=user_id, days=max([here.days, *(e.days for e in there)]), records=here.records + sum(e.records for e in there),
        at=rfc3339(here.at) or "", revoked=all(revoked) if revoked else None,
        connections_ended=sum(e.had_connection for e in here.ended) + sum(e.connections_ended for e in there),
        revocations_pending=sum(not known for known, one in zip(told, here.ended, strict=True) if one.revocation is not None)
        + sum(e.revocations_pending for e in there),
        remains=[*consents.remaining(here.ended), *(r for e in there for r in e.remains)],
        unfinished=[one.provider for one in erased.there if one.answer is None],
    )  # fmt: skip


def _json(content: BaseModel, status: int = 200) -> Response:
    return Response(content.model_dump_json(), status, media_type="application/json")


def _check_erasing(services: Services, caller: Caller, user_id: str, body: EraseBody | None) -> None:
    if body is not None and body.confirm != user_id:
        raise InvalidField("confirm must be the user id.", field="confirm")
    if caller.is_service:
        return
    if body is None:
        raise InvalidField("Repeat the user id in confirm.", field="confirm")
    consents.check_sign_in(services, caller)


async def _window(services: Services, user_id: str, provider: str, start: date, end: date) -> Window:
    checked_range(start, end)
    found = await localdays.connection(services.db, checked_user_id(user_id), provider)
    try:
        return localdays.window_of_days(start, end, utc_offset_min=localdays.offset_min(found), now=services.clock.now())
    except ValueError:
        raise InvalidField("start must not be in the future.", field="date_range.start") from None
