"""The page that is read before there is a connection: it tells whose account it is, and is the first of its resource's walk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wearbase.domain.errors import CursorExpired, MissingScope, ProviderUnavailable, RequestRefused, ResourceGone, UnexpectedPayload
from wearbase.domain.provider import Identity, Resource, Send
from wearbase.domain.records import Page
from wearbase.domain.timetable import Local
from wearbase.domain.windows import Window
from wearbase.store import connections
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx
from wearbase.store.work import progress
from wearbase.store.work.budget import Purpose
from wearbase.store.work.due import Priority
from wearbase.sync.engine import Engine
from wearbase.sync.visits.fetch import Reading, Seen, begin_with
from wearbase.sync.visits.keep import store_page
from wearbase.sync.visits.plan import Lane, Situation, Walk
from wearbase.transport.apps import App

CONNECTING = Purpose(reason="connect", priority=Priority.PERSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The page that told whose account it is, and the account."""

    resource: Resource
    window: Window
    page: Page
    read_at: datetime
    identity: Identity


async def read_first(engine: Engine, app: App, send: Send, *, missing: Sequence[str]) -> First | None:
    """The recent past of the resource that tells whose account it is, None if it does not: then the profile is asked."""
    resource = app.provider.resource(app.provider.identity_resource or "")
    if resource is None or resource.scope in missing:
        return None
    read_at = engine.clock.now()
    window = Window(read_at - app.provider.overlap, read_at)
    try:
        page = await resource.read_page(send, window, None)
    except (MissingScope, UnexpectedPayload, RequestRefused, ResourceGone, ProviderUnavailable, CursorExpired):
        return None
    accounts = {r.external_user_id for r in page.records if r.external_user_id is not None}
    if len(accounts) != 1:
        return None
    return First(resource=resource, window=window, page=page, read_at=read_at, identity=Identity(external_user_id=accounts.pop()))


async def keep_first(tx: Tx, engine: Engine, app: App, connection: Connection, first: First, *, is_new_identity: bool) -> None:
    """Stores the page. For a new account it is the first of its resource's walk; one known before has more to catch up with."""
    now, name = engine.clock.now(), first.resource.name
    await store_page(tx, engine.combining, app.provider, connection, first.page, read_at=first.read_at, now=now)
    if not is_new_identity:
        return await progress.count_read(tx, connection, name, stored=len(first.page.records))
    seen = await connections.get(tx, connection.user_id, connection.provider)  # with the offset that the page told
    assert seen is not None
    local = Local(seen.utc_offset_min or 0, f"{seen.user_id}/{seen.provider}")
    reading = Reading(
        engine=engine, app=app, connection=seen, resource=first.resource, seen=Seen(),
        send=engine.gateway.sender(app, seen, CONNECTING), situation=Situation(provider=app.provider, local=local, now=now),
    )  # fmt: skip
    walk = Walk(resource=name, lane=Lane.RECENT, window=first.window, token=None, is_open=False, purpose=CONNECTING)
    await begin_with(tx, reading, walk, first.page)
