"""The one write path: a page's records, the days they change and the walk's progress, in one transaction."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta

import structlog

from wearbase.domain.combining import Combining
from wearbase.domain.days import Dated, lone_day
from wearbase.domain.errors import LeaseLost
from wearbase.domain.provider import Provider
from wearbase.domain.records import Dating, Page, Record, Unmappable, why_too_early
from wearbase.store import connections, days, records
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx
from wearbase.store.records import Change
from wearbase.store.watching import changes
from wearbase.sync import combine
from wearbase.sync.engine import Engine
from wearbase.transport.apps import App

log = structlog.get_logger()

Step = Callable[[Tx], Awaitable[None]]


async def keep_page(engine: Engine, app: App, connection: Connection, page: Page, *, read_at: datetime, step: Step) -> Change:
    """Stores a page, rebuilds the touched days and takes the walk one step on; all of it or nothing.

    Raises: LeaseLost if another worker visits by now, or the connection has ended.
    """
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await hold(tx, connection)
        change = await store_page(tx, engine.combining, app.provider, connection, page, read_at=read_at, now=now)
        await step(tx)
    await engine.hints.tell()
    return change


async def store_page(
    tx: Tx, combining: Combining, provider: Provider, connection: Connection, page: Page, *, read_at: datetime, now: datetime
) -> Change:
    """Stores a page and rebuilds the touched days, in a transaction that holds the member's lock."""
    page = _kept(_in_time(_own(page, connection), now), provider, connection, now=now)
    for doubt in page.doubts:
        log.warning("a value is in doubt", provider=connection.provider, connection=connection.id, doubt=doubt)
    change = await records.put_page(tx, connection, page.records, read_at=read_at, now=now)
    await records.park(tx, connection, page.unmappable, now=now)
    await _see_offset(tx, connection, page.records)
    await rebuild(tx, combining, provider, connection, change, now=now)
    return change


async def hold(tx: Tx, connection: Connection) -> None:
    """Takes the member's lock and makes sure that this worker may still store. Raises LeaseLost."""
    await connections.lock_member(tx, connection.user_id)
    if not await connections.holds(tx, connection, lease_number=connection.lease_number):
        raise LeaseLost(provider=connection.provider, connection=connection.id)


async def rebuild(tx: Tx, combining: Combining, provider: Provider, connection: Connection, change: Change, *, now: datetime) -> None:
    """Dates the changed groups again and writes the documents and metrics of every touched day."""
    touched = sorted(change.days | await records.date_groups(tx, connection, change.groups))
    if not touched:
        return
    by_day: dict[date, list] = {day: [] for day in touched}
    for record in await records.of_days(tx, connection, touched):
        by_day[record.day].append(record)
    full = {day: found for day, found in by_day.items() if found}
    parts = {day: provider.assemble_day(found) for day, found in full.items()}
    documents = [
        days.document(connection.user_id, day, parts[day], has_lead=any(r.dating == Dating.OPENS_GROUP for r in found))
        for day, found in full.items()
    ]
    changed = await days.put(tx, connection, documents, now=now)
    await days.put_metrics(tx, connection, {day: provider.day_metrics(part) for day, part in parts.items()})
    dropped = await days.drop(tx, connection, by_day.keys() - full.keys())
    if changed or dropped:
        await changes.note(tx, connection, has_dropped=dropped > 0)
    await connections.set_open_day(tx, connection)
    await combine.rebuild(tx, combining, connection.user_id, touched, now=now)


def _own(page: Page, connection: Connection) -> Page:
    """The page with another member's records parked instead of stored."""
    foreign = [r for r in page.records if r.external_user_id not in (None, connection.external_user_id)]
    if not foreign:
        return page
    parked = [Unmappable(r.resource, r.external_id, "another member's record", None) for r in foreign]
    return Page([r for r in page.records if r not in foreign], [*page.unmappable, *parked], page.next_token, page.doubts)


def _in_time(page: Page, now: datetime) -> Page:
    """The page with what cannot be yet parked instead of stored, with its payload."""
    reasons = [why_too_early(record, now=now) for record in page.records]
    if not any(reasons):
        return page
    told = list(zip(page.records, reasons, strict=True))
    parked = [Unmappable(r.resource, r.external_id, reason, r.raw) for r, reason in told if reason]
    return Page([r for r, reason in told if not reason], [*page.unmappable, *parked], page.next_token, page.doubts)


def _kept(page: Page, provider: Provider, connection: Connection, *, now: datetime) -> Page:
    """The page without the records of days that are kept no longer, whoever brings them."""
    first = provider.first_kept_day(now, connection.utc_offset_min)
    if first is None:
        return page
    kept = [r for r in page.records if (day := _latest_day(r)) is None or day >= first]
    return Page(kept, page.unmappable, page.next_token, page.doubts)


def _latest_day(record: Record) -> date | None:
    """The day of a record judged by itself; its group may give it another, which for what opens a group is at most a day later."""
    dating, times = record.dating, {"start_at": record.start_at, "end_at": record.end_at, "given_day": record.given_day}
    alone = Dated(resource="", external_id="", dating=dating, utc_offset_min=record.utc_offset_min, **times)
    day = lone_day(alone)
    return day + timedelta(days=1) if day is not None and dating is Dating.OPENS_GROUP else day


async def _see_offset(tx: Tx, connection: Connection, page: list[Record]) -> None:
    newest = max((r for r in page if r.utc_offset_min is not None and r.start_at), key=lambda r: r.start_at or r.revision.at, default=None)
    if newest is not None and newest.utc_offset_min is not None and newest.start_at is not None:
        await connections.see_offset(tx, connection, utc_offset_min=newest.utc_offset_min, seen_at=newest.start_at)
