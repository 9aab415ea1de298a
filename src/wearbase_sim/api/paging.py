"""Failures between two pages: records come or go while a client walks, and cursors expire."""

from typing import TYPE_CHECKING

from wearbase_sim.faults.switched import Fault

if TYPE_CHECKING:
    from wearbase_sim.world import World

# What makes a new record of a resource appear at the top of its list.
_ADDING = {"workout": "workout", "sleep": "nap", "cycle": "wake", "recovery": "wake"}


def disturb(world: "World", number: int, resource: str, fault: Fault | None) -> bool:
    """What a fault does before a further page is read; whether the cursor is refused."""
    kind = fault.kind if fault else ""
    if kind == "drift":
        world.course.attempt(number, _ADDING[resource], {"minutes": 12}, at_ms=world.clock.now_ms())
    if kind == "drift_away":
        world.course.attempt(number, "delete", {"resource": resource}, at_ms=world.clock.now_ms())
    return kind == "cursor_expired"
