"""Waiting for calls while a person waits."""

import asyncio
from datetime import datetime

from wearbase.domain.errors import RateLimited
from wearbase.domain.provider import Request, Response, Send
from wearbase.sync.engine import Engine

SPENT_WAIT_S = 65.0  # within a minute calls come free
WAIT_STEP_S = 0.1


def patient(engine: Engine, send: Send) -> Send:
    """`send` that waits for the budget, holding nothing."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + SPENT_WAIT_S

    async def waiting(request: Request) -> Response:
        while True:
            try:
                return await send(request)
            except RateLimited as limited:
                until = limited.retry_at
                if until is None or (until - engine.clock.now()).total_seconds() > give_up - loop.time():
                    raise
            await _sleep(engine, until, give_up=give_up)

    return waiting


async def _sleep(engine: Engine, until: datetime, *, give_up: float) -> None:
    """Until that instant of the engine's clock, or that time of the event loop."""
    while True:
        await asyncio.sleep(WAIT_STEP_S)
        if engine.clock.now() >= until or asyncio.get_running_loop().time() >= give_up:
            return
