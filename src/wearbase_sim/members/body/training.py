"""Which workouts a day holds: what comes to mind, or a plan that builds up to a race."""

from dataclasses import dataclass
from random import Random

from wearbase_sim.members.body.health import illness, is_free_morning
from wearbase_sim.members.person import Person
from wearbase_sim.members.sports import BY_NAME, Sport

PLAN_DAYS = 112
RACE_MINUTES = 112.0
# Slot, minutes at full volume and intensity, from Monday.
RUNS: tuple[tuple[int, float, float] | None, ...] = (
    None,
    (1, 52, 0.8),
    (1, 42, 0.58),
    (1, 56, 0.75),
    None,
    (0, 38, 0.56),
    (0, 96, 0.63),
)
TAPER = {2: 0.75, 1: 0.55, 0: 0.4}


@dataclass(frozen=True, slots=True)
class Session:
    """A workout that a member means to do: `slot` 0 is the morning, 1 the afternoon or evening."""

    slot: int
    sport: Sport
    minutes: float
    intensity: float


def sessions(person: Person, day: int, rng: Random) -> list[Session]:
    """What a member trains on a day; nothing when ill."""
    if illness(person, day) > 0.35:
        return []
    if person.race_day:
        return _planned(person, day, rng)
    chances = (person.train_chance * 0.45, person.train_chance * 0.7)
    if person.kind == "rider":
        chances = (0.9, 0.2) if is_free_morning(day) else (0.05, person.train_chance * 0.5)
    return [_spontaneous(person, day, slot, rng) for slot, chance in enumerate(chances) if rng.random() < chance]


def volume(person: Person, day: int) -> float:
    """How much of the full volume a runner's plan asks for: it builds up, eases every fourth week, and tapers."""
    weeks_left = (person.race_day - day) % PLAN_DAYS // 7
    if weeks_left in TAPER:
        return TAPER[weeks_left]
    if weeks_left == PLAN_DAYS // 7 - 1:
        return 0.35
    built = 0.65 + 0.6 * (PLAN_DAYS // 7 - 1 - weeks_left) / (PLAN_DAYS // 7 - 1)
    return built * (0.7 if weeks_left % 4 == 3 else 1.0)


def _planned(person: Person, day: int, rng: Random) -> list[Session]:
    running = BY_NAME["running"]
    if (person.race_day - day) % PLAN_DAYS == 0:
        return [Session(0, running, RACE_MINUTES, 0.9)]
    planned = RUNS[(day + 3) % 7]
    if planned is None:
        strength = BY_NAME["weightlifting_msk"]
        return [Session(1, strength, 40, strength.intensity)] if rng.random() < 0.35 else []
    slot, minutes, intensity = planned
    if rng.random() < 0.08:
        return []
    return [Session(slot, running, minutes * volume(person, day) * rng.uniform(0.92, 1.08), intensity)]


def _spontaneous(person: Person, day: int, slot: int, rng: Random) -> Session:
    sport = rng.choice(person.sports)
    longer = 1.8 if person.kind == "rider" and is_free_morning(day) else 1.0
    if person.kind == "rider" and is_free_morning(day):
        sport = BY_NAME["cycling"]
    return Session(slot, sport, sport.minutes * rng.uniform(0.7, 1.3) * longer, sport.intensity)
