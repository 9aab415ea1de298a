"""Scenarios, members' traits, and steps to what comes next."""

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from wearbase_sim import lifecycle
from wearbase_sim.agenda import FAR_FUTURE_MS
from wearbase_sim.clock import iso
from wearbase_sim.control.answering import Refused, checked_number, controlled, member_number
from wearbase_sim.course import Told
from wearbase_sim.faults.switched import Fault
from wearbase_sim.members.person import TRAITS
from wearbase_sim.scenarios.playing import instant, next_wake_ms
from wearbase_sim.scenarios.reading import named, names, when
from wearbase_sim.world import World

# After a night is there: until it is scored, and until that has been told.
SCORING_S, AFTERWARDS_MS = 40.0, 60_000


async def scenarios(world: World, request: Request, wish: dict[str, Any]) -> Any:
    playing = world.played.scenario.name if world.played else None
    found = [named(name) for name in names()]
    return [{"name": each.name, "title": each.title, "about": each.about, "is_playing": each.name == playing} for each in found]


async def current(world: World, request: Request, wish: dict[str, Any]) -> Any:
    return world.played.shown(world.clock.now_ms()) if world.played else None


async def begin(world: World, request: Request, wish: dict[str, Any]) -> Any:
    world.play(str(wish.get("name", "")), with_members=bool(wish.get("members", True)))
    return await current(world, request, wish)


async def traits(world: World, request: Request, wish: dict[str, Any]) -> Any:
    number = member_number(world, request)
    world.give_traits(number, wish)
    return {name: value for name, value in wish.items() if name in TRAITS}


async def add_member(world: World, request: Request, wish: dict[str, Any]) -> Any:
    number = world.options.members + 1
    if wish:
        world.give_traits(number, wish)
    world.change_options({"members": number})
    person = world.person(number)
    return {"user_id": person.user_id, "number": number, "name": person.name, "kind": person.kind, "story": person.story}


async def step(world: World, request: Request, wish: dict[str, Any]) -> Any:
    number = checked_number(world, wish.get("user_id", 1))
    how = {"with_webhooks": bool(wish.get("webhooks", True)), "settle": bool(wish.get("wait", True))}
    if wish.get("to") == "next-morning":
        return moved(world, await _next_morning(world, number, wish, how))
    return moved(world, await world.course.run_to(_target_ms(world, number, str(wish.get("to", ""))), **how))


def _target_ms(world: World, number: int, to: str) -> int:
    if to == "next-event":
        at_ms = world.course.next_ms()
        if at_ms >= FAR_FUTURE_MS:
            raise Refused(409, "nothing is planned: connect a member or play a scenario")
        return at_ms
    if to == "end":
        if not world.played:
            raise Refused(409, "no scenario is being played")
        return world.played.until_ms
    return instant(world, when(to), number)


async def _next_morning(world: World, number: int, wish: dict[str, Any], how: dict[str, bool]) -> Told:
    """The night appears without its score, then is scored, and each is told at its time."""
    at_ms, scoring_s = next_wake_ms(world, number, world.clock.now_ms()), float(wish.get("scoring_s", SCORING_S))
    told = [await world.course.run_to(at_ms - 1, **how)]
    if scoring_s > 0:
        await _hold_back(world, number, at_ms, scoring_s=scoring_s, how=how, told=told)
    told.append(await world.course.run_to(at_ms + int(scoring_s * 1000) + AFTERWARDS_MS, **how))
    return Told(
        appeared=[each for part in told for each in part.appeared],
        deliveries=[each for part in told for each in part.deliveries],
        missed=[each for part in told for each in part.missed],
    )


async def _hold_back(world: World, number: int, at_ms: int, *, scoring_s: float, how: dict[str, bool], told: list[Told]) -> None:
    user_id = world.user_id(number)
    wish = {"route": "records", "kind": "pending", "count": 1, "delay_s": scoring_s, "user_id": user_id}
    fault = world.faults.add(wish) if world.grants.is_granted(number) else None
    told.append(await world.course.run_to(at_ms, **how))
    if fault:
        world.faults.remove(fault.id)
        return
    # Nobody is told of a member without a grant, yet the record goes the same way.
    key = next((key for _, resource, key in world.timeline(number).appearing(at_ms - 1, at_ms) if resource == "sleep"), "")
    if key:
        lifecycle.begin(world, number, at_ms, resource="sleep", key=key, fault=Fault(0, "records", "pending", delay_s=scoring_s))


def moved(world: World, told: Told) -> dict[str, Any]:
    """What a move of the clock tells of itself."""
    now, speed = iso(world.clock.now_ms()), world.clock.speed
    return {"now": now, "speed": speed, "changed": told.appeared, "deliveries": told.deliveries, "missed": told.missed}


def routes() -> list[Route]:
    """The routes of scenarios, traits and steps."""
    return [
        Route("/scenarios", controlled(scenarios)),
        Route("/scenario", controlled(current)),
        Route("/scenario", controlled(begin), methods=["POST"]),
        Route("/members", controlled(add_member), methods=["POST"]),
        Route("/members/{user_id}/traits", controlled(traits), methods=["POST"]),
        Route("/step", controlled(step), methods=["POST"]),
    ]
