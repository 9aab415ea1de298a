"""Records that a complete listing no longer holds: asked for by id, and gone only on a 404."""

import structlog

from wearbase.domain.errors import ConnectionEnded, LeaseLost, ResourceGone, WearbaseError
from wearbase.domain.provider import Lookup
from wearbase.domain.timetable import HALF_DAY
from wearbase.domain.windows import Window
from wearbase.store import records
from wearbase.store.postgres.database import Tx
from wearbase.store.records import Absent
from wearbase.store.work import progress
from wearbase.sync.visits.fetch import Reading
from wearbase.sync.visits.keep import hold, keep_page, rebuild

log = structlog.get_logger()

MOST_CHECKS = 5  # a run, so that a listing gone wrong costs little and hides nothing; the next run goes on


async def check_absent(reading: Reading, window: Window) -> None:
    """Asks for what is stored within a window that was read from its first page to its last, and was not on any of them.

    A check that fails proves nothing and is no failure of the resource: the next reconciliation finds the same records.
    """
    within = Window(window.start + HALF_DAY, window.end)  # at the edge a listing and our placing may differ
    ids = [external_id for resource, external_id in reading.seen.ids if resource == reading.resource.name]
    async with reading.engine.db.connection() as tx:
        missing = await records.absent(
            tx, reading.connection, reading.resource.name, window=within, seen=ids, stored_before=window.end, limit=MOST_CHECKS
        )
    for absent in missing:
        try:
            await _check(reading, absent)
        except (LeaseLost, ConnectionEnded):
            raise
        except WearbaseError as error:
            return log.info("check put off", connection=reading.connection.id, resource=reading.resource.name, error=error.code)
    return None


async def _check(reading: Reading, absent: Absent) -> None:
    read_at = reading.engine.clock.now()
    try:
        page = await reading.resource.read_one(reading.send, Lookup(external_id=absent.external_id, group_id=absent.group_id))
    except ResourceGone:
        return await _bury(reading, absent)

    async def step(tx: Tx) -> None:
        await progress.count_read(tx, reading.connection, reading.resource.name, stored=len(page.records))

    await keep_page(reading.engine, reading.app, reading.connection, page, read_at=read_at, step=step)


async def _bury(reading: Reading, absent: Absent) -> None:
    now = reading.engine.clock.now()
    async with reading.engine.db.transaction() as tx:
        await hold(tx, reading.connection)
        change = await records.bury(tx, reading.connection, reading.resource.name, absent.external_id, by_parent=False, at=now)
        await rebuild(tx, reading.engine.combining, reading.app.provider, reading.connection, change, now=now)
        await progress.count_read(tx, reading.connection, reading.resource.name, stored=0)
        for moved in (reading.resource.name, *reading.resource.companions):
            await progress.read_again(tx, reading.connection, moved, removed_at=now, now=now)
    log.info("record gone without notice", connection=reading.connection.id, resource=reading.resource.name)
