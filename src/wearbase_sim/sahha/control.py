"""The control API of the Sahha side: its profiles, what was pushed, and a push by hand. Faults and switches are the common ones."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from wearbase_sim.control.answering import Refused, checked_number, controlled
from wearbase_sim.sahha.cloud import SOURCES, Cloud, Profile
from wearbase_sim.world import World


async def profiles(world: World, request: Request, wish: dict[str, Any]) -> Any:
    return [_shown(each) for cloud in world.sahha.clouds.values() for each in cloud.profiles.values()]


async def change(world: World, request: Request, wish: dict[str, Any]) -> Any:
    """Make or change a profile: whose body it has, whence its values come, whether it has any."""
    cloud = _cloud(world, str(wish.get("environment", "sandbox")))
    external_id = str(wish.get("external_id", ""))
    known = cloud.profiles.get(external_id) or cloud.register(external_id, now_ms=world.clock.now_ms())
    if known is None:
        raise Refused(400, "external_id must have 1 to 100 characters")
    if wish.get("source", known.source) not in SOURCES:
        raise Refused(400, f"source must be one of {', '.join(SOURCES)}")
    number = checked_number(world, wish["user_id"]) if "user_id" in wish else known.number
    made = replace(known, number=number, source=wish.get("source", known.source), is_empty=bool(wish.get("is_empty", known.is_empty)))
    cloud.profiles[external_id] = made
    return _shown(made)


async def push(world: World, request: Request, wish: dict[str, Any]) -> Any:
    cloud = _cloud(world, str(wish.get("environment", "sandbox")))
    known = cloud.profiles.get(str(wish.get("external_id", "")))
    if known is None:
        raise Refused(404, "no such profile")
    count = world.sahha.webhooks.push(known)
    if wish.get("wait", True):
        await world.sender.settle()
    return {"events": count}


async def sent(world: World, request: Request, wish: dict[str, Any]) -> Any:
    return world.sahha.webhooks.sent[-500:]


def _cloud(world: World, environment: str) -> Cloud:
    if environment not in world.sahha.clouds:
        raise Refused(404, f"environment must be one of {', '.join(world.sahha.clouds)}")
    return world.sahha.clouds[environment]


def _shown(profile: Profile) -> dict[str, Any]:
    names = ("environment", "external_id", "source", "is_sample", "is_empty")
    return {name: getattr(profile, name) for name in names} | {"profile_id": profile.id, "member": profile.number}


def routes() -> list[Route]:
    """The control routes, below `/control/sahha`."""
    return [
        Route("/sahha/profiles", controlled(profiles)),
        Route("/sahha/profiles", controlled(change), methods=["POST"]),
        Route("/sahha/push", controlled(push), methods=["POST"]),
        Route("/sahha/webhooks", controlled(sent)),
    ]
