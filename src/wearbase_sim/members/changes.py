"""Every event by its name."""

from collections.abc import Callable

from wearbase_sim.members.events import life, nights, records
from wearbase_sim.members.events.found import Change, Impossible, Wish
from wearbase_sim.members.timeline import Timeline

EVENTS: dict[str, Callable[[Timeline, int, Wish], list[Change]]] = {
    "workout": records.workout,
    "nap": records.nap,
    "wake": records.wake,
    "score": records.score,
    "rescore": records.rescore,
    "extend": records.extend,
    "merge": nights.merge,
    "edit": records.edit,
    "delete": records.delete,
    "revive": records.revive,
    "travel": life.travel,
    "ill": life.ill,
    "drink": life.drink,
    "strap_off": life.strap_off,
    "sync_off": life.sync_off,
    "sync_on": life.sync_on,
}

__all__ = ["EVENTS", "Change", "Impossible"]
