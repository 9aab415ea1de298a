"""Signing in to the phone app by a one-time link, and out again."""

import asyncio

import orjson
from fastapi import APIRouter, Request, Response

from wearbase.access.caller import OPEN, SESSION, service
from wearbase.access.sessions import Kept
from wearbase.api.door.entry import before_looking, host_of, welcome
from wearbase.api.fields import UserId
from wearbase.api.given import By, Given, Services
from wearbase.api.packing import packed, packing_headers
from wearbase.api.routes.member.shapes import InSession, LeaveBody, LinkBody, LinkOwner, Opening, SignedIn, SignedOutOf, SignInLink
from wearbase.api.routes.member.views import today_at_hand
from wearbase.api.routes.preferences import shown
from wearbase.api.routing import GuardedRoute, who
from wearbase.domain.errors import Forbidden, Unauthorized
from wearbase.read.health import preferences
from wearbase.read.status import rfc3339

router = APIRouter(route_class=GuardedRoute, tags=["Phone app"])
OPENING = "/app/opening"


@router.post("/api/v1/users/{user_id}/link", tags=["Users"])
@who(service("connect", "read", "sync"))
async def make_link(user_id: UserId, services: Given, caller: By) -> SignInLink:
    """An address that signs this member in to the phone app, once, within ten minutes: as the member in full, so a service key with
    read, sync and connect is needed to make one. The link, and the session that it begins, end when the key is revoked."""
    made = await services.sessions.make_link(user_id, made_by=caller.key_id, by_key=caller.name)
    return SignInLink(url=made.address(services.public_url), expires_at=rfc3339(made.expires_at) or "")


@router.post("/app/session/peek")
@who(OPEN)
async def peek(services: Given, request: Request, body: LinkBody) -> LinkOwner:
    """Whom a link would sign in. It is not used up: what opens addresses ahead of people must not."""
    before_looking(services, request.scope, None)
    found = await services.sessions.peek(body.link)
    return LinkOwner(user_id=found.user_id, expires_at=rfc3339(found.expires_at) or "")


@router.post("/app/session")
@who(OPEN)
async def sign_in(services: Given, request: Request, response: Response, body: LinkBody) -> SignedIn:
    """Uses the link up and begins a session, whose cookie only this browser gets. A session that it had before ends."""
    headers = request.scope["headers"]
    if not services.gate.is_from_app(headers):
        raise Forbidden("Signing in is for the app's own pages (X-Wearbase: app, same origin).")
    before_looking(services, request.scope, None)
    kept = await services.sessions.begin(body.link)
    request.state.named = kept.caller.user_id
    before = services.gate.cookie_of(headers)
    if before is not None:
        await _end_quietly(services, before)
    _keep_cookie(services, response, kept)
    return SignedIn(**_shown(kept))


@router.get("/app/session")
@who(SESSION)
async def session(services: Given, request: Request, response: Response) -> InSession:
    """Who is signed in here. From time to time the cookie changes."""
    kept = await services.sessions.renew(services.gate.cookie_of(request.scope["headers"]) or b"")
    _keep_cookie(services, response, kept)
    return _in_session(services, kept)


@router.get(OPENING, responses={200: {"model": Opening}})
@who(OPEN)
async def opening(services: Given, request: Request) -> Response:
    """All that the app begins with: whose session this is, what they prefer, and their today as it is stored. That nobody is signed
    in is an answer here, for a page that cannot know it before it asks."""
    scope, cookie = request.scope, services.gate.cookie_of(request.scope["headers"])
    if cookie is not None:
        before_looking(services, scope, (b"cookie", cookie))
    try:
        kept = await services.sessions.renew(cookie or b"")
    except Unauthorized as refused:
        if cookie is not None:
            services.pace.failed(host_of(scope))
        nobody = {"session": None, "why": refused.code, "preferences": None, "day": None}
        return Response(orjson.dumps(nobody), media_type="application/json")
    welcome(services, scope, kept.caller)
    user_id = kept.session.user_id
    wishes, day = await asyncio.gather(preferences(services.db, user_id), today_at_hand(services, user_id))
    said = {"session": _in_session(services, kept).model_dump(), "why": None, "preferences": shown(services, user_id, wishes).model_dump()}
    body, how = packed(orjson.dumps(said)[:-1] + b',"day":' + (day or b"null") + b"}", scope["headers"])
    response = Response(body, headers=packing_headers(how), media_type="application/json")
    _keep_cookie(services, response, kept)
    services.readers.note(kept.caller, user_id, OPENING)
    return response


@router.delete("/app/session")
@who(SESSION)
async def sign_out(services: Given, response: Response, caller: By, body: LeaveBody | None = None) -> SignedOutOf:
    """Ends this session, or every one of the member."""
    ended = await services.sessions.end(caller, everywhere=body is not None and body.everywhere)
    services.gate.drop_cookie(response)
    return SignedOutOf(sessions_ended=ended)


async def _end_quietly(services: Services, cookie: bytes) -> None:
    try:
        await services.sessions.end(await services.sessions.find(cookie))
    except Unauthorized:
        return


def _in_session(services: Services, kept: Kept) -> InSession:
    return InSession(
        **_shown(kept), is_demo=services.is_demo, version=services.version, sources=list(services.engine.apps),
        server_time=rfc3339(services.clock.now()) or "",
    )  # fmt: skip


def _shown(kept: Kept) -> dict[str, str]:
    session = kept.session
    return {
        "user_id": session.user_id, "signed_in_at": rfc3339(session.signed_in_at) or "", "expires_at": rfc3339(session.expires_at) or ""
    }  # fmt: skip


def _keep_cookie(services: Services, response: Response, kept: Kept) -> None:
    if kept.cookie is not None:
        services.gate.keep_cookie(response, kept.cookie, lifetime=kept.session.expires_at - services.clock.now())
