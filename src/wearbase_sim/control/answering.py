"""How the control API answers: who may ask, JSON in and out, errors in words."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from wearbase_sim.control import guard
from wearbase_sim.members import ids
from wearbase_sim.members.events.found import Impossible
from wearbase_sim.world import World, world_of

Handler = Callable[[World, Request, dict[str, Any]], Awaitable[Any]]


class Refused(Exception):
    """The control API answers with this status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def reply(value: Any, *, status: int = 200) -> Response:
    """A JSON answer."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(orjson.dumps(value), status_code=status, headers=headers)


def controlled(handler: Handler, *, is_open: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """A route that needs the control token."""

    async def handle(request: Request) -> Response:
        world = world_of(request)
        if refusal := guard.refusal(request, world.options, is_open=is_open):
            return reply({"error": refusal[1]}, status=refusal[0])
        try:
            return reply(await handler(world, request, await _json(request)))
        except Refused as refused:
            return reply({"error": str(refused)}, status=refused.status)
        except Impossible as impossible:
            return reply({"error": str(impossible)}, status=409)
        except (ValueError, TypeError, KeyError) as error:
            return reply({"error": str(error)}, status=400)

    return handle


async def _json(request: Request) -> dict[str, Any]:
    content = await request.body()
    if not content:
        return {}
    value = orjson.loads(content)
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value


def member_number(world: World, request: Request) -> int:
    """The member that a path names. Raises Refused."""
    return checked_number(world, request.path_params["user_id"])


def checked_number(world: World, text: object) -> int:
    """The number of a member given by number or user id. Raises Refused."""
    number = ids.member_number(str(text))
    if not 1 <= number <= world.options.members:
        raise Refused(404, "no such member")
    return number
