"""Deliveries that carry their records: stored from the inbox as pages are, in batches, without a call."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import structlog

from wearbase.domain.errors import MalformedDelivery
from wearbase.domain.records import Page, Record
from wearbase.store import deliveries
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx
from wearbase.store.work import inbox
from wearbase.store.work.inbox import Payload
from wearbase.sync.engine import Engine
from wearbase.sync.visits.keep import keep_page
from wearbase.transport.apps import App

log = structlog.get_logger()

BATCH = 500  # deliveries to a transaction
BATCHES_A_VISIT = 8  # then others have their turn
BROKEN_RETRY = timedelta(minutes=5)
FOREIGN = "another member's record"


async def store_inbox(engine: Engine, app: App, connection: Connection) -> None:
    """Stores what the connection's open deliveries carry, and settles or parks each of them in the same transaction.

    Needs no budget, and it does not matter how the provider's own answers are. Raises: LeaseLost.
    """
    again_at = engine.clock.now() + BROKEN_RETRY
    async with engine.db.connection() as tx:
        if not await inbox.begin(tx, connection, again_at=again_at):
            return
    more_at = None
    for nth in range(BATCHES_A_VISIT):
        async with engine.db.connection() as tx:
            batch = await inbox.payloads(tx, connection, most=BATCH)
        if batch:
            await _store(engine, app, connection, batch)
        if len(batch) < BATCH:
            break
        more_at = engine.clock.now() if nth + 1 == BATCHES_A_VISIT else None
    async with engine.db.connection() as tx:
        await inbox.end(tx, connection, began_with=again_at, more_at=more_at)


async def _store(engine: Engine, app: App, connection: Connection, batch: Sequence[Payload]) -> None:
    now, records, parked = engine.clock.now(), list[Record](), dict[int, str]()
    for payload in batch:
        try:
            records += _records_of(app, connection, payload)
        except MalformedDelivery as malformed:
            parked[payload.id] = malformed.message
            log.warning("delivery parked", provider=app.name, connection=connection.id, delivery=payload.id)
    counts = Counter(record.resource for record in records)

    async def step(tx: Tx) -> None:
        await inbox.park(tx, connection, parked, now=now)
        settled = [payload.id for payload in batch if payload.id not in parked]
        await deliveries.settle(tx, connection, settled, reason="stored from the delivery", now=now)
        await inbox.count_stored(tx, connection, list(counts.items()))

    await keep_page(engine, app, connection, Page(records, []), read_at=now, step=step)


def _records_of(app: App, connection: Connection, payload: Payload) -> list[Record]:
    """What one delivery carries for this member. Raises MalformedDelivery with the reason to park it for."""
    notices = app.provider.webhook.parse(payload.body)
    if any(notice.external_user_id != connection.external_user_id for notice in notices):
        raise MalformedDelivery(FOREIGN)
    found = [record for notice in notices for record in notice.records]
    if not found:
        raise MalformedDelivery(next((notice.reason for notice in notices if notice.reason), "it carries no record"))
    return found
