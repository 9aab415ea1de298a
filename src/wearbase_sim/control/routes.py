"""The control API: one handler per route."""

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from wearbase_sim.api import wire
from wearbase_sim.api.calls import Calls
from wearbase_sim.clock import iso, parse_ms
from wearbase_sim.control import stories
from wearbase_sim.control.answering import Refused, controlled, member_number, reply
from wearbase_sim.faults.catalogue import KINDS, NAMED
from wearbase_sim.members.changes import EVENTS
from wearbase_sim.options import changed
from wearbase_sim.sahha import control as sahha
from wearbase_sim.world import World

RESOURCES = ("cycle", "recovery", "sleep", "workout")


async def health(world: World, request: Request, wish: dict[str, Any]) -> Any:
    return {"status": "ok", "now": iso(world.clock.now_ms())}


async def members(world: World, request: Request, wish: dict[str, Any]) -> Any:
    now_ms = world.clock.now_ms()
    return [
        {
            "user_id": person.user_id,
            "number": person.number,
            "name": person.name,
            "kind": person.kind,
            "story": person.story,
            "utc_offset": wire.offset_text(person.home.offset_min(now_ms)),
            "granted": world.grants.is_granted(person.number),
        }
        for person in world.people()
    ]


async def truth(world: World, request: Request, wish: dict[str, Any]) -> Any:
    resource = request.path_params["resource"]
    if resource not in RESOURCES:
        raise Refused(404, f"no such resource; there are {', '.join(RESOURCES)}")
    timeline, now_ms = world.timeline(member_number(world, request)), world.clock.now_ms()
    bounds = {name: parse_ms(text) for name, text in request.query_params.items() if name in ("start", "end")}
    items = timeline.listed(resource, now_ms, low_ms=bounds.get("start"), high_ms=bounds.get("end"))
    return {"records": [wire.record(timeline.person, item.record, world.options) for item in items]}


async def event(world: World, request: Request, wish: dict[str, Any]) -> Any:
    told = world.act(member_number(world, request), str(wish.get("event", "")), wish, at_ms=world.clock.now_ms())
    if wish.get("wait"):
        await world.sender.settle()
    return told


async def events(world: World, request: Request, wish: dict[str, Any]) -> Any:
    return {name: (act.__doc__ or "").strip() for name, act in EVENTS.items()} | {"deauthorize": "The member disconnects the app."}


async def clock(world: World, request: Request, wish: dict[str, Any]) -> Any:
    target_ms, speed = _target_ms(world, wish), wish.get("speed")
    told = await world.course.leap_to(target_ms, with_webhooks=bool(wish.get("webhooks", True)), settle=bool(wish.get("wait")))
    if wish.get("real"):
        world.clock.real()
    if speed is not None:
        world.clock.run(max(float(speed), 0.0))
    return stories.moved(world, told)


def _target_ms(world: World, wish: dict[str, Any]) -> int:
    now_ms = world.clock.now_ms()
    if wish.get("real") or not {"to", "advance_s"} & set(wish):
        if not wish.get("real") and "speed" not in wish:
            raise Refused(400, "say advance_s, to, real or speed")
        return now_ms
    target_ms = parse_ms(str(wish["to"])) if "to" in wish else now_ms + int(float(wish["advance_s"]) * 1000)
    if target_ms < now_ms:
        raise Refused(400, "time only goes forward")
    return target_ms


async def calls(world: World, request: Request, wish: dict[str, Any]) -> Any:
    return world.calls.report()


async def reset_calls(world: World, request: Request, wish: dict[str, Any]) -> Any:
    world.calls = Calls()
    return world.calls.report()


async def deliveries(world: World, request: Request, wish: dict[str, Any]) -> Any:
    return [delivery.shown() for delivery in world.sender.deliveries.values()]


async def redeliver(world: World, request: Request, wish: dict[str, Any]) -> Any:
    found = world.sender.deliveries.get(request.path_params["id"])
    if found is None:
        raise Refused(404, "no such delivery")
    world.sender.redeliver(found)
    if wish.get("wait", True):
        await world.sender.settle()
    return found.shown()


async def add_fault(world: World, request: Request, wish: dict[str, Any]) -> Any:
    world.faults.add(wish)
    return world.faults.listed()


async def fault_names(world: World, request: Request, wish: dict[str, Any]) -> Any:
    return {"named": NAMED, "kinds": KINDS}


async def list_faults(world: World, request: Request, wish: dict[str, Any]) -> Any:
    return world.faults.listed()


async def clear_faults(world: World, request: Request, wish: dict[str, Any]) -> Any:
    world.faults.clear(name=request.query_params.get("name", ""))
    return world.faults.listed()


async def remove_fault(world: World, request: Request, wish: dict[str, Any]) -> Any:
    if not world.faults.remove(request.path_params["id"]):
        raise Refused(404, "no such fault")
    return world.faults.listed()


async def change_options(world: World, request: Request, wish: dict[str, Any]) -> Any:
    world.options = changed(world.options, wish)
    return {name: getattr(world.options, name) for name in wish}


def routes() -> list[Route]:
    """The control routes, below `/control`."""
    return [
        Route("/health", controlled(health, is_open=True)),
        Route("/members", controlled(members)),
        Route("/truth/{user_id}/{resource}", controlled(truth)),
        Route("/members/{user_id}/events", controlled(event), methods=["POST"]),
        Route("/events", controlled(events)),
        Route("/clock", controlled(clock), methods=["POST"]),
        Route("/calls", controlled(calls)),
        Route("/calls", controlled(reset_calls), methods=["DELETE"]),
        Route("/deliveries", controlled(deliveries)),
        Route("/deliveries/{id:int}/redeliver", controlled(redeliver), methods=["POST"]),
        Route("/faults", controlled(add_fault), methods=["POST"]),
        Route("/faults", controlled(list_faults)),
        Route("/faults", controlled(clear_faults), methods=["DELETE"]),
        Route("/faults/names", controlled(fault_names)),
        Route("/faults/{id:int}", controlled(remove_fault), methods=["DELETE"]),
        Route("/options", controlled(change_options), methods=["POST"]),
        *stories.routes(),
        *sahha.routes(),
    ]


__all__ = ["EVENTS", "Refused", "controlled", "reply", "routes"]
