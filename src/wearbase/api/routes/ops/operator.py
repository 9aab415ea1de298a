"""An operator signs in to the operator's page with a service key, and out again."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr

from wearbase.access.caller import OPEN, Caller, service
from wearbase.api.door.entry import before_looking
from wearbase.api.given import By, Given, Services
from wearbase.api.routes.ops.door import OperatorRoute, cookie_of, keep_cookie
from wearbase.api.routing import who
from wearbase.domain.errors import Forbidden
from wearbase.read.status import rfc3339

router = APIRouter(route_class=OperatorRoute, tags=["Operations"])


class KeyBody(BaseModel):
    key: SecretStr = Field(min_length=1, max_length=200, description="A service key with the scope ops.")


class OperatorSignedIn(BaseModel):
    key: str = Field(description="Which key is behind the session: how it begins, never all of it.", examples=["wb_k3v9x0aa_…"])
    expires_at: str | None = Field(description="When the session ends by itself; null for a key that came with the request.")
    version: str
    is_demo: bool
    server_time: str


@router.post("/ops/session")
@who(OPEN)
async def sign_in(services: Given, request: Request, response: Response, body: KeyBody) -> OperatorSignedIn:
    """Exchanges a service key with the scope ops for a session of eight hours in this browser. It ends with the key."""
    if not services.gate.is_from_app(request.scope["headers"]):
        raise Forbidden("Signing in is for our own pages (X-Wearbase: app, same origin).")
    before_looking(services, request.scope, None)
    begun = await services.operators.begin(body.key.get_secret_value())
    keep_cookie(services, response, begun.token, max_age=int((begun.expires_at - services.clock.now()).total_seconds()))
    return await _shown(services, begun.caller, begun.expires_at)


@router.get("/ops/session")
@who(service("ops"))
async def session(services: Given, request: Request, caller: By) -> OperatorSignedIn:
    """Whose key is behind this session, and until when it is good."""
    token = cookie_of(services, request.scope["headers"])
    expires_at = (await services.operators.find(token))[1] if token else None
    return await _shown(services, caller, expires_at)


@router.delete("/ops/session", status_code=204)
@who(service("ops"))
async def sign_out(services: Given, request: Request, response: Response) -> None:
    """Ends this session."""
    token = cookie_of(services, request.scope["headers"])
    if token is not None:
        await services.operators.end(token)
    keep_cookie(services, response, "", max_age=0)


async def name_of(services: Services, caller: Caller) -> str:
    """How a key begins; `environment` for the one of SERVICE_API_KEY."""
    known = {str(key.id): key.prefix for key in await services.keys.list()}
    return f"wb_{known[caller.key_id]}_…" if caller.key_id in known else caller.key_id


async def _shown(services: Services, caller: Caller, expires_at: datetime | None) -> OperatorSignedIn:
    return OperatorSignedIn(
        key=await name_of(services, caller), expires_at=rfc3339(expires_at), version=services.version, is_demo=services.is_demo,
        server_time=rfc3339(services.clock.now()) or "",
    )  # fmt: skip
