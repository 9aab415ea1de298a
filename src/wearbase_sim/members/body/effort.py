"""What a member does while awake: workouts, and the pace of the rest of the day."""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from math import erf, exp, log, sqrt
from random import Random

from wearbase_sim.members import ids
from wearbase_sim.members.body.health import illness
from wearbase_sim.members.body.rest import night_of
from wearbase_sim.members.body.training import Session, sessions
from wearbase_sim.members.facts import SCORED, UNSCORABLE, Pace, Workout
from wearbase_sim.members.person import Person, draw
from wearbase_sim.members.sports import Sport
from wearbase_sim.members.zones import HOUR_MS, MINUTE_MS

MAX_STRAIN = 21.0
# Where zones 1 to 5 begin, as shares of the maximum heart rate.
ZONE_FLOORS = (0.5, 0.6, 0.7, 0.8, 0.9)


def seven_digits(value: float) -> float:
    """A float as precise as the provider's 32-bit ones."""
    return float(f"{value:.7g}")


def strain_of(load: float) -> float:
    """Strain from load: loads add up, strains do not."""
    return seven_digits(MAX_STRAIN * (1 - exp(-load)))


def load_of(strain: float) -> float:
    """The load behind a strain."""
    return -log(1 - min(strain, 20.9) / MAX_STRAIN)


@lru_cache(maxsize=100_000)
def pace_of(person: Person, day: int) -> Pace:
    """What the day amounts to without its workouts."""
    rng, vigour = draw(person, day, "pace"), 1 - 0.6 * illness(person, day)
    return Pace(
        load=rng.uniform(0.2, 0.64) * vigour,
        kilojoule=rng.uniform(900, 2600) * vigour,
        steps=int(rng.uniform(2600, 9500) * vigour),
        peak_heart_rate=int(person.max_heart_rate * rng.uniform(0.58, 0.74)),
        awake_heart_rate=person.resting_heart_rate + rng.uniform(16, 28),
        asleep_heart_rate=person.resting_heart_rate + rng.uniform(2, 7),
    )


@lru_cache(maxsize=100_000)
def workouts_of(person: Person, day: int) -> tuple[Workout, ...]:
    """The workouts of a local day, in order; they never overlap each other, a nap or a night."""
    rng = draw(person, day, "workouts")
    wake_ms, bed_ms = night_of(person, day).end_ms, night_of(person, day + 1).start_ms - 110 * MINUTE_MS
    slots = ((wake_ms + 50 * MINUTE_MS, min(wake_ms + 5 * HOUR_MS, bed_ms)), (wake_ms + 8 * HOUR_MS, bed_ms))
    made = [_workout_in(person, day, session=each, slot=slots[each.slot], rng=rng) for each in sessions(person, day, rng)]
    return tuple(workout for workout in made if workout)


def _workout_in(person: Person, day: int, *, session: Session, slot: tuple[int, int], rng: Random) -> Workout | None:
    length_ms = int(session.minutes * MINUTE_MS)
    latest_ms = slot[1] - length_ms
    if latest_ms <= slot[0]:
        return None
    start_ms = rng.randrange(slot[0], latest_ms)
    is_manual = rng.random() < 0.05
    if is_manual:
        start_ms, length_ms = start_ms // 1000 * 1000, max(length_ms // MINUTE_MS, 1) * MINUTE_MS
    kind = f"workout/{session.slot}"
    delay_ms = int(rng.uniform(80, 100) * MINUTE_MS) if is_manual else int(rng.uniform(60_000, 300_000))
    return make_workout(
        person,
        rng,
        sport=replace(session.sport, intensity=session.intensity),
        span=(start_ms, start_ms + length_ms),
        created_ms=start_ms + length_ms + delay_ms,
        identity=(ids.day_activity_id(person.seed, person.number, day=day, kind=kind), ids.v1_id(person.number, day, kind=kind)),
    )


def make_workout(
    person: Person, rng: Random, *, sport: Sport, span: tuple[int, int], created_ms: int, identity: tuple[str, int]
) -> Workout:
    """One workout with a heart rate that fits its sport and a strain that fits both."""
    start_ms, end_ms = span
    minutes = (end_ms - start_ms) / MINUTE_MS
    effort = min(max(sport.intensity + rng.gauss(0, 0.07), 0.12), 0.95)
    recorded = _recorded(rng)
    average = _heart_rate(person, effort)
    peak = min(int(average * rng.uniform(1.1, 1.24)), person.max_heart_rate)
    distance = seven_digits(sport.metres_per_min * minutes * rng.uniform(0.88, 1.12)) if sport.metres_per_min else None
    climb = seven_digits((distance or 0) / 1000 * sport.climb_per_km * rng.uniform(0.3, 1.7)) if distance else None
    return Workout(
        id=identity[0],
        v1_id=identity[1],
        start_ms=start_ms,
        end_ms=end_ms,
        offset_min=person.home.offset_min(start_ms),
        created_ms=created_ms,
        updated_ms=created_ms,
        state=SCORED if recorded >= 0.3 else UNSCORABLE,
        sport_name=sport.name,
        sport_id=sport.id,
        strain=strain_of(effort * effort * minutes / 60 * 1.45),
        average_heart_rate=average,
        max_heart_rate=peak,
        kilojoule=seven_digits(minutes * person.weight_kg * (0.09 + 0.62 * effort)),
        recorded=recorded,
        zones_ms=split_zones(round((end_ms - start_ms) * recorded), (average, peak), limit=person.max_heart_rate),
        steps=int(minutes * sport.steps_per_min),
        distance_m=distance,
        gain_m=climb,
        change_m=seven_digits(rng.uniform(-12, 12)) if distance else None,
    )


def split_zones(recorded_ms: int, rates: tuple[int, int], *, limit: int) -> tuple[int, ...]:
    """Time in each zone for an average and a highest heart rate; adds up to the recorded time to the millisecond."""
    average, peak = rates
    spread = max((peak - average) * 0.45, 1.0)
    floors = [limit * share for share in ZONE_FLOORS]
    below = [_share_below(floor, average, spread=spread) if floor < peak else 1.0 for floor in floors]
    zones = [int(recorded_ms * (high - low)) for low, high in pairwise([0.0, *below, 1.0])]
    fullest = zones.index(max(zones))
    zones[fullest] += recorded_ms - sum(zones)
    return tuple(zones)


def _share_below(rate: float, average: float, *, spread: float) -> float:
    return 0.5 + 0.5 * erf((rate - average) / spread / sqrt(2))


def _recorded(rng: Random) -> float:
    """The recorded share: nearly all, at times a part, rarely too little to be scored."""
    chance = rng.random()
    if chance < 0.01:
        return seven_digits(rng.uniform(0.05, 0.25))
    if chance < 0.06:
        return seven_digits(rng.uniform(0.45, 0.95))
    return 1.0 if chance < 0.4 else seven_digits(rng.uniform(0.985, 1))


def _heart_rate(person: Person, effort: float) -> int:
    reserve = person.max_heart_rate - person.resting_heart_rate
    return int(person.resting_heart_rate + reserve * (0.22 + 0.64 * effort))
