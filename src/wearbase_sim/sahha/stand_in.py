"""The Sahha side of the world as one value."""

from typing import TYPE_CHECKING, Any

from wearbase_sim.sahha.cloud import Cloud
from wearbase_sim.sahha.webhooks import Webhooks

if TYPE_CHECKING:
    from wearbase_sim.world import World


class Sahha:
    """Both environments and what is pushed from them."""

    def __init__(self, world: "World", *, transport: Any = None) -> None:
        born_ms, options = world.clock.now_ms(), world.options
        self.clouds = {name: Cloud(name, options, born_ms=born_ms) for name in ("sandbox", "production")}
        self.webhooks = Webhooks(world, transport=transport)
