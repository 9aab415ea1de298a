"""Everything known about a member's day, from every source: the phone app's entry point."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wearbase.access.caller import member
from wearbase.access.users import InvalidField, checked_user_id
from wearbase.api.conditional import has_already
from wearbase.api.door.entry import admitted, named_user
from wearbase.api.fields import UserId, checked_date
from wearbase.api.given import Given, Services
from wearbase.api.health_shapes import HealthSources
from wearbase.api.packing import packed
from wearbase.api.routes import copying
from wearbase.api.routing import GuardedRoute, who
from wearbase.read import status
from wearbase.read.health import MOST_DAYS, HealthAnswer
from wearbase.sync import fresh
from wearbase.sync.fresh import Wanted

JSON = (b"content-type", b"application/json")
KEPT_BY_ITS_READER = (b"cache-control", b"private, no-cache")
VARIES = (b"vary", b"accept-encoding")

router = APIRouter(route_class=GuardedRoute, tags=["App API"])


class Health:
    """One day or several of a member, without a framework in between. A source that is down or unknown is no error."""

    rule = member("read")

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = named_user(scope)
        await admitted(self._services, scope, self.rule, named)
        user_id = checked_user_id(named or "")
        day, count = _asked(scope["query_string"])
        if count is None:
            answer = await self._day(user_id, day)
            return await _send(scope, send, answer.etag.encode(), lambda: answer.body)
        answers = await self._recent(user_id, count)
        etag = hashlib.blake2b("/".join(a.etag for a in answers).encode(), digest_size=12).hexdigest()
        head = f'{{"user_id":"{user_id}","start":"{answers[0].day}","end":"{answers[-1].day}","days":['
        return await _send(scope, send, f'"{etag}"'.encode(), lambda: head.encode() + b",".join(a.body for a in answers) + b"]}")

    async def _day(self, user_id: str, day: date | None) -> HealthAnswer:
        services = self._services
        copied = (day, day) if day else copying.lately(services)
        known = services.copies.known(user_id, *copied)
        answer = await services.health.day(user_id, day, known)
        wanted = self._wanted(answer)
        if wanted or known is None:
            answer = await services.health.day(user_id, day, await self._current(user_id, answer, wanted, copied))
        self._note(user_id, answer)
        return answer

    async def _recent(self, user_id: str, count: int) -> list[HealthAnswer]:
        services, copied = self._services, copying.lately(self._services, count=count)
        known = services.copies.known(user_id, *copied)
        answers = await services.health.recent(user_id, count, known)
        wanted = self._wanted(answers[-1])
        if wanted or known is None:
            answers = await services.health.recent(user_id, count, await self._current(user_id, answers[-1], wanted, copied))
        self._note(user_id, answers[-1])
        return answers

    async def _current(self, user_id: str, newest: HealthAnswer, wanted: Mapping[str, Wanted], copied: tuple[date, date]) -> dict[str, str]:
        """Asks every source that may know more, all at once; the states of those that are not done."""
        there, here = await asyncio.gather(
            copying.current(self._services, user_id, *copied), fresh.bring(self._services.engine, user_id, newest.day, wanted)
        )
        return {**there, **here}

    def _wanted(self, answer: HealthAnswer) -> dict[str, Wanted]:
        """The sources that a fetch may bring more of."""
        engine = self._services.engine
        idle_since = engine.clock.now() - engine.idle_after
        wanted = {}
        for standing in answer.sources:
            source = standing.source
            if source.name in engine.apps and source.state != "not_connected":
                is_idle = source.looked_at is not None and source.looked_at <= idle_since
                if is_idle or standing.is_missing:
                    wanted[source.name] = Wanted(is_idle, standing.is_missing)
        return wanted

    def _note(self, user_id: str, answer: HealthAnswer) -> None:
        for standing in answer.sources:
            if standing.source.state != "not_connected":
                self._services.looks.note(user_id, standing.source.name)


@router.get("/api/v1/health/sources/{user_id}", responses={200: {"model": HealthSources}})
@who(member("read"))
async def health_sources(user_id: UserId, services: Given) -> dict[str, Any]:
    """Each source: whether it is connected, how it stands, when it last succeeded, how many days are stored."""
    states = await copying.current_lately(services, user_id)
    names = services.engine.combining.sources
    found = {name: await status.status(services.db, services.clock, user_id, name, state=states.get(name)) for name in names}
    sources = {name: shown_source(services, name, standing) for name, standing in found.items()}
    return {"user_id": user_id, "sources": sources, "days_by_resource": await status.days_by_resource(services.db, user_id)}


def shown_source(services: Services, name: str, found: status.SourceStatus) -> dict[str, Any]:
    """One source as the answers about sources have it."""
    provider, connection = services.providers[name], found.connection
    successes = [r["last_success_at"] for r in found.resources.values() if r["last_success_at"]]
    return {
        "title": provider.label,
        "is_available": name in services.sources,
        "joined_by": provider.joined_by,
        "connected": connection is not None and connection.is_live,
        "state": found.state,
        "connected_at": status.rfc3339(connection.connected_at) if connection else None,
        "ended_at": status.rfc3339(connection.ended_at) if connection else None,
        "last_success_at": max(successes, default=None),
        "resources": found.resources,
        "days_stored": found.days_stored,
    }


def routes(services: Services) -> list[Route]:
    """To be registered before all that have a framework."""
    return [Route("/api/v1/health/{user_id}", Health(services), methods=["GET"], include_in_schema=False)]


def _asked(query: bytes) -> tuple[date | None, int | None]:
    """The date, or how many days. Raises InvalidField."""
    if not query:
        return None, None
    if len(query) == len(b"date=2026-11-21") and query.startswith(b"date="):  # as nearly all ask, without taking a query apart
        return checked_date(query[5:].decode("latin-1")), None
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    dates, counts = given.get("date"), given.get("days")
    if dates and counts:
        raise InvalidField("Give date or days, not both.", field="days")
    if counts:
        if not (counts[-1].isascii() and counts[-1].isdigit() and len(counts[-1]) < 4 and 1 <= int(counts[-1]) <= MOST_DAYS):
            raise InvalidField(f"days must be 1 to {MOST_DAYS}.", field="days")
        return None, int(counts[-1])
    return (checked_date(dates[-1]) if dates else None), None


async def _send(scope: Scope, send: Send, etag: bytes, whole: Callable[[], bytes]) -> None:
    """Who has the answer already needs none put together."""
    if has_already(scope["headers"], etag):
        await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", b"W/" + etag), KEPT_BY_ITS_READER, VARIES]})
        return await send({"type": "http.response.body", "body": b""})
    body, how = packed(whole(), scope["headers"])
    kind = [(b"content-encoding", how.encode())] if how else []
    weak = b"W/" + etag  # the same content may come in other bytes
    headers = [JSON, (b"content-length", str(len(body)).encode()), (b"etag", weak), KEPT_BY_ITS_READER, VARIES, *kind]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
