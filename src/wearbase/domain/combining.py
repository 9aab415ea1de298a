"""One value for each quantity of a day: by an order of sources, with what the others say beside it. Pure.

Only values of one name stand for each other. Nothing is averaged, converted or filled in; null is no value, and never zero.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from wearbase.domain.errors import BadRequest
from wearbase.domain.provider import Provider
from wearbase.domain.quantities import Quantity

EVERY = "*"
RULES = 2  # counted up when a provider or this file says differently what runs: stored documents are then made anew
FORM = "whoop,sahha; steps_count=sahha,whoop"

Precedence = Mapping[str, Sequence[str]]  # of a quantity, or of EVERY: the sources, the one to believe first


class Found(NamedTuple):
    """What one source says of a quantity."""

    source: str
    value: Any
    is_running: bool


@dataclass(frozen=True)
class Combining:
    """How the sources of this deployment are combined. `precedence` is the deployment's own; `providers` come in the default order."""

    providers: tuple[Provider, ...] = ()
    precedence: Precedence = field(default_factory=dict)

    @classmethod
    def of(cls, providers: Iterable[Provider], precedence: str = "") -> "Combining":
        """Those providers: who measures before who passes on what others measured. `precedence` is the setting's text.

        Raises: BadRequest naming what is allowed; ValueError if two providers give one name different units.
        """
        made = cls(tuple(sorted(providers, key=lambda p: p.passes_on)))
        _check_units(made.providers)
        return cls(made.providers, made.checked(_parsed(precedence)))

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The default order."""
        return tuple(p.name for p in self.providers)

    @cached_property
    def quantities(self) -> dict[str, Quantity]:
        """Every quantity by its name, as its first source declares it."""
        return {q.name: q for p in reversed(self.providers) for q in reversed(p.quantities)}

    @cached_property
    def units(self) -> dict[str, str]:
        """The unit of every metric that there are trends of."""
        return {q.metric: q.unit for p in self.providers for q in p.quantities if q.metric}

    @cached_property
    def making(self) -> str:
        """Changes with everything but the parts and the member's wishes that decides what comes out."""
        declared = [(p.name, p.quantities) for p in self.providers]
        return hashlib.blake2b(repr((RULES, declared, sorted(self.precedence.items()))).encode(), digest_size=6).hexdigest()

    @cached_property
    def ways(self) -> dict[str, dict[str, str]]:
        """Of each quantity that has trends, under which metric each source keeps it."""
        found: dict[str, dict[str, str]] = {}
        for p in self.providers:
            for q in p.quantities:
                if q.metric:
                    found.setdefault(q.name, {})[p.name] = q.metric
        return found

    def followed(self, name: str) -> dict[str, str]:
        """Under which metric each source keeps this quantity for trends. Raises BadRequest naming those there are."""
        if name not in self.ways:
            raise BadRequest(f"metric must be among {', '.join(sorted(self.ways))}.", field="metric")
        return self.ways[name]

    def checked(self, precedence: Precedence) -> dict[str, tuple[str, ...]]:
        """The order, if it names quantities and sources there are, each once. Raises BadRequest naming those."""
        known = self.quantities
        for name, order in precedence.items():
            if name != EVERY and name not in known:
                raise BadRequest(f"There is no quantity {name[:40]!r}; known are {EVERY}, {', '.join(sorted(known))}.", field="precedence")
            unknown = [source for source in order if source not in self.sources]
            if not order:
                raise BadRequest(
                    f"{name}: the list is empty; give sources among {', '.join(self.sources)}, or leave it out.", field="precedence"
                )
            if unknown or len(set(order)) != len(order):
                raise BadRequest(f"{name}: give sources, each once, among {', '.join(self.sources)}.", field="precedence")
        return {name: tuple(order) for name, order in precedence.items()}

    def order(self, name: str, wishes: Precedence) -> tuple[str, ...]:
        """Whom to believe first: the member's wish, then the deployment's, then the default; what is said of a quantity before EVERY."""
        said = (wish.get(key, ()) for wish in (wishes, self.precedence) for key in (name, EVERY))
        return tuple(s for s in dict.fromkeys([*(s for order in said for s in order), *self.sources]) if s in self.sources)

    def combine(self, parts: Mapping[str, Mapping[str, Any]], wishes: Precedence) -> dict[str, Any]:
        """By quantity: value, unit, source, the other sources' values, and the names of what is near. Without a value: left out."""
        found = self._found(parts)
        known = self.quantities
        return {
            name: _entry(known[name], self._in_order(name, values, wishes), _near(known, name, found)) for name, values in found.items()
        }

    def _in_order(self, name: str, values: list[Found], wishes: Precedence) -> list[Found]:
        if len(values) == 1:
            return values
        order = self.order(name, wishes)
        return sorted(values, key=lambda found: order.index(found.source))

    def _found(self, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Found]]:
        found: dict[str, list[Found]] = {}
        for provider in self.providers:
            part = parts.get(provider.name)
            if part is None:
                continue
            running = provider.running(part)
            for quantity in provider.quantities:
                value = quantity.value(part)
                if value is not None:
                    found.setdefault(quantity.name, []).append(Found(provider.name, value, quantity.name in running))
        return found


def _entry(quantity: Quantity, values: Sequence[Found], near: list[str]) -> dict[str, Any]:
    first, *others = values
    return {
        "value": first.value,
        "unit": quantity.unit,
        "source": first.source,
        "is_running": first.is_running,
        "others": [{"source": o.source, "value": o.value, "is_running": o.is_running} for o in others],
        "near": near,
    }


def _near(known: Mapping[str, Quantity], name: str, found: Collection[str]) -> list[str]:
    idea = known[name].idea
    return [] if idea is None else [other for other in found if other != name and known[other].idea == idea]


def _check_units(providers: Sequence[Provider]) -> None:
    units: dict[str, tuple[str, str | None]] = {}
    for provider in providers:
        for quantity in provider.quantities:
            meant = (quantity.unit, quantity.idea)
            if units.setdefault(quantity.name, meant) != meant:
                raise ValueError(f"{provider.name} gives {quantity.name} another unit or idea than another source")


def _parsed(text: str) -> dict[str, list[str]]:
    """`whoop,sahha; steps_count=sahha,whoop`: an order for all, and orders for quantities. Raises BadRequest for what says two things."""
    if not text.strip():
        return {}
    orders: dict[str, list[str]] = {}
    for piece in (p.strip() for p in text.split(";")):
        name, equals, sources = piece.partition("=")
        name, order = (name.strip(), sources) if equals else (EVERY, piece)
        if not piece:
            raise BadRequest(f"There is an empty part; write it {FORM}.", field="precedence")
        if name in orders:
            what = "the order for all" if name == EVERY else name[:40]
            raise BadRequest(f"{what} is given twice; sources are separated by commas: {FORM}.", field="precedence")
        orders[name] = [s.strip() for s in order.split(",")]
    return orders
