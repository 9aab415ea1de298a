"""One loop for every door: page, map, store, next page."""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from wearbase.domain.errors import EndlessListing, ProviderUnavailable
from wearbase.domain.provider import Resource, Send
from wearbase.domain.records import Page
from wearbase.domain.timetable import DAY, next_pending_read
from wearbase.domain.windows import Window
from wearbase.store import records
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx
from wearbase.store.work import progress
from wearbase.store.work.progress import Closing
from wearbase.sync.engine import Engine
from wearbase.sync.visits.keep import keep_page
from wearbase.sync.visits.plan import Lane, Situation, Walk
from wearbase.transport.apps import App

MOST_RECORDS_A_DAY = 16
FEW_PAGES = 10


@dataclass(slots=True)
class Seen:
    """What the visit's reads brought, so that deliveries of these records are settled."""

    ids: set[tuple[str, str]] = field(default_factory=set)
    parents: set[tuple[str, str]] = field(default_factory=set)

    def add(self, page: Page) -> bool:
        """Takes note of a page; whether it held anything new."""
        ids = {(r.resource, r.external_id) for r in page.records} | {(u.resource, u.external_id) for u in page.unmappable}
        is_new = not ids or not ids <= self.ids
        self.ids |= ids
        self.parents |= {(r.resource, r.parent_id) for r in page.records if r.parent_id}
        return is_new

    def has(self, resource: str, external_id: str, *, by_parent: bool) -> bool:
        return (resource, external_id) in (self.parents if by_parent else self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One resource of one connection being read in a visit."""

    engine: Engine
    app: App
    connection: Connection
    resource: Resource
    send: Send
    seen: Seen
    situation: Situation


async def take_walk(reading: Reading, walk: Walk, *, most_pages: int | None = None) -> bool:
    """Reads a walk's pages to its end, or that many; whether it came to its end. Each page is stored before the next is asked for.

    Raises what `send` raises; what was stored stays, and nothing of the failed page moves.
    """
    await _begin(reading, walk)
    token, pages, own = walk.token, 0, Seen()
    while most_pages is None or pages < most_pages:
        read_at = reading.engine.clock.now()
        page = await reading.resource.read_page(reading.send, walk.window, token)
        if page.next_token is not None and (page.next_token == token or not own.add(page)):
            raise ProviderUnavailable("The provider repeats a page.", resource=walk.resource)
        if walk.pages_before + pages >= _most_pages(walk.window, reading.situation.provider.page_size):
            raise EndlessListing(resource=walk.resource)
        reading.seen.add(page)
        await _keep(reading, walk, page, read_at=read_at)
        pages, token = pages + 1, page.next_token
        if token is None:
            return True
    return False


async def begin_with(tx: Tx, reading: Reading, walk: Walk, page: Page) -> None:
    """Takes the first step of a walk whose page was read before there was a connection; the page is stored by the caller."""
    await progress.attempt(tx, reading.connection, walk.resource, now=reading.engine.clock.now())
    await progress.open_window(tx, reading.connection, walk.resource, window=walk.window, is_asked=False)
    await _step(tx, reading, walk, page)


def _most_pages(window: Window, page_size: int) -> int:
    """More than anybody's days can fill: a listing that goes on is broken."""
    return FEW_PAGES + ceil(MOST_RECORDS_A_DAY * ((window.end - window.start) / DAY) / page_size)


async def _begin(reading: Reading, walk: Walk) -> None:
    if walk.lane is Lane.BACKFILL:
        return  # history is open already, and no attempt at what is current
    async with reading.engine.db.transaction() as tx:
        await progress.attempt(tx, reading.connection, walk.resource, now=reading.engine.clock.now())
        if not walk.is_open:
            is_asked = walk.lane is Lane.ASKED
            await progress.open_window(tx, reading.connection, walk.resource, window=walk.window, is_asked=is_asked)


async def _keep(reading: Reading, walk: Walk, page: Page, *, read_at: datetime) -> None:
    async def step(tx: Tx) -> None:
        await _step(tx, reading, walk, page)

    await keep_page(reading.engine, reading.app, reading.connection, page, read_at=read_at, step=step)


async def _step(tx: Tx, reading: Reading, walk: Walk, page: Page) -> None:
    """Moves the walk by one page, in the page's own transaction."""
    connection, stored, now = reading.connection, len(page.records), reading.engine.clock.now()
    if walk.lane is Lane.BACKFILL:
        if page.next_token is not None:
            return await progress.turn_backfill_page(tx, connection, walk.resource, token=page.next_token, stored=stored, now=now)
        return await progress.close_backfill(tx, connection, walk.resource, window=walk.window, stored=stored)
    if page.next_token is not None:
        return await progress.turn_page(tx, connection, walk.resource, token=page.next_token, stored=stored)
    if walk.lane is Lane.ASKED:
        return await progress.close_asked(tx, connection, walk.resource, stored=stored)
    await _close(tx, reading, walk, stored=stored, now=now)


async def _close(tx: Tx, reading: Reading, walk: Walk, *, stored: int, now: datetime) -> None:
    connection, situation = reading.connection, reading.situation
    due = situation.next(reading.resource, read_at=walk.window.end, after=now, is_slots_read=walk.is_slots)
    closing = Closing(window=walk.window, overlap=situation.provider.overlap, next=due, stored=stored, now=now)
    await progress.close_window(tx, connection, walk.resource, closing)
    unsettled = await records.unsettled_count(tx, connection, walk.resource, since=walk.window.start)
    reads = await progress.pending_reads(tx, connection, walk.resource)
    if unsettled or reads:
        due_at = next_pending_read(reads, now=now) if unsettled and not situation.is_idle else None
        await progress.expect_scores(tx, connection, walk.resource, due_at=due_at, is_settled=not unsettled)


async def restart_walks(reading: Reading) -> None:
    """Starts the resource's open walks again at page one: its cursor is no longer good."""
    async with reading.engine.db.transaction() as tx:
        await progress.restart(tx, reading.connection, reading.resource.name)
