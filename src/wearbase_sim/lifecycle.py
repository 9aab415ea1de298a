"""Failures of records: a night or workout that appears is not final, and what becomes of it later."""

from typing import TYPE_CHECKING, Any

from wearbase_sim.faults.switched import Fault
from wearbase_sim.members.events import nights

if TYPE_CHECKING:
    from wearbase_sim.world import World

# What happens later, in turn, each step one delay after the step before.
_LATER: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "pending": (("score", {}),),
    "rescored": (("rescore", {}),),
    "extended": (("extend", {}),),
    "edited": (("edit", {}),),
    "deleted": (("delete", {}),),
    "revived": (("delete", {}), ("revive", {})),
}


def begin(world: "World", number: int, at_ms: int, *, resource: str, key: str, fault: Fault) -> bool:
    """Start what a fault does to a record that appears; whether its recovery is not to be told of yet."""
    timeline = world.timeline(number)
    timeline.version += 1
    is_night = timeline.is_night(key, at_ms)
    delay_ms = int(fault.delay_s * 1000)
    wish = {"resource": resource, "record_id": key}
    if fault.kind == "merged":
        return _merge_later(world, number, at_ms, wish=wish, delay_ms=delay_ms) if is_night else False
    if fault.kind == "provisional":
        if is_night:
            minutes = nights.shorten(timeline, at_ms, wish)
            later = {**wish, "minutes": minutes}
            world.course.plan_event(number, at_ms + delay_ms, event="extend", wish=later)
        return False
    if fault.kind == "extended" and not is_night:
        return False
    if fault.kind == "pending":
        nights.withhold(timeline, at_ms, wish)
    for nth, (event, more) in enumerate(_LATER[fault.kind], 1):
        world.course.plan_event(number, at_ms + nth * delay_ms, event=event, wish={**wish, **more})
    return fault.kind == "pending"


def _merge_later(world: "World", number: int, at_ms: int, *, wish: dict[str, Any], delay_ms: int) -> bool:
    """A nap soon after the night, then both become one."""
    world.course.plan_event(number, at_ms + delay_ms, event="nap", wish={"minutes": 20})
    world.course.plan_event(number, at_ms + 2 * delay_ms, event="merge", wish=wish)
    return False
