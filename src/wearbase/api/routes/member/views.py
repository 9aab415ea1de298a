"""What the pages of the phone app show, each in one answer."""

import asyncio
import hashlib
import re
from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from wearbase.access.caller import member
from wearbase.access.users import InvalidField
from wearbase.api.conditional import has_already
from wearbase.api.fields import EARLIEST, LATEST, Day, UserId
from wearbase.api.given import Given, Services
from wearbase.api.packing import packed, packing_headers
from wearbase.api.routes import copying, syncing
from wearbase.api.routes.health import shown_source
from wearbase.api.routes.member.shapes import DayPage, MonthPage, WorkoutPage
from wearbase.api.routing import GuardedRoute, who
from wearbase.read.views import month as months
from wearbase.read.views import workouts as lists
from wearbase.read.views.day import FIRST, View
from wearbase.sync import fresh
from wearbase.sync.fresh import Wanted

router = APIRouter(route_class=GuardedRoute, tags=["Phone app"])

_MONTH = re.compile(r"\d{4}-\d{2}")
Month = Annotated[str, Query(description="A month", examples=["2026-05"])]
Before = Annotated[str | None, Query(max_length=300, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=100)]
WeekBegins = Annotated[int, Query(ge=1, le=7, description="The weekday on which weeks begin: 1 is Monday")]


@router.get("/api/v1/app/{user_id}/day", responses={200: {"model": DayPage}, 304: {"description": "The copy at hand is current"}})
@who(member("read"))
async def day(user_id: UserId, services: Given, request: Request, date: Day | None = None) -> Response:
    """A day with what its page shows around it; the member's today without `date`. A missing day younger than a week is fetched on
    the spot, for at most two and a half seconds."""
    copied = copying.around(services, date)
    known = services.copies.known(user_id, *copied)
    view = await services.views.day(user_id, date, known)
    wanted = _wanted(services, view)
    if wanted or known is None:
        there, here = await asyncio.gather(
            copying.current(services, user_id, *copied), fresh.bring(services.engine, user_id, _date(view.content["date"]), wanted)
        )
        view = await services.views.day(user_id, date, {**there, **here})
    return _answer(request, *_looked_at(services, user_id, view))


async def today_at_hand(services: Services, user_id: str) -> bytes | None:
    """The same answer of today out of what is stored; None where a fetch may bring more of it."""
    known = services.copies.known(user_id, *copying.around(services, None))
    view = await services.views.day(user_id, None, known)
    if known is None or _wanted(services, view):
        return None
    return _looked_at(services, user_id, view)[0]


@router.get("/api/v1/app/{user_id}/month", responses={200: {"model": MonthPage}, 304: {"description": "The copy at hand is current"}})
@who(member("read"))
async def month(user_id: UserId, services: Given, request: Request, month: Month) -> Response:
    """Every day of a month, by its recovery."""
    first = _first_of(month)
    await asyncio.gather(_look(services, user_id), copying.current(services, user_id, first, copying.last_of_month(first), only=FIRST))
    return _shown(request, await months.month(services.db, services.clock, user_id, FIRST, first))


@router.get("/api/v1/app/{user_id}/workouts", responses={200: {"model": WorkoutPage}, 304: {"description": "The copy at hand is current"}})
@who(member("read"))
async def workouts(
    user_id: UserId, services: Given, request: Request, before: Before = None, limit: Limit = 20, week_begins: WeekBegins = 1
) -> Response:
    """Workouts, newest first; how the time of this week up to today lay in the zones, and what a week usually comes to."""
    wanted = lists.Wanted(before=before, limit=limit, week_begins=week_begins)
    if FIRST in services.engine.remotes:
        await copying.current(services, user_id, *lists.copied_span(services.clock, before), only=FIRST)
        return _shown(request, await lists.copied_workouts(services.db, services.clock, user_id, FIRST, wanted))
    await _look(services, user_id)
    return _shown(request, await lists.workouts(services.db, services.clock, user_id, FIRST, wanted))


def _looked_at(services: Services, user_id: str, view: View) -> tuple[bytes, str]:
    """The answer and its ETag; that somebody looked is noted."""
    for name, source in view.sources.items():
        if source.state != "not_connected":
            services.looks.note(user_id, name)
    sources = {name: shown_source(services, name, found) for name, found in view.sources.items()}
    return view.body(sources, now=services.clock.now())


def _wanted(services: Services, view: View) -> dict[str, Wanted]:
    """The sources that a fetch may bring more of."""
    engine = services.engine
    idle_since = engine.clock.now() - engine.idle_after
    wanted = {}
    for name, source in view.sources.items():
        connection = source.connection
        if name in engine.apps and connection is not None and source.state != "not_connected":
            is_idle, is_missing = connection.is_idle(before=idle_since), view.is_missing(name)
            if is_idle or is_missing:
                wanted[name] = Wanted(is_idle, is_missing)
    return wanted


async def _look(services: Services, user_id: str) -> None:
    if FIRST in services.engine.apps:
        await syncing.look(services, user_id, FIRST, at_most_s=services.engine.source_deadline.total_seconds())


def _first_of(month: str) -> date:
    """The month's first day. Raises InvalidField."""
    try:
        first = date.fromisoformat(f"{month}-01") if _MONTH.fullmatch(month) else EARLIEST.replace(year=1)
    except ValueError:
        first = EARLIEST.replace(year=1)
    if not EARLIEST <= first <= LATEST:
        raise InvalidField("month must be YYYY-MM.", field="month")
    return first


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _shown(request: Request, content: dict[str, Any]) -> Response:
    body = orjson.dumps(content)
    return _answer(request, body, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"')


def _answer(request: Request, body: bytes, etag: str) -> Response:
    """The answer, packed where the caller takes that: a phone's first view is measured by what it transfers."""
    headers = {"ETag": f"W/{etag}", "Cache-Control": "private, no-cache"}
    if has_already(request.scope["headers"], etag.encode()):
        return Response(status_code=304, headers={**headers, **packing_headers(None)})
    body, how = packed(body, request.scope["headers"])
    return Response(body, headers={**headers, **packing_headers(how)}, media_type="application/json")
