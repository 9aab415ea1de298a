"""The application: routes in order, what wraps them, and the OpenAPI document."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from wearbase.api import errors
from wearbase.api.document import completed
from wearbase.api.door.cors import Cors
from wearbase.api.door.entry import Door
from wearbase.api.door.forwarded import Forwarded
from wearbase.api.door.hosts import Hosts
from wearbase.api.door.pace import Pace
from wearbase.api.door.rules import DoorRules
from wearbase.api.given import Services
from wearbase.api.metrics import Metrics
from wearbase.api.middleware import BodyLimit, Observed
from wearbase.api.routes import app_api, data_api, documentation, health, hot, internal_api, operations, preferences, trends
from wearbase.api.routes.member import archive, session, views
from wearbase.api.routes.ops import operator, overview, stream, trail
from wearbase.domain.errors import WearbaseError
from wearbase.store.postgres.cancelling import cancel


@asynccontextmanager
async def _settled(app: FastAPI) -> AsyncIterator[None]:
    """Takes what was made at start out of the garbage collector's sight: each full collection held up every reader for 70 ms.

    The identity provider's keys are kept current meanwhile.

    At the end nobody waits any more for what other services have not answered, and the audit trail gets the last reads.
    """
    gc.collect()
    gc.freeze()
    identity = app.state.services.identity
    keeping = [asyncio.create_task(identity.keys.keep())] if identity is not None else []
    yield
    await cancel(keeping)
    if identity is not None:
        await identity.keys.close()
    await app.state.services.copies.close()
    await app.state.services.readers.close()


def create_app(services: Services, *, pages: Sequence[Route] = ()) -> FastAPI:
    """The HTTP side of these services. `pages` are the browser's, made by `web`; each says by its `rule` who may call it."""
    app = FastAPI(
        title="wearbase",
        version=services.version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_settled,
    )
    app.state.services, app.state.metrics = services, Metrics(version=services.version)
    for name, known in services.engine.apps.items():
        if known.credentials.signing_secret:
            app.state.metrics.expect_deliveries(name)
    bare = [*health.routes(services), *hot.routes(services)]
    app.router.routes.extend(bare)
    for module in (app_api, health, trends, preferences, session, views, archive, data_api, internal_api, operations, documentation):
        app.include_router(module.router)
    for module in (stream, operator, overview, trail):
        app.include_router(module.router)
    if not services.door.has_own_metrics:
        app.include_router(operations.metrics_router)
    app.router.routes.extend(pages)  # the last: the app's own files answer to whatever begins with its address
    app.exception_handlers.update(
        {
            WearbaseError: errors.on_error,
            HTTPException: errors.on_http_error,
            RequestValidationError: errors.on_validation_error,
        }
    )
    app.add_middleware(BodyLimit, webhooks={name: p.webhook_body_limit_bytes for name, p in services.providers.items()})
    app.add_middleware(errors.LastResort)
    is_https = services.public_url.startswith("https://")
    if services.door.cors_origins:
        app.add_middleware(Cors, origins=services.door.cors_origins)
    app.add_middleware(Door, hosts=Hosts(services.door))
    app.add_middleware(
        Observed, metrics=app.state.metrics, keys=services.engine.keys, is_https=is_https, pace=services.pace, bare=[*bare, *pages]
    )
    app.add_middleware(Forwarded, proxies=services.door.proxies)
    app.openapi = lambda: _document(app)
    return app


def metrics_app(app: FastAPI) -> ASGIApp:
    """The metrics of this application and nothing else, for an address that only the operator's own network reaches.

    By our names, an IP address or a name that no public site can have: a page elsewhere cannot read them by a name of its own.
    """

    async def metrics(_: Request) -> Response:
        return await operations.told(app.state.services, app.state.metrics)

    apart = Starlette(routes=[Route("/metrics", metrics)], exception_handlers={HTTPException: errors.on_http_error})
    names = replace(app.state.services.door, takes_addresses=True, takes_private_names=True)
    headed = Door(errors.LastResort(apart), hosts=Hosts(names))
    return Observed(headed, metrics=Metrics(), keys=app.state.services.engine.keys, is_https=False, pace=Pace(DoorRules()))


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = completed(get_openapi(title=app.title, version=app.version, routes=app.routes))
    return app.openapi_schema
