"""Nights and naps before anything is made of them: when, how long, in which stages.

Nothing here depends on another day's outcome, so any day can be made on its own.
"""

from dataclasses import dataclass
from functools import lru_cache
from random import Random

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


def _is_free_morning(day: int) -> bool:
    # 1970-01-01 was a Thursday: 2 and 3 are Saturday and Sunday.
    return day % 7 in (2, 3)


@lru_cache(maxsize=100_000)
def night_of(person: Person, day: int) -> Rest:
    """The main sleep from which a member wakes on a local day."""
    rng = draw(person, day, "night")
    late_min = 40 if _is_free_morning(day) else 0
    bed_min = _clamp(person.bed_min + late_min + rng.gauss(0, 24), low=-125, high=110)
    hours = _clamp(_hours_wanted(person, day) + rng.gauss(-0.2, 0.62), low=4.2, high=10.2)
    start_ms = person.zone.midnight_ms(day) + int(bed_min * MINUTE_MS) + rng.randrange(1000)
    end_ms = start_ms + int(hours * HOUR_MS) + rng.randrange(1000)
    return Rest(start_ms, end_ms, split_stages(end_ms - start_ms, rng))


def _hours_wanted(person: Person, day: int) -> float:
    """A member sleeps longer on free mornings and after a night that was cut short."""
    short_night = draw(person, day - 1, "night")
    short_night.gauss(0, 1)
    before = short_night.gauss(-0.2, 0.62)
    catch_up = max(0.0, -before - 0.3) * 0.45
    return person.need_ms / HOUR_MS + 0.35 + catch_up + (0.45 if _is_free_morning(day) else 0)


def nap_of(person: Person, day: int) -> Rest | None:
    """The nap of a local day, if the member takes one."""
    rng = draw(person, day, "nap")
    if rng.random() >= person.nap_chance:
        return None
    start_ms = night_of(person, day).end_ms + int(rng.uniform(5.2, 6.6) * HOUR_MS)
    end_ms = start_ms + int(rng.uniform(18, 70) * MINUTE_MS)
    return Rest(start_ms, end_ms, split_stages(end_ms - start_ms, rng))


def split_stages(in_bed_ms: int, rng: Random) -> Stages:
    """Stages that add up to the time in bed to the millisecond."""
    awake = int(in_bed_ms * rng.uniform(0.04, 0.1))
    lost = int(in_bed_ms * rng.uniform(0.002, 0.02)) if rng.random() < 0.06 else 0
    deep, rem = int(in_bed_ms * rng.uniform(0.15, 0.24)), int(in_bed_ms * rng.uniform(0.18, 0.26))
    minutes = in_bed_ms / MINUTE_MS
    return Stages(
        awake_ms=awake,
        no_data_ms=lost,
        light_ms=in_bed_ms - awake - lost - deep - rem,
        slow_wave_ms=deep,
        rem_ms=rem,
        cycle_count=round(minutes / MINUTES_PER_SLEEP_CYCLE),
        disturbance_count=int(minutes / 60 * rng.uniform(0.6, 2.1)),
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
