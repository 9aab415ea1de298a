"""What a night means in the morning: sleep need and debt, recovery, and their records."""

from functools import lru_cache
from math import erf, exp, log, sqrt

from wearbase_sim.members import ids
from wearbase_sim.members.body.effort import load_of, pace_of, seven_digits, strain_of, workouts_of
from wearbase_sim.members.body.health import drinking, illness
from wearbase_sim.members.body.rest import Rest, nap_of, night_of
from wearbase_sim.members.facts import SCORED, UNSCORABLE, Need, Night, Recovery, Sleep
from wearbase_sim.members.person import Person, draw
from wearbase_sim.members.zones import DAY_MS, HOUR_MS, MINUTE_MS

DEBT_WEIGHTS = (0.45, 0.25, 0.12)
CALIBRATING_DAYS = 4
USUAL_STRAIN = 10
NO_CONSISTENCY_DAYS = 3


@lru_cache(maxsize=100_000)
def day_strain(person: Person, day: int) -> float:
    """The strain of a whole day as generated."""
    load = pace_of(person, day).load + 0.85 * sum(load_of(workout.strain) for workout in workouts_of(person, day))
    return strain_of(load)


def need_of(person: Person, day: int) -> Need:
    """How much sleep the night before this day should have had."""
    lacks = [max(0, person.need_ms - night_of(person, day - back).stages.asleep_ms) for back in (1, 2, 3)]
    nap = nap_of(person, day - 1)
    return Need(
        baseline_ms=person.need_ms,
        debt_ms=int(sum(lack * weight for lack, weight in zip(lacks, DEBT_WEIGHTS, strict=True))),
        strain_ms=int(max(0.0, day_strain(person, day - 1) - 4) * 2.4 * MINUTE_MS),
        nap_ms=-int(nap.stages.asleep_ms * 0.8) if nap else 0,
    )


def consistency_of(person: Person, day: int) -> float:
    """How alike the last four nights' times were, 0 to 100."""
    mids = [_middle_min(person, day - back) for back in range(4)]
    mean = sum(mids) / len(mids)
    spread = sqrt(sum((mid - mean) ** 2 for mid in mids) / len(mids))
    return float(round(100 * exp(-spread / 110)))


def _middle_min(person: Person, day: int) -> float:
    night = night_of(person, day)
    # By the clock at home, so that a journey shows.
    return ((night.start_ms + night.end_ms) / 2 - day * DAY_MS) / MINUTE_MS + person.home.zone.standard_min


def performance_of(rest: Rest, need: Need, *, consistency: float) -> float:
    """Sleep performance in four parts, so it is not the ratio of sleep to need."""
    enough = min(rest.stages.asleep_ms / need.total_ms, 1.0)
    calm = max(0.0, 1 - rest.stages.disturbance_count / 30)
    efficiency = rest.stages.asleep_ms / rest.stages.in_bed_ms
    return float(round(100 * (0.7 * enough + 0.1 * consistency / 100 + 0.1 * efficiency + 0.1 * calm)))


@lru_cache(maxsize=100_000)
def recent_strain(person: Person, day: int) -> float:
    """The strain of the week before a day, the nearest days weighing most."""
    weights = [0.78**back for back in range(6)]
    return sum(day_strain(person, day - 1 - back) * weight for back, weight in enumerate(weights)) / sum(weights)


def readiness(person: Person, sleep: Sleep, *, day: int, chance: float) -> float:
    """How far the body is from its usual morning, in standard deviations: sleep, load, illness and alcohol add up."""
    enough = sleep.stages.asleep_ms / sleep.need.total_ms
    load = 0.085 * (day_strain(person, day - 1) - USUAL_STRAIN) + 0.07 * (recent_strain(person, day) - USUAL_STRAIN)
    burden = 1.9 * illness(person, day) + 1.2 * drinking(person, day - 1)
    # Rest gives back less than load takes.
    return 5.2 * (enough - 0.92) - (load if load > 0 else 0.5 * load) - burden + 0.62 * chance


def recovery_of(person: Person, sleep: Sleep, *, day: int, is_calibrating: bool, version: int = 0) -> Recovery:
    """The recovery of a morning: first what the body shows, then the score that follows from it."""
    rng, ill = draw(person, sleep.id, "recovery", version), illness(person, day)
    z = min(max(readiness(person, sleep, day=day, chance=rng.gauss(0, 1)), -2.6), 2.6)
    hrv_ms = person.hrv_ms * exp(0.17 * z) * rng.uniform(0.97, 1.03)
    pulse = person.resting_heart_rate - 2.1 * z + 2.5 * ill + rng.gauss(0, 0.6)
    skin, spo2 = person.skin_celsius + rng.gauss(0, 0.25) + 0.6 * ill, person.spo2 + rng.gauss(0, 0.4) - 0.5 * ill
    shown = 0.7 * log(hrv_ms / person.hrv_ms) / 0.17 + 0.3 * (person.resting_heart_rate - pulse) / 2.1
    return Recovery(
        cycle_id=sleep.cycle_id,
        sleep_id=sleep.id,
        created_ms=sleep.created_ms,
        updated_ms=sleep.updated_ms,
        state=sleep.state,
        is_calibrating=is_calibrating,
        score=float(min(max(round(100 * (0.5 + 0.5 * erf((shown + 0.62) / 1.6))), 1), 99)),
        resting_heart_rate=float(max(round(pulse), 34)),
        hrv_ms=seven_digits(hrv_ms),
        spo2=round(min(spo2, 100.0), 3) if person.has_skin_sensor else None,
        skin_celsius=seven_digits(round(skin, 3)) if person.has_skin_sensor else None,
    )


@lru_cache(maxsize=100_000)
def make_night(person: Person, day: int, *, first_day: int) -> Night:
    """The night before a local day with its sleep, its recovery and the cycle that it opens."""
    if day <= first_day:
        return _first_cycle(person, day)
    sleep = _main_sleep(person, day, is_new=day - first_day <= NO_CONSISTENCY_DAYS)
    recovery = recovery_of(person, sleep, day=day, is_calibrating=day - first_day <= CALIBRATING_DAYS)
    return Night(
        cycle_id=sleep.cycle_id,
        day=day,
        start_ms=sleep.start_ms,
        offset_min=sleep.offset_min,
        created_ms=sleep.created_ms - 5_000 - sleep.created_ms % 997,
        state=sleep.state,
        pace=pace_of(person, day),
        sleep=sleep,
        recovery=recovery,
    )


def _main_sleep(person: Person, day: int, *, is_new: bool) -> Sleep:
    rng, rest, need = draw(person, day, "morning"), night_of(person, day), need_of(person, day)
    consistency = 0.0 if is_new else consistency_of(person, day)
    created_ms = rest.end_ms + int(rng.uniform(120_000, 420_000))
    return Sleep(
        id=ids.day_activity_id(person.seed, person.number, day=day, kind="sleep"),
        v1_id=ids.v1_id(person.number, day, kind="sleep"),
        cycle_id=ids.cycle_id(person.number, day),
        start_ms=rest.start_ms,
        end_ms=rest.end_ms,
        offset_min=person.home.offset_min(rest.end_ms),
        created_ms=created_ms,
        updated_ms=created_ms,
        state=UNSCORABLE if rng.random() < 0.012 else SCORED,
        stages=rest.stages,
        need=need,
        respiratory_rate=seven_digits(round((person.respiratory_rate + 1.4 * illness(person, day) + rng.gauss(0, 0.35)) * 64) / 64),
        performance=performance_of(rest, need, consistency=consistency),
        consistency=consistency,
    )


def _first_cycle(person: Person, day: int) -> Night:
    """A new member's first cycle begins at local midnight, without a sleep."""
    start_ms = person.home.midnight_ms(day)
    return Night(
        cycle_id=ids.cycle_id(person.number, day),
        day=day,
        start_ms=start_ms,
        offset_min=person.home.offset_min(start_ms),
        created_ms=start_ms + 8 * HOUR_MS + 160_331,
        state=SCORED,
        pace=pace_of(person, day),
        sleep=None,
        recovery=None,
    )


@lru_cache(maxsize=100_000)
def make_nap(person: Person, day: int, *, first_day: int) -> Sleep | None:
    """The nap of a local day as a record; it belongs to the cycle of its day."""
    rest = nap_of(person, day)
    if rest is None or day <= first_day:
        return None
    return nap_record(
        person,
        rest,
        day=day,
        cycle_id=ids.cycle_id(person.number, day),
        identity=(
            ids.day_activity_id(person.seed, person.number, day=day, kind="nap"),
            ids.v1_id(person.number, day, kind="nap"),
        ),
    )


def nap_record(person: Person, rest: Rest, *, day: int, cycle_id: int, identity: tuple[str, int]) -> Sleep:
    """A nap: scored like a sleep, without performance, consistency or a recovery."""
    created_ms = rest.end_ms + 150_000 + rest.end_ms % 90_000
    need = need_of(person, day)
    return Sleep(
        id=identity[0],
        v1_id=identity[1],
        cycle_id=cycle_id,
        start_ms=rest.start_ms,
        end_ms=rest.end_ms,
        offset_min=person.home.offset_min(rest.end_ms),
        created_ms=created_ms,
        updated_ms=created_ms,
        state=SCORED,
        stages=rest.stages,
        need=Need(need.baseline_ms, 0, need.strain_ms, 0),
        respiratory_rate=seven_digits(round(person.respiratory_rate * 64) / 64),
        performance=None,
        consistency=None,
        is_nap=True,
    )
