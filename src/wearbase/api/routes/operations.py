"""For whoever runs it: health and metrics."""

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from wearbase.access.caller import OPEN, service
from wearbase.api.door.entry import service_of
from wearbase.api.given import Given, Services
from wearbase.api.metrics import Metrics, OfProcess
from wearbase.api.routing import GuardedRoute, who
from wearbase.domain.errors import DatabaseUnavailable
from wearbase.read.budgets import standings, vitals
from wearbase.sync import ask

router = APIRouter(route_class=GuardedRoute, tags=["Operations"])
metrics_router = APIRouter(route_class=GuardedRoute, tags=["Operations"])  # apart: they may have an address of their own


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live")
@who(OPEN)
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/health/ready")
@who(OPEN)
async def ready(request: Request, services: Given, response: Response) -> dict[str, Any]:
    """Whether requests can be served: 503 until the database is usable. Reasons are told to a service key."""
    is_usable = await services.db.is_usable()
    response.status_code = 200 if is_usable else 503
    if not is_usable:
        response.headers["Retry-After"] = "2"
    answer: dict[str, Any] = {"status": "ready" if is_usable else "not_ready", "demo": services.is_demo}
    try:
        caller = await service_of(services, request.scope)
    except DatabaseUnavailable:
        caller = None  # only the environment's key can be told from a wrong one now
    if caller is None:
        return answer
    has_worker = is_usable and await ask.has_worker(services.engine)
    reasons = {"database": "usable" if is_usable else "not usable", "worker": "alive" if has_worker else "none alive"}
    return {
        **answer,
        "scopes": sorted(caller.scopes),
        "reasons": reasons,
        "version": services.version,
        "environment": services.environment,
        "sources": services.sources,
        "services": {name: {"breaker": r.state, "problem": r.problem} for name, r in services.engine.remotes.items()},
    }


@metrics_router.get("/metrics", response_class=PlainTextResponse)
@who(service("ops"))
async def metrics(request: Request, services: Given) -> Response:
    """Counts, times and budgets for Prometheus. No label names a member."""
    return await told(services, request.app.state.metrics)


async def told(services: Services, metrics: Metrics) -> Response:
    """The same at whatever address it is asked for."""
    apps = {app.name: (app.key, app.ceilings) for app in services.engine.apps.values()}
    began = time.perf_counter()
    try:
        found, now = await standings(services.db, services.clock, apps), await vitals(services.db, services.clock)
    except DatabaseUnavailable:
        found, now = {}, None  # what the process counts by itself is told all the same
    took_s = time.perf_counter() - began
    own = OfProcess(
        remotes=services.engine.remotes, keys=services.identity.keys if services.identity is not None else None, pool=services.db.use,
        lost={"log": services.lost_log_lines(), "audit": services.readers.lost},
        streams={"member": len(services.live), "operator": len(services.feed)},
    )  # fmt: skip
    text = metrics.text(found, now, own, at=services.clock.now(), took_s=took_s)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
