"""The failures that are switched on: where, for whom, at which rate or how often."""

from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from wearbase_sim.faults.catalogue import KINDS, NAMED, PAGING_KINDS, place_of


@dataclass
class Fault:
    """Something that goes wrong `count` more times; without a count, until it is removed."""

    id: int
    route: str
    kind: str
    name: str = ""
    status: int = 500
    count: int | None = 1
    rate: float = 1.0
    user_id: int | None = None
    delay_s: float = 5.0
    # How often it could have struck, and how often it has.
    met: int = 0
    hits: int = 0

    def matches(self, route: str, user_id: int | None, *, is_paging: bool) -> bool:
        """Whether it may strike here."""
        if self.kind in PAGING_KINDS and not is_paging:
            return False
        is_here = route.startswith(self.route) if place_of(self.route) == "data" else route == self.route
        return is_here and self.user_id in (None, user_id)


class Faults:
    """All faults that are switched on. Which of the possible times one strikes follows from the seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._faults: list[Fault] = []
        self._made = 0

    def add(self, wish: dict[str, Any]) -> Fault:
        """Switch one on, by name or by route and kind. Raises ValueError or TypeError."""
        name = str(wish.get("name", ""))
        if name and name not in NAMED:
            raise ValueError(f"no such fault; there are {', '.join(NAMED)}")
        values = {**NAMED.get(name, {}), **wish}
        kind, route = str(values.get("kind", "")), str(values.get("route", "")).removeprefix("/developer")
        if not route or kind not in KINDS[place_of(route)]:
            raise ValueError(f"a fault needs a name, or a route and a kind of {', '.join(KINDS[place_of(route)])}")
        self._made += 1
        fault = Fault(self._made, route, kind, name, **_checked(values))
        self._faults.append(fault)
        return fault

    def take(self, route: str, *, user_id: int | None = None, is_paging: bool = False) -> Fault | None:
        """The fault that strikes now, counted down."""
        for fault in self._faults:
            if fault.matches(route, user_id, is_paging=is_paging) and self._strikes(fault):
                return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
        fault.met += 1
        if fault.rate < 1 and Random(f"{self._seed}/{fault.id}/{fault.met}").random() >= fault.rate:
            return False
        fault.hits += 1
        if fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                self._faults.remove(fault)
        return True

    def listed(self) -> list[dict[str, Any]]:
        """What is switched on."""
        return [asdict(fault) for fault in self._faults]

    def remove(self, fault_id: int) -> bool:
        """Switch one off; whether it was on."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault.id != fault_id]
        return len(self._faults) < before

    def clear(self, *, name: str = "") -> None:
        """Switch everything off, or everything of a name."""
        self._faults = [fault for fault in self._faults if name and fault.name != name]


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[str, type] = {"status": int, "count": int, "user_id": int, "rate": float, "delay_s": float}
    made = {name: kind(values[name]) for name, kind in kinds.items() if values.get(name) is not None}
    made |= {"count": None} if "count" in values and values["count"] is None else {}
    if not 0 < made.get("rate", 1.0) <= 1:
        raise ValueError("rate must be above 0 and at most 1")
    return made
