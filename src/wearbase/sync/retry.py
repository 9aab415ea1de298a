"""What an operator has tried again: failing resources, and parked records, from the payload that was kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wearbase.domain.records import Page, why_too_early
from wearbase.store import connections
from wearbase.store.audit import trail
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx
from wearbase.store.watching import trouble
from wearbase.sync.engine import Engine
from wearbase.sync.visits.keep import store_page
from wearbase.transport.apps import App

MOST_AT_ONCE = 500

Result = Literal["stored", "parked", "not_connected", "gone"]


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of one parked record, and why it still waits."""

    id: int
    result: Result
    reason: str | None = None


async def retry_failing(engine: Engine, keys: Sequence[tuple[str, str, str]] | None = None) -> int:
    """Has failing resources (user, provider, resource; all without `keys`) tried now; how many. Workers do the rest."""
    async with engine.db.transaction() as tx:
        count = await trouble.bring_forward(tx, keys, now=engine.clock.now(), limit=MOST_AT_ONCE)
        await trail.write(tx, "retried", details={"resources": count}, now=engine.clock.now())
    await engine.hint()
    return count


async def retry_parked(engine: Engine, ids: Sequence[int] | None = None) -> list[Retried]:
    """Maps parked records again (all without `ids`), and stores those that can be understood by now, each by itself."""
    if ids is None:
        async with engine.db.connection() as tx:
            ids = [found.id for found in await trouble.parked(tx, limit=MOST_AT_ONCE)]
    retried = [await _retry_one(engine, parked_id) for parked_id in ids[:MOST_AT_ONCE]]
    await engine.hints.tell()
    return retried


async def _retry_one(engine: Engine, parked_id: int) -> Retried:
    async with engine.db.connection() as tx:
        found = await trouble.parked_one(tx, parked_id)
    if found is None:
        return Retried(parked_id, "gone")
    app = engine.apps.get(found["provider"])
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, found["user_id"])
        connection = await connections.get(tx, found["user_id"], found["provider"])
        if app is None or connection is None or not connection.is_live:
            return Retried(parked_id, "not_connected", found["reason"])
        found = await trouble.parked_one(tx, parked_id)  # under the lock: what is parked now
        return await _store(tx, engine, app, connection, found) if found else Retried(parked_id, "gone")


async def _store(tx: Tx, engine: Engine, app: App, connection: Connection, found: dict[str, Any]) -> Retried:
    """Stored as from a page read when it was parked: whatever is newer, or was deleted since, stays."""
    now = engine.clock.now()
    await trail.write(tx, "record_retried", user_id=connection.user_id, provider=app.name, now=now)
    page = app.provider.map_again(found["resource"], found["raw"])
    foreign = [r for r in page.records if r.external_user_id not in (None, connection.external_user_id)]
    now = engine.clock.now()
    too_early = next((reason for record in page.records if (reason := why_too_early(record, now=now))), None)
    if not page.records or foreign or too_early:
        reason = too_early or (page.unmappable[0].reason if page.unmappable else found["reason"])
        await trouble.still_parked(tx, found["id"], reason=reason)
        return Retried(found["id"], "parked", reason)
    stored = Page(page.records, [])
    await store_page(tx, engine.combining, app.provider, connection, stored, read_at=found["parked_at"], now=now)
    await trouble.unpark(tx, connection, found["id"])
    return Retried(found["id"], "stored")
