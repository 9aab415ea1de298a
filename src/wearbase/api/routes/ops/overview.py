"""What an operator sees and has tried again. Health values are in none of it, but in the payload of one parked record, on demand."""

from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from wearbase.access.caller import service
from wearbase.access.users import PATTERN, name_for_logs
from wearbase.api.fields import ProviderText, UserIdText
from wearbase.api.given import By, Given, Services
from wearbase.api.routes.ops.door import OperatorRoute, cookie_of, has_credential
from wearbase.api.routes.ops.events import EventStream
from wearbase.api.routes.ops.operator import name_of
from wearbase.api.routing import who
from wearbase.domain.errors import DatabaseUnavailable, NotFound, Refused
from wearbase.read.status import rfc3339
from wearbase.store.audit import trail
from wearbase.store.watching import trouble
from wearbase.store.work.cause import CAUSE
from wearbase.sync import retry

log = structlog.get_logger()
router = APIRouter(route_class=OperatorRoute, prefix="/api/v1/ops", tags=["Operations"])
OPS = service("ops")


class FailingKey(BaseModel):
    user_id: UserIdText
    provider: ProviderText
    resource: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")


class RetryBody(BaseModel):
    """What is to be tried again: named ones, or all of a kind (at most 500 at once)."""

    failing: list[FailingKey] = Field(default=[], max_length=retry.MOST_AT_ONCE)
    parked: list[Annotated[int, Field(ge=1, lt=2**63)]] = Field(default=[], max_length=retry.MOST_AT_ONCE)
    all: list[Literal["failing", "parked"]] = Field(default=[], max_length=2)


@router.get("/summary")
@who(OPS)
async def summary(services: Given) -> dict[str, Any]:
    """Members by state, freshness, budgets with their curve and forecast, deliveries, workers. No member is named but by id."""
    return await services.overview.summary()


@router.get("/failing")
@who(OPS)
async def failing(services: Given) -> dict[str, Any]:
    """What fails, what is parked and who has to connect again: the newest 200 of each, with how many there are."""
    return await services.overview.failing()


@router.get("/members")
@who(OPS)
async def members(
    services: Given,
    state: Literal["current", "filling", "stale", "reconnect"],
    after: Annotated[str, Query(pattern=f"^({PATTERN})?$")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Members of one state by id, with the newest success of any source; `next` is where to go on, null at the end."""
    found = await services.overview.members(state, after=after, limit=limit + 1)
    shown = found[:limit]
    return {
        "members": [{"user_id": m.user_id, "state": m.state, "last_success_at": rfc3339(m.fresh_at), "is_idle": m.is_idle} for m in shown],
        "next": shown[-1].user_id if len(found) > limit else None,
    }


@router.get("/parked/{parked_id}")
@who(OPS)
async def payload(parked_id: Annotated[int, Path(ge=1, lt=2**63)], services: Given, caller: By) -> dict[str, Any]:
    """One parked record with the payload that could not be mapped: health data. Who looked is written in the log."""
    async with services.db.transaction() as tx:
        found = await trouble.parked_one(tx, parked_id)
        if found is not None:
            await trail.write(tx, "payload_shown", user_id=found["user_id"], provider=found["provider"], now=services.clock.now())
    if found is None:
        raise NotFound("Nothing is parked under this id any more.")
    member = name_for_logs(services.engine.keys, found["user_id"])
    log.warning(
        "parked payload shown", key=await name_of(services, caller), user=member, provider=found["provider"], record=parked_id,
        request_id=CAUSE.get(),
    )  # fmt: skip
    return {**{name: content for name, content in found.items() if name not in ("raw", "parked_at")},
            "parked_at": rfc3339(found["parked_at"]), "payload": found["raw"]}  # fmt: skip


@router.post("/retry")
@who(OPS)
async def try_again(services: Given, caller: By, body: RetryBody) -> dict[str, Any]:
    """Has failing resources tried now, and maps parked records again from their kept payload; what still fails stays where it is."""
    keys = None if "failing" in body.all else [(k.user_id, k.provider, k.resource) for k in body.failing]
    count = 0 if keys == [] else await retry.retry_failing(services.engine, keys)
    ids = None if "parked" in body.all else body.parked
    retried = [] if ids == [] else await retry.retry_parked(services.engine, ids)
    by = await name_of(services, caller)
    log.info("retried by an operator", key=by, failing=count, parked=len(retried), request_id=CAUSE.get())
    return {"failing": count, "parked": [{"id": r.id, "result": r.result, "reason": r.reason} for r in retried]}


@router.get(
    "/stream", response_class=Response, responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}
)  # fmt: skip
@who(OPS)
async def stream(request: Request, services: Given) -> Response:
    """`summary` and `failing` whenever they are not as before, and a `heartbeat` every 15 seconds. It ends with its credential."""
    source = services.feed.open()

    async def is_allowed() -> bool:
        return await _is_still_good(services, request)

    return EventStream(source, is_allowed=is_allowed, leave=lambda: services.feed.leave(source))


async def _is_still_good(services: Services, request: Request) -> bool:
    headers = request.scope["headers"]
    token = cookie_of(services, headers)
    try:
        if token is not None and not has_credential(headers):
            await services.operators.find(token)
        else:
            await services.gate.admit(headers, OPS, None, method="GET")
    except (Refused, DatabaseUnavailable):
        return False
    return True
