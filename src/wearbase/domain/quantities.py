"""Quantities: what a provider's part of a day says in words that all sources share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity in a provider's part of a day.

    Sources that give the same `name` give the same physical quantity in the same unit: one may stand for the other. Quantities with
    another name and the same `idea` are near: the same thought, defined otherwise, shown side by side and never merged.
    `place` is where it lies in the part (`sleep.asleep_s`); `metric` is its name among the provider's metrics, if it has trends.
    """

    name: str
    unit: str
    place: str
    metric: str | None = None
    idea: str | None = None

    def value(self, part: Mapping[str, Any]) -> Any:
        """The value in that part, None where it has none."""
        found: Any = part
        for step in self.place.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return found


def in_section(section: str, quantities: Iterable[tuple[str, str]]) -> tuple[Quantity, ...]:
    """Quantities that no other source is known to share: named in the section, the trends and in common alike."""
    return tuple(Quantity(name, unit, f"{section}.{name}", name) for name, unit in quantities)
