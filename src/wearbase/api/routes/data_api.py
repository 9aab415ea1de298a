"""The data API: OAuth for backends, records page by page, pulls."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from wearbase.access.caller import member
from wearbase.access.users import InvalidField
from wearbase.api.fields import ConsentVersion, Moment, ProviderQuery, ProviderText, UserId, UserIdQuery, UserIdText, ends_at, starts_at
from wearbase.api.given import By, Given, Services, known_source
from wearbase.api.routes import consents, copying, syncing
from wearbase.api.routes.consents import Asked
from wearbase.api.routing import GuardedRoute, who
from wearbase.api.shapes import (
    Authorization,
    CallbackBody,
    Connected,
    Consented,
    Disconnected,
    Profile,
    PullBody,
    Pulled,
    PullUnderWay,
    Records,
)
from wearbase.domain.errors import BadRequest, NotFound
from wearbase.domain.windows import Window
from wearbase.providers.registry import PROVIDERS
from wearbase.read import localdays, records, status
from wearbase.read.records import Listing
from wearbase.sync import ask
from wearbase.sync.connect import Redirects

Kind = Annotated[
    str,
    Path(
        description="What a source has, by the name under which it is listed: "
        + "; ".join(f"{name}: {', '.join(p.kinds)}" for name, p in PROVIDERS.items()),
        pattern="^[a-z][a-z0-9_]{0,31}$",
        examples=["sleep"],
    ),
]
LONGEST_ID = 400
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

router = APIRouter(route_class=GuardedRoute, tags=["Data API"])


class AuthorizeQuery(BaseModel):
    """Who is to be connected to what, and where the browser goes."""

    user_id: UserIdText
    provider: ProviderText = "whoop"
    redirect_uri: Annotated[str | None, Field(max_length=2000, description="An OAuth redirect registered at the provider")] = None
    redirect_url: Annotated[str | None, Field(max_length=2000, description="Where the browser goes afterwards; on the allow-list")] = None
    consent_version: ConsentVersion = None


class RecordsQuery(BaseModel):
    """Which records. A date as `end` includes that day; an instant does not include itself."""

    start: Moment | None = None
    end: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=records.LARGEST_PAGE)] = 25
    cursor: Annotated[str | None, Field(max_length=400)] = None
    shape: Annotated[Literal["ours", "raw"], Field(description="`raw`: as the provider gave it")] = "ours"
    provider: ProviderText = "whoop"


class RecordQuery(BaseModel):
    """In which shape a record is wanted, and of which source."""

    shape: Annotated[Literal["ours", "raw"], Field(description="`raw`: as the provider gave it")] = "ours"
    provider: ProviderText = "whoop"


@router.get("/v1/oauth/authorize")
@who(member("connect"))
async def authorize(query: Annotated[AuthorizeQuery, Query()], services: Given, caller: By, response: Response) -> Authorization:
    """Starts a consent, for a backend that drives OAuth itself."""
    known_source(query.provider, services.sources)
    asked = Asked(Redirects(uri=query.redirect_uri, url=query.redirect_url), query.consent_version)
    started = await consents.begin(services, caller, query.user_id, query.provider, response, asked)
    return Authorization(authorization_url=started.authorization_url, state=started.state)


@router.post("/v1/oauth/callback")
@who(member("connect"))
async def complete(body: CallbackBody, request: Request, services: Given, caller: By) -> Connected:
    """Completes a consent with the code that the provider gave back. The state is used up, but for a 503 `rate_limited`."""
    connected = await consents.complete(services, caller, code=body.code, state=body.state)
    request.state.named = connected.user_id
    return connected


@router.delete("/v1/oauth/disconnect")
@who(member("connect"))
async def end_connection(
    user_id: UserIdQuery, services: Given, caller: By, provider: ProviderQuery,
    data: Annotated[str, Query(pattern="^(keep|erase)$")] = "keep",
) -> Disconnected:  # fmt: skip
    """Ends a connection; its records are kept unless `data=erase`."""
    return await consents.end(services, caller, user_id, provider, data)


@router.get("/v1/data/{user_id}/profile", response_model=Profile)
@who(member("read"))
async def profile(user_id: UserId, request: Request, services: Given, provider: ProviderQuery = "whoop") -> Any:
    """Whose account is connected and what was granted. Names, addresses and measures of the profile are not kept."""
    if remote := copying.remote_of(services, provider):
        return await copying.forward(services, remote, request, user_id)
    consent = (await status.consents_of(services.db, user_id)).get(provider)
    found = await localdays.connection(services.db, user_id, provider)
    if found is None:
        return Profile(user_id=user_id, provider=provider, state="not_connected", external_user_id=None, scopes=[], connected_at=None)
    return Profile(
        user_id=user_id, provider=provider, state="not_connected" if found.state == "disconnected" else found.state,
        external_user_id=found.external_user_id, scopes=found.scopes, connected_at=found.connected_at,
        consent=Consented(**consent) if consent else None,
    )  # fmt: skip


@router.get("/v1/data/{user_id}/{kind}", response_model=Records)
@who(member("read"))
async def page(user_id: UserId, kind: Kind, request: Request, query: Annotated[RecordsQuery, Query()], services: Given) -> Any:
    """Records that begin in `[start, end)`, newest first."""
    provider = query.provider
    if remote := copying.remote_of(services, provider):
        return await copying.forward(services, remote, request, user_id)
    resource = listed(services, provider, kind)
    await syncing.look(services, user_id, provider)
    listing = Listing(
        user_id=user_id, provider=provider, resource=resource, limit=query.limit, cursor=query.cursor,
        raw=query.shape == "raw",
        window=await window_between(services, user_id, provider, query.start, query.end),
    )  # fmt: skip
    found = await records.page(services.db, listing)
    return Records(records=found.records, next_cursor=found.next_cursor)


@router.get("/v1/data/{user_id}/{kind}/{record_id:path}", response_model=dict[str, Any])
@who(member("read"))
async def one(
    user_id: UserId, kind: Kind, record_id: str, request: Request, query: Annotated[RecordQuery, Query()], services: Given
) -> Any:
    """One record by the provider's id (a recovery: by its cycle's; of Sahha by its natural key, such as `sleep/2026-05-14`)."""
    provider = query.provider
    if remote := copying.remote_of(services, provider):
        return await copying.forward(services, remote, request, user_id)
    resource = listed(services, provider, kind)
    if not 1 <= len(record_id) <= LONGEST_ID or "\x00" in record_id:
        raise NotFound(f"There is no {resource} with this id.")
    await syncing.look(services, user_id, provider)
    return await records.one(services.db, user_id, provider, resource, record_id, raw=query.shape == "raw")


@router.post("/v1/pull/{user_id}", response_model=None, responses={200: {"model": Pulled}, 202: {"model": PullUnderWay}})
@who(member("sync"))
async def pull(
    user_id: UserId, request: Request, services: Given, response: Response, body: PullBody | None = None, provider: ProviderQuery = "whoop"
) -> Any:
    """Brings what is new, and with `since` asks for the history from there on, which follows behind."""
    if remote := copying.remote_of(services, provider):
        return await copying.forward(services, remote, request, user_id, is_change=True)
    body = body or PullBody()
    syncing.checked_names(services, provider, body.resource_types, field="resource_types")
    since = await _since(services, user_id, provider, body.since)
    brought = await syncing.bring(services, user_id, provider, resources=body.resource_types)
    is_asked = since is not None and await ask.backfill(services.engine, user_id, provider, since=since, resources=body.resource_types)
    given = {"user_id": user_id, "provider": provider, "backfilling": is_asked}
    if brought.state is None:
        return Pulled(**given, **brought.counts)
    response.status_code = 202
    return PullUnderWay(**given, **brought.counts, state=brought.state, retry_at=brought.retry_at)


def listed(services: Services, provider: str, kind: str) -> str:
    """The resource of a source that is listed under that name. Raises InvalidField naming those there are."""
    found = services.providers[provider].listed(kind)
    if found is None:
        raise InvalidField(f"{provider} has {', '.join(services.providers[provider].kinds)}.", field="kind")
    return found.name


async def window_between(
    services: Services, user_id: str, provider: str, start: date | datetime | None, end: date | datetime | None
) -> Window | None:
    """The window of two moments, each optional; dates are the member's local days. Raises InvalidField."""
    if start is None and end is None:
        return None
    offset = localdays.offset_min(await localdays.connection(services.db, user_id, provider)) if _has_date(start, end) else 0
    try:
        return Window(starts_at(start, offset) if start else FIRST, ends_at(end, offset) if end else LAST)
    except (ValueError, OverflowError):
        raise InvalidField("end must be after start.", field="end") from None


async def _since(services: Services, user_id: str, provider: str, since: date | datetime | None) -> datetime | None:
    if since is None:
        return None
    offset = localdays.offset_min(await localdays.connection(services.db, user_id, provider)) if _has_date(since) else 0
    at = starts_at(since, offset)
    if at >= services.clock.now():
        raise BadRequest("since must be in the past.", field="since")
    return at


def _has_date(*moments: date | datetime | None) -> bool:
    return any(m is not None and not isinstance(m, datetime) for m in moments)
