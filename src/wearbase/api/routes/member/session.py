"""Signing in to the phone app by a one-time link, and out again."""

from fastapi import APIRouter, Request, Response

from wearbase.access.caller import OPEN, SESSION, service
from wearbase.access.sessions import Kept
from wearbase.api.fields import UserId
from wearbase.api.given import By, Given, Services
from wearbase.api.routes.member.shapes import InSession, LeaveBody, LinkBody, LinkOwner, SignedIn, SignedOutOf, SignInLink
from wearbase.api.routing import GuardedRoute, who
from wearbase.domain.errors import Forbidden, Unauthorized
from wearbase.read.status import rfc3339

router = APIRouter(route_class=GuardedRoute, tags=["Phone app"])


@router.post("/api/v1/users/{user_id}/link", tags=["Users"])
@who(service("connect"))
async def make_link(user_id: UserId, services: Given, caller: By) -> SignInLink:
    """An address that signs this member in to the phone app, once, within ten minutes; a service key is needed to make one."""
    made = await services.sessions.make_link(user_id, made_by=caller.key_id)
    return SignInLink(url=made.address(services.public_url), expires_at=rfc3339(made.expires_at) or "")


@router.post("/app/session/peek")
@who(OPEN)
async def peek(services: Given, body: LinkBody) -> LinkOwner:
    """Whom a link would sign in. It is not used up: what opens addresses ahead of people must not."""
    return LinkOwner(user_id=await services.sessions.peek(body.link))


@router.post("/app/session")
@who(OPEN)
async def sign_in(services: Given, request: Request, response: Response, body: LinkBody) -> SignedIn:
    """Uses the link up and begins a session, whose cookie only this browser gets. A session that it had before ends."""
    headers = request.scope["headers"]
    if not services.gate.is_from_app(headers):
        raise Forbidden("Signing in is for the app's own pages (X-Wearbase: app, same origin).")
    kept = await services.sessions.begin(body.link)
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
    return InSession(
        **_shown(kept), is_demo=services.is_demo, version=services.version, sources=list(services.engine.apps),
        server_time=rfc3339(services.clock.now()) or "",
    )  # fmt: skip


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


def _shown(kept: Kept) -> dict[str, str]:
    session = kept.session
    return {
        "user_id": session.user_id, "signed_in_at": rfc3339(session.signed_in_at) or "", "expires_at": rfc3339(session.expires_at) or ""
    }  # fmt: skip


def _keep_cookie(services: Services, response: Response, kept: Kept) -> None:
    if kept.cookie is not None:
        services.gate.keep_cookie(response, kept.cookie, lifetime=kept.session.expires_at - services.clock.now())
