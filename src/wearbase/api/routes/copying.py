"""Sources that come from another wearbase: their copies before a read, and what is passed on to it."""

import asyncio
from contextlib import suppress
from datetime import date, timedelta

from fastapi import Request, Response

from wearbase.api.given import Services
from wearbase.domain.baselines import USUAL_DAYS
from wearbase.domain.errors import DatabaseUnavailable
from wearbase.read.views.day import RECENT_DAYS
from wearbase.store.audit import trail
from wearbase.store.member import marks
from wearbase.sync.remote import consent
from wearbase.transport.remote import Remote

DAY, LOOK_S = timedelta(days=1), 1.0
BEFORE, AFTER = timedelta(days=USUAL_DAYS + RECENT_DAYS), timedelta(days=14)


def remote_of(services: Services, provider: str) -> Remote | None:
    """The service that this source comes from, None if it is our own."""
    return services.engine.remotes.get(provider)


async def current(services: Services, user_id: str, start: date, end: date, *, only: str | None = None) -> dict[str, str]:
    """Brings the copies of these days up to date within the deadline; the states to tell of those that are not, by source."""
    if not services.engine.remotes:
        return {}
    return await services.copies.bring(user_id, start, end, at_most_s=services.engine.source_deadline.total_seconds(), only=only)


async def current_lately(services: Services, user_id: str, *, count: int = 1, only: str | None = None) -> dict[str, str]:
    """The same of the last days."""
    return await current(services, user_id, *lately(services, count=count), only=only)


def lately(services: Services, *, count: int = 1) -> tuple[date, date]:
    """The first and the last of so many days up to today, wherever on earth the member may be."""
    today = services.clock.now().date()
    return today - count * DAY, today + DAY


def around(services: Services, day: date | None) -> tuple[date, date]:
    """The days that a page about that day is made of, in whole months, so that neighbours share them; the newest without a day."""
    tomorrow = lately(services)[1]
    shown = min(day or tomorrow, tomorrow)
    return (shown - BEFORE).replace(day=1), min(last_of_month(shown + AFTER), tomorrow)


def last_of_month(day: date) -> date:
    return (day.replace(day=28) + 4 * DAY).replace(day=1) - DAY


async def forward(services: Services, remote: Remote, request: Request, user_id: str, *, is_change: bool = False) -> Response:
    """The service's answer to the same request. Raises what `Remote.call` does, and of a change MadeBeforeErasure."""
    if is_change:
        async with services.db.connection() as tx:
            await marks.check(tx, services.engine.keys, user_id)
    body = await request.body()
    path = request.scope["raw_path"].decode("ascii") + (f"?{request.url.query}" if request.url.query else "")
    answer = await remote.call(request.method, path, json=await request.json() if body else None)
    if is_change:
        await changed(services, remote, user_id)
        async with services.db.transaction() as tx:
            await trail.write(tx, "sync_asked", user_id=user_id, provider=remote.name, now=services.clock.now())
    return Response(answer.body, answer.status, media_type="application/json")


async def changed(services: Services, remote: Remote, user_id: str) -> None:
    """Something was changed there for a person: the next read asks."""
    await consent.changed(services.engine, user_id, remote.name)
    services.copies.hurry(user_id)


async def follow(services: Services, user_id: str) -> None:
    """Keeps the copies of the last days current until it is cancelled: somebody watches."""
    while True:
        with suppress(DatabaseUnavailable):
            await current_lately(services, user_id)
        await asyncio.sleep(LOOK_S)
