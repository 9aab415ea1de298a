"""Who a member is: home, habits and body."""

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from wearbase_sim.members import ids
from wearbase_sim.members.sports import SPORTS, Sport
from wearbase_sim.members.zones import HOUR_MS, ZONES, Zone

FIRST_NAMES = ("Robin", "Alex", "Sasha", "Kim", "Noa", "Jude", "Remi", "Ariel", "Quinn", "Toni", "Mika", "Devi")
LAST_NAMES = ("Example", "Sample", "Specimen", "Placeholder", "Testperson", "Invented", "Mock", "Fiction")


# Compared by identity: a person is a key of many caches, and hashing every field would cost more than the work saved.
@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A member's constants."""

    seed: int
    number: int
    first_name: str
    last_name: str
    zone: Zone
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

    @property
    def user_id(self) -> int:
        return ids.user_id(self.number)

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def email(self) -> str:
        return f"{self.first_name}.{self.number}@example.com".lower()


def draw(person: Person, *labels: object) -> Random:
    """A source of chance that gives the same for the same member and labels."""
    return Random("/".join(map(str, (person.seed, person.number, *labels))))


@lru_cache(maxsize=20_000)
def make_person(seed: int, number: int) -> Person:
    """Member `number` of the world with this seed."""
    rng = Random(f"{seed}/{number}/person")
    weight = rng.uniform(54, 96)
    return Person(
        seed=seed,
        number=number,
        first_name=FIRST_NAMES[(number - 1) % len(FIRST_NAMES)],
        last_name=LAST_NAMES[(number - 1) // len(FIRST_NAMES) % len(LAST_NAMES)],
        zone=ZONES[(number - 1) % len(ZONES)],
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
