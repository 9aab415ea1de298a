"""Nights and naps before anything is made of them: when, how long, in which stages.

Nothing here depends on another day's outcome, so any day can be made on its own.
"""

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from wearbase_sim.members.body.health import drinking, illness, is_free_morning
from wearbase_sim.members.facts import Stages
from wearbase_sim.members.person import Person, draw
from wearbase_sim.members.zones import HOUR_MS, MINUTE_MS

MINUTES_PER_SLEEP_CYCLE = 92


@dataclass(frozen=True, slots=True)
class Rest:
    """One stretch in bed."""

    start_ms: int
    end_ms: int
    stages: Stages


SHIFT_TURN = 9
NIGHT_SHIFTS = (4, 5, 6)
SHORTEST_DAY_MS = 2 * HOUR_MS


def is_after_night_shift(person: Person, day: int) -> bool:
    """Whether a member sleeps on the morning of a day because they worked through the night."""
    return person.kind == "shift-worker" and (day + person.number) % SHIFT_TURN in NIGHT_SHIFTS


@lru_cache(maxsize=100_000)
def night_of(person: Person, day: int) -> Rest:
    """The main sleep from which a member wakes on a local day."""
    rng = draw(person, day, "night")
    late_min = 40 if is_free_morning(day) else 0
    if is_after_night_shift(person, day):
        bed_min = _clamp(510 + rng.gauss(0, 18), low=465, high=560)
        hours = _clamp(_hours_wanted(person, day) - 1.2 + rng.gauss(-0.2, 0.5), low=3.6, high=7.5)
    else:
        bed_min = _clamp(person.bed_min + late_min + 30 * drinking(person, day - 1) + rng.gauss(0, 24), low=-125, high=110)
        hours = _clamp(_hours_wanted(person, day) + rng.gauss(-0.2, 0.62), low=4.2, high=10.2)
    start_ms = person.home.midnight_ms(day) + int(bed_min * MINUTE_MS) + rng.randrange(1000)
    end_ms = start_ms + int(hours * HOUR_MS) + rng.randrange(1000)
    return Rest(start_ms, end_ms, split_stages(end_ms - start_ms, rng, unrest=_unrest(person, day)))


def _unrest(person: Person, day: int) -> float:
    """What disturbs a night, 0 to 1."""
    return min(0.55 * drinking(person, day - 1) + 0.45 * illness(person, day) + 0.25 * is_after_night_shift(person, day), 1.0)


def has_night(person: Person, day: int) -> bool:
    """Whether a member goes to bed before a day: after a long flight east a night may fall out."""
    return night_of(person, day).start_ms > night_of(person, day - 1).end_ms + SHORTEST_DAY_MS


def next_bed_ms(person: Person, day: int) -> int:
    """When a member next goes to bed after the night of a day."""
    return next(night_of(person, later).start_ms for later in range(day + 1, day + 4) if has_night(person, later))


def _hours_wanted(person: Person, day: int) -> float:
    """A member sleeps longer on free mornings, when ill, and after a night that was cut short."""
    short_night = draw(person, day - 1, "night")
    short_night.gauss(0, 1)
    before = short_night.gauss(-0.2, 0.62)
    catch_up = max(0.0, -before - 0.3) * 0.45
    longer = 0.45 + person.short_min / 60 if is_free_morning(day) else 0.0
    return (person.need_ms - person.short_min * MINUTE_MS) / HOUR_MS + 0.35 + catch_up + longer + 0.7 * illness(person, day)


@lru_cache(maxsize=100_000)
def nap_of(person: Person, day: int) -> Rest | None:
    """The nap of a local day, if the member takes one; more often after a short night."""
    rng, night = draw(person, day, "nap"), night_of(person, day)
    is_short = night.stages.asleep_ms < person.need_ms - 1.3 * HOUR_MS
    if rng.random() >= person.nap_chance * (2.2 if is_short else 1.0):
        return None
    start_ms = night.end_ms + int(rng.uniform(5.2, 6.6) * HOUR_MS)
    end_ms = start_ms + int(rng.uniform(18, 70) * MINUTE_MS)
    if end_ms > night_of(person, day + 1).start_ms - HOUR_MS:
        return None
    return Rest(start_ms, end_ms, split_stages(end_ms - start_ms, rng))


def split_stages(in_bed_ms: int, rng: Random, *, unrest: float = 0.0) -> Stages:
    """Stages that add up to the time in bed to the millisecond; unrest, 0 to 1, takes from the deep and the dreaming."""
    awake = int(in_bed_ms * (rng.uniform(0.04, 0.1) + 0.05 * unrest))
    lost = int(in_bed_ms * rng.uniform(0.002, 0.02)) if rng.random() < 0.06 else 0
    deep = int(in_bed_ms * rng.uniform(0.15, 0.24) * (1 - 0.2 * unrest))
    rem = int(in_bed_ms * rng.uniform(0.18, 0.26) * (1 - 0.35 * unrest))
    minutes = in_bed_ms / MINUTE_MS
    return Stages(
        awake_ms=awake,
        no_data_ms=lost,
        light_ms=in_bed_ms - awake - lost - deep - rem,
        slow_wave_ms=deep,
        rem_ms=rem,
        cycle_count=round(minutes / MINUTES_PER_SLEEP_CYCLE),
        disturbance_count=int(minutes / 60 * (rng.uniform(0.6, 2.1) + unrest)),
    )


def stretch_stages(stages: Stages, in_bed_ms: int) -> Stages:
    """The same sleep over another time in bed; still adds up to the millisecond."""
    factor = in_bed_ms / stages.in_bed_ms
    awake, lost = int(stages.awake_ms * factor), int(stages.no_data_ms * factor)
    deep, rem = int(stages.slow_wave_ms * factor), int(stages.rem_ms * factor)
    light = in_bed_ms - awake - lost - deep - rem
    count = max(round(in_bed_ms / MINUTE_MS / MINUTES_PER_SLEEP_CYCLE), 0)
    return Stages(awake, lost, light, deep, rem, count, stages.disturbance_count)


def _clamp(value: float, *, low: float, high: float) -> float:
    return min(max(value, low), high)
