"""Deliveries stay open until their own record is settled, however old it is."""

from collections.abc import Sequence
from itertools import groupby

from wearbase.domain.errors import ResourceGone
from wearbase.domain.provider import Lookup
from wearbase.domain.records import Page
from wearbase.domain.timetable import DAY, next_pending_read
from wearbase.domain.windows import Window
from wearbase.store import deliveries, records
from wearbase.store.deliveries import OpenDelivery
from wearbase.store.postgres.database import Tx
from wearbase.store.work import progress
from wearbase.sync.visits.fetch import Reading
from wearbase.sync.visits.keep import hold, keep_page, rebuild


async def settle(reading: Reading, open_ones: Sequence[OpenDelivery], companions: Sequence[Reading] = ()) -> None:
    """Settles the notices of one resource that were open before this visit's reads began.

    `companions` move with its records without being announced: around a record that is read by id they are read too.
    Raises what a read by id raises; those not reached stay open.
    """
    by_record = groupby(sorted(open_ones, key=_record_key), key=_record_key)
    for _, group in by_record:
        notices = sorted(group, key=lambda d: (d.sent_at, d.id))
        for notice in (n for n in notices if n.action == "deleted"):
            await _bury(reading, notice)
        updates = [n for n in notices if n.action == "updated"]
        if updates:
            await _settle_updates(reading, updates, companions)


async def _settle_updates(reading: Reading, updates: list[OpenDelivery], companions: Sequence[Reading]) -> None:
    last, ids = updates[-1], [u.id for u in updates]
    if reading.seen.has(last.resource, last.external_id, by_parent=last.is_by_parent):
        return await _note(reading, ids, reason="read with its collection")
    now = reading.engine.clock.now()
    try:
        page = await _read(reading, last)
    except ResourceGone:
        return await _not_there(reading, updates)

    for companion in companions:
        await _read_around(companion, page)

    async def step(tx: Tx) -> None:
        await progress.count_read(tx, reading.connection, last.resource, stored=len(page.records))
        await deliveries.settle(tx, reading.connection, ids, reason="read by id", now=now)

    await keep_page(reading.engine, reading.app, reading.connection, page, read_at=now, step=step)


async def _read_around(companion: Reading, page: Page) -> None:
    """A page of the companion's collection about old records; newer ones come with the usual reads."""
    now, overlap = companion.engine.clock.now(), companion.situation.provider.overlap
    spans = [(r.start_at, r.end_at or r.start_at) for r in page.records if r.start_at and r.start_at < now - overlap]
    if not spans:
        return
    window = Window(min(start for start, _ in spans) - DAY, min(max(end for _, end in spans) + DAY, now))
    around = await companion.resource.read_page(companion.send, window, None)

    async def step(tx: Tx) -> None:
        await progress.count_read(tx, companion.connection, companion.resource.name, stored=len(around.records))

    await keep_page(companion.engine, companion.app, companion.connection, around, read_at=now, step=step)


async def _read(reading: Reading, notice: OpenDelivery) -> Page:
    async with reading.engine.db.connection() as tx:
        group = await records.known_group(tx, reading.connection, notice.external_id)
    lookup = Lookup(external_id=notice.external_id, is_by_parent=notice.is_by_parent, group_id=group)
    return await reading.resource.read_one(reading.send, lookup)


async def _not_there(reading: Reading, updates: list[OpenDelivery]) -> None:
    """A 404: asked again a few times (the provider may be behind), then the record is gone."""
    last, ids, now = updates[-1], [u.id for u in updates], reading.engine.clock.now()
    retry_at = next_pending_read(last.attempts, now=now)
    if retry_at is None:
        return await _bury(reading, last, also=ids)
    async with reading.engine.db.transaction() as tx:
        await hold(tx, reading.connection)
        await progress.count_read(tx, reading.connection, last.resource, stored=0)
        await deliveries.retry(tx, reading.connection, ids, at=retry_at, reason="not there yet")  # the visit's end has it due again


async def _bury(reading: Reading, notice: OpenDelivery, *, also: Sequence[int] = ()) -> None:
    """Sets the tombstone without a read. Open walks start again, companions' too: the removal shifted their offsets."""
    connection, now = reading.connection, reading.engine.clock.now()
    is_announced = notice.action == "deleted"
    async with reading.engine.db.transaction() as tx:
        await hold(tx, connection)
        change = await records.bury(
            tx, connection, notice.resource, notice.external_id, by_parent=notice.is_by_parent, at=notice.sent_at if is_announced else now
        )
        await rebuild(tx, reading.engine.combining, reading.app.provider, connection, change, now=now)
        # Of what goes with it unannounced nobody knows whether it was on a page already.
        for moved in (*([notice.resource] if change.count else []), *reading.resource.companions):
            await progress.restart(tx, connection, moved)
            await progress.read_again(tx, connection, moved, removed_at=notice.sent_at if is_announced else now, now=now)
        await deliveries.settle(tx, connection, [notice.id, *also], reason="deleted" if is_announced else "gone", now=now)


async def _note(reading: Reading, ids: Sequence[int], *, reason: str) -> None:
    async with reading.engine.db.transaction() as tx:
        await deliveries.settle(tx, reading.connection, ids, reason=reason, now=reading.engine.clock.now())


def _record_key(delivery: OpenDelivery) -> tuple[str, bool, str]:
    return (delivery.resource, delivery.is_by_parent, delivery.external_id)
