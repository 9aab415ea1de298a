"""Who a member is: home, habits and body."""

from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any

from wearbase_sim.members import ids
from wearbase_sim.members.home import Home
from wearbase_sim.members.kinds import KINDS, kind_of
from wearbase_sim.members.sports import BY_NAME, SPORTS, Sport
from wearbase_sim.members.zones import HOUR_MS, ZONES, zone_named

FIRST_NAMES = ("Robin", "Alex", "Sasha", "Kim", "Noa", "Jude", "Remi", "Ariel", "Quinn", "Toni", "Mika", "Devi")
LAST_NAMES = ("Example", "Sample", "Specimen", "Placeholder", "Testperson", "Invented", "Mock", "Fiction")


# Compared by identity: a person is a key of many caches, and hashing every field would cost more than the work saved.
@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A member's constants, and what was made to happen in their life: from these every record follows."""

    seed: int
    number: int
    first_name: str
    last_name: str
    home: Home
    bed_min: float
    need_ms: int
    hrv_ms: float
    resting_heart_rate: float
    respiratory_rate: float
    skin_celsius: float
    spo2: float
    max_heart_rate: int
    resting_kilojoule: float
    train_chance: float
    nap_chance: float
    sports: tuple[Sport, ...]
    height_m: float
    weight_kg: float
    has_body_values: bool
    has_skin_sensor: bool
    kind: str = "steady"
    story: str = ""
    drink_chance: float = 0.05
    ill_chance: float = 0.25
    gap_chance: float = 0.0
    # How much less than the need the member allows for sleep.
    short_min: float = 0.0
    # Days of history at the start of the world; 0 for as many as there are.
    history_days: int = 0
    # The day of a runner's next race; the weeks before it build up to it.
    race_day: int = 0
    ill: tuple[tuple[int, int], ...] = ()
    drinks: tuple[int, ...] = ()
    off: tuple[tuple[int, int], ...] = ()

    @property
    def user_id(self) -> int:
        return ids.user_id(self.number)

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def email(self) -> str:
        return f"{self.first_name}.{self.number}@example.com".lower()

    @property
    def zone(self) -> Home:
        """The clock on the member's wall."""
        return self.home

    @property
    def has_gaps(self) -> bool:
        return self.gap_chance > 0 or bool(self.off)


def draw(person: Person, *labels: object) -> Random:
    """A source of chance that gives the same for the same member and labels."""
    return Random("/".join(map(str, (person.seed, person.number, *labels))))


@lru_cache(maxsize=20_000)
def make_person(seed: int, number: int) -> Person:
    """Member `number` of the world with this seed."""
    rng = Random(f"{seed}/{number}/person")
    weight = rng.uniform(54, 96)
    person = Person(
        seed=seed,
        number=number,
        first_name=FIRST_NAMES[(number - 1) % len(FIRST_NAMES)],
        last_name=LAST_NAMES[(number - 1) // len(FIRST_NAMES) % len(LAST_NAMES)],
        home=Home(ZONES[(number - 1) % len(ZONES)]),
        bed_min=rng.uniform(-75, 35),
        need_ms=int(rng.uniform(7.3, 8.2) * HOUR_MS),
        hrv_ms=rng.uniform(36, 105),
        resting_heart_rate=rng.uniform(46, 63),
        respiratory_rate=rng.uniform(13.4, 16.8),
        skin_celsius=rng.uniform(33.1, 34.7),
        spo2=rng.uniform(95.2, 97.4),
        max_heart_rate=rng.randint(178, 201),
        resting_kilojoule=weight * 105,
        train_chance=rng.uniform(0.45, 0.85),
        nap_chance=rng.uniform(0.04, 0.16),
        sports=tuple(rng.sample(SPORTS, 4)),
        height_m=round(rng.uniform(1.56, 1.96), 4),
        weight_kg=round(weight, 1),
        has_body_values=number % 6 != 5,
        has_skin_sensor=number % 7 != 0,
    )
    return of_kind(person, kind_of(number))


def of_kind(person: Person, kind: str) -> Person:
    """The same body with the habits of a kind. Raises ValueError."""
    if kind not in KINDS:
        raise ValueError(f"no such kind of member; there are {', '.join(KINDS)}")
    habits = dict(KINDS[kind])
    lead = tuple(BY_NAME[name] for name in habits.pop("lead", ()))
    wander = f"{person.seed}/{person.number}/journeys" if kind == "traveller" else ""
    rng = draw(person, "kind")
    race_day = 20_000 - 20_000 % 7 + 3 + 7 * rng.randrange(16) if kind == "runner" else 0
    home = Home(person.home.zone, wander, person.home.moves)
    return replace(person, kind=kind, home=home, race_day=race_day, sports=lead or person.sports, **habits)


# Traits that are simply a field of another scale or type.
_PLAIN = {
    "first_name": str, "last_name": str, "hrv_ms": float, "resting_heart_rate": float, "respiratory_rate": float, "max_heart_rate": int,
    "train_chance": float, "nap_chance": float, "drink_chance": float, "ill_chance": float, "gap_chance": float, "history_days": int,
    "short_min": float, "bed_min": float, "height_m": float, "weight_kg": float, "has_body_values": bool, "has_skin_sensor": bool,
}  # fmt: skip
TRAITS = ("kind", "zone", "sports", "sleep_need_h", "race_in_days", *_PLAIN)


def with_traits(person: Person, traits: dict[str, Any], *, born_ms: int) -> Person:
    """A member with some traits chosen instead of drawn. Raises ValueError."""
    unknown = sorted(set(traits) - set(TRAITS))
    if unknown:
        raise ValueError(f"no such trait: {', '.join(unknown)}; there are {', '.join(TRAITS)}")
    made = of_kind(person, str(traits["kind"])) if "kind" in traits else person
    values: dict[str, Any] = {name: kind(traits[name]) for name, kind in _PLAIN.items() if name in traits}
    if "zone" in traits:
        values["home"] = Home(zone_named(str(traits["zone"])), made.home.wander)
    if "sports" in traits:
        values["sports"] = tuple(_sport(str(name)) for name in traits["sports"])
    if "sleep_need_h" in traits:
        values["need_ms"] = int(float(traits["sleep_need_h"]) * HOUR_MS)
    made = replace(made, **values)
    if "race_in_days" in traits:
        made = replace(made, race_day=made.home.local_day(born_ms) + int(traits["race_in_days"]))
    return made


def _sport(name: str) -> Sport:
    if name not in BY_NAME:
        raise ValueError(f"no such sport; there are {', '.join(BY_NAME)}")
    return BY_NAME[name]
