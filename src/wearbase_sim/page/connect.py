"""Connects a member without a browser: what remains of consent and exchange when nobody has to be asked."""

from typing import Any

from starlette.requests import Request

from wearbase_sim.control.routes import Refused
from wearbase_sim.members import ids
from wearbase_sim.oauth.grants import SCOPES, Grant
from wearbase_sim.world import World


def grant(world: World, number: int, *, scope: tuple[str, ...] = tuple(SCOPES)) -> Grant:
    """A live grant of a member, as the app would have after consent and exchange."""
    now_ms, was_granted = world.clock.now_ms(), world.grants.is_granted(number)
    text = world.grants.new_code(number, redirect_uri="", scope=scope, expires_ms=now_ms + 1)
    made = world.grants.redeem(world.grants.codes[text], expires_ms=now_ms + world.options.access_token_s * 1000)
    world.consented.add(number)
    if not was_granted:
        world.watch(number)
    return made


def tokens(world: World, made: Grant) -> dict[str, Any]:
    """A grant's newest pair, as the token endpoint tells it."""
    pair = {"access_token": made.access_token, "refresh_token": made.refresh_token, "scope": " ".join(made.scope)}
    return pair | {"expires_in": world.options.access_token_s, "token_type": "bearer"}


async def connect(world: World, request: Request, wish: dict[str, Any]) -> Any:
    """Connect a member; answers with the tokens."""
    number = ids.member_number(request.path_params["user_id"])
    if not 1 <= number <= world.options.members:
        raise Refused(404, "no such member")
    scope = tuple(str(wish["scope"]).split()) if wish.get("scope") else tuple(SCOPES)
    if unknown := set(scope) - set(SCOPES):
        raise Refused(400, f"no such scope: {', '.join(sorted(unknown))}")
    return tokens(world, grant(world, number, scope=scope))
