"""Every live grant is refreshed at least daily, whether or not anybody needs it."""

import asyncio
import random
from datetime import timedelta

import structlog

from wearbase.domain.errors import DatabaseUnavailable, RateLimited, ReauthorizationRequired, WearbaseError
from wearbase.store import connections
from wearbase.store.connections import Connection
from wearbase.sync.disconnect import needs_reauthorization
from wearbase.sync.engine import Engine
from wearbase.sync.upkeep import alarm

log = structlog.get_logger()

AT_ONCE = 4
MOST_A_RUN = 40
LONGEST_RUN_S = 5.0  # no call is begun later: persons wait for the same workers
RETRY = timedelta(hours=1)


async def keep_grants_alive(engine: Engine) -> bool:
    """Refreshes the grants that are due, a few at a time; whether more are due than one run may take.

    Nothing is refreshed at a provider that refuses many. Raises RateLimited.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + LONGEST_RUN_S
    for _ in range(MOST_A_RUN // AT_ONCE):
        batch = await _claim(engine)
        results = await asyncio.gather(*(_keep(engine, connection) for connection in batch), return_exceptions=True)
        for error in results:  # only after all have ended: a refresh must not be cut off
            if error is not None:
                raise error
        if len(batch) < AT_ONCE:
            return False
        if loop.time() >= give_up:
            break
    return True


async def _claim(engine: Engine) -> list[Connection]:
    """Each is tried again after a while if this process dies, or the refresh fails."""
    providers = [app.name for app in engine.apps.values() if not await alarm.lasts(engine, app)]
    now = engine.clock.now()
    retry = min(RETRY, engine.keepalive / 8) * random.uniform(0.8, 1.2)  # noqa: S311 only spreads retries
    async with engine.db.transaction() as tx:
        return await connections.claim_keepalive(tx, providers, most=AT_ONCE, again_at=now + retry, now=now)


async def _keep(engine: Engine, connection: Connection) -> None:
    try:
        await engine.gateway.grants.keep_alive(engine.app(connection.provider), connection)
    except ReauthorizationRequired:
        await needs_reauthorization(engine, connection)
    except (RateLimited, DatabaseUnavailable):
        raise
    except WearbaseError as error:
        log.warning("grant not kept alive", provider=connection.provider, connection=connection.id, error=error.code)
