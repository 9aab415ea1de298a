"""Sources that come from another wearbase: their copies before a read, and what is passed on to it."""

from datetime import date, timedelta

from fastapi import Request, Response

from wearbase.api.given import Services
from wearbase.sync.remote import consent
from wearbase.transport.remote import Remote

DAY = timedelta(days=1)


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


async def forward(services: Services, remote: Remote, request: Request, user_id: str, *, is_change: bool = False) -> Response:
    """The service's answer to the same request. Raises what `Remote.call` does."""
    body = await request.body()
    path = request.scope["raw_path"].decode("ascii") + (f"?{request.url.query}" if request.url.query else "")
    answer = await remote.call(request.method, path, json=await request.json() if body else None)
    if is_change:
        await changed(services, remote, user_id)
    return Response(answer.body, answer.status, media_type="application/json")


async def changed(services: Services, remote: Remote, user_id: str) -> None:
    """Something was changed there for a person: the next read asks."""
    await consent.changed(services.engine, user_id, remote.name)
    services.copies.forget(user_id)
