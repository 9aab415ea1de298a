"""Members who live: what sets them apart, and that causes have effects."""

from functools import cache
from itertools import pairwise
from statistics import correlation, mean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sim.harness import CONTROL, Sim, span
from wearbase_sim.clock import parse_ms
from wearbase_sim.members.body.health import drinking, illness, is_worn
from wearbase_sim.members.body.morning import day_strain
from wearbase_sim.members.body.rest import has_night, is_after_night_shift, night_of
from wearbase_sim.members.body.training import PLAN_DAYS, volume
from wearbase_sim.members.facts import Cycle, Recovery, Sleep, Workout
from wearbase_sim.members.kinds import KINDS, kind_of
from wearbase_sim.members.person import Person, make_person, with_traits
from wearbase_sim.members.timeline import Timeline

NOW_MS = parse_ms("2026-11-21T15:00:00Z")
DAY_MS, HOUR_MS = 86_400_000, 3_600_000


def person_of(kind: str, *, seed: int = 7, number: int = 1, **traits: Any) -> Person:
    return with_traits(make_person(seed, number), {"kind": kind, **traits}, born_ms=NOW_MS)


def lived(person: Person, *, days: int = 120) -> Timeline:
    return Timeline(person, person.home.local_day(NOW_MS) - days)


def records(timeline: Timeline, resource: str, now_ms: int = NOW_MS, *, low_ms: int | None = None) -> list[Any]:
    return [item.record for item in timeline.listed(resource, now_ms, low_ms=low_ms)]


@cache
def population() -> dict[str, list[float]]:
    """Values of forty members over two months."""
    found: dict[str, list[float]] = {name: [] for name in ("score", "hrv", "pulse", "strain", "asleep", "breath", "spo2")}
    for number in range(1, 41):
        timeline = lived(make_person(11, number), days=60)
        for recovery in records(timeline, "recovery"):
            found["score"].append(recovery.score)
            found["hrv"].append(recovery.hrv_ms)
            found["pulse"].append(recovery.resting_heart_rate)
            found["spo2"] += [recovery.spo2] if recovery.spo2 else []
        found["strain"] += [cycle.strain for cycle in records(timeline, "cycle") if cycle.end_ms]
        nights = [sleep for sleep in records(timeline, "sleep") if not sleep.is_nap]
        found["asleep"] += [sleep.stages.asleep_ms / HOUR_MS for sleep in nights]
        found["breath"] += [sleep.respiratory_rate for sleep in nights]
    return found


# Published ranges of healthy adults: RMSSD (Shaffer and Ginsberg 2017; Nunan 2010), resting heart rate (Quer 2020, wearables),
# sleep (National Sleep Foundation), respiratory rate asleep and SpO2 (clinical norms); means of recovery and strain as WHOOP tells them.
RANGES = [
    ("hrv", 20, 125, 45, 85),
    ("pulse", 40, 80, 50, 62),
    ("asleep", 5, 9.2, 6.6, 7.8),
    ("breath", 12, 20, 13, 17),
    ("spo2", 93, 100, 95, 98),
    ("strain", 2, 20.5, 9, 12),
    ("score", 1, 99, 55, 65),
]


@pytest.mark.parametrize(("name", "low", "high", "mean_low", "mean_high"), RANGES)
def test_the_population_lies_in_published_ranges(name: str, low: float, high: float, mean_low: float, mean_high: float) -> None:
    values = population()[name]
    assert mean_low <= mean(values) <= mean_high, mean(values)
    outside = [value for value in values if not low <= value <= high]
    assert len(outside) <= len(values) * 0.03, (min(values), max(values), len(outside))


def test_the_first_three_keep_regular_hours_and_every_kind_is_there() -> None:
    assert [kind_of(number) for number in (1, 2, 3)] == ["runner", "steady", "rider"]
    assert {kind_of(number) for number in range(1, 25)} == set(KINDS)


def effects(cause: Any) -> tuple[list[Recovery], list[Recovery]]:
    """Recoveries with and without a cause on their morning."""
    struck: list[Recovery] = []
    spared: list[Recovery] = []
    for number in range(1, 13):
        timeline = lived(person_of("steady", number=number, ill_chance=0.9, drink_chance=0.15))
        for item in timeline.listed("recovery", NOW_MS):
            assert isinstance(item.record, Recovery)
            day = timeline.person.home.local_day(item.end_ms or 0)
            (struck if cause(timeline.person, day) > 0.5 else spared).append(item.record)
    return struck, spared


def test_illness_raises_the_pulse_lowers_hrv_and_warms_the_skin() -> None:
    struck, spared = effects(illness)
    assert len(struck) > 40
    assert mean(each.resting_heart_rate for each in struck) > mean(each.resting_heart_rate for each in spared) + 3
    assert mean(each.hrv_ms for each in struck) < mean(each.hrv_ms for each in spared) * 0.88
    assert mean(each.score for each in struck) < mean(each.score for each in spared) - 20
    assert mean(each.skin_celsius or 33 for each in struck) > mean(each.skin_celsius or 33 for each in spared)


def test_alcohol_costs_the_next_morning() -> None:
    struck, spared = effects(lambda person, day: drinking(person, day - 1))
    assert len(struck) > 40
    assert mean(each.hrv_ms for each in struck) < mean(each.hrv_ms for each in spared) * 0.93
    assert mean(each.score for each in struck) < mean(each.score for each in spared) - 10


def test_nobody_trains_when_ill_and_days_are_slower() -> None:
    person = person_of("steady", ill_chance=1.0, train_chance=0.9)
    days = range(20_500, 20_900)
    ill = [day_strain(person, day) for day in days if illness(person, day) > 0.9]
    well = [day_strain(person, day) for day in days if illness(person, day) == 0]
    assert len(ill) > 10
    assert mean(ill) < mean(well) - 3


def test_recovery_follows_what_the_body_shows() -> None:
    shown = [each for each in records(lived(person_of("steady")), "recovery") if isinstance(each, Recovery)]
    assert correlation([each.score for each in shown], [each.hrv_ms for each in shown]) > 0.8
    assert correlation([each.score for each in shown], [each.resting_heart_rate for each in shown]) < -0.6


def test_a_race_is_prepared_for_and_run() -> None:
    person = person_of("runner", race_in_days=10, ill_chance=0)
    race = person.race_day
    built = [volume(person, race - 7 * weeks) for weeks in (14, 10, 6, 4)]
    assert built == sorted(built)
    assert volume(person, race - 1) < volume(person, race - 15) < volume(person, race - 29)
    timeline = Timeline(person, race - PLAN_DAYS)
    later_ms = person.home.midnight_ms(race + 2)
    workouts = records(timeline, "workout", later_ms)
    longest = max(workouts, key=lambda workout: workout.end_ms - workout.start_ms)
    assert isinstance(longest, Workout)
    assert longest.sport_name == "running"
    assert person.home.local_day(longest.start_ms) == race
    assert longest.strain > 15
    assert longest.distance_m is not None
    assert 16_000 < longest.distance_m < 24_000


def test_who_works_nights_sleeps_by_day() -> None:
    person = person_of("shift-worker")
    hours: dict[bool, list[float]] = {True: [], False: []}
    for day in range(20_700, 20_800):
        middle_ms = (night_of(person, day).start_ms + night_of(person, day).end_ms) / 2
        hours[is_after_night_shift(person, day)].append((middle_ms - person.home.midnight_ms(day)) / HOUR_MS)
    assert all(10 < hour < 14 for hour in hours[True])
    assert all(0 < hour < 7 for hour in hours[False])


def test_travellers_change_their_clock_and_come_home() -> None:
    person = person_of("traveller", zone="Europe/Berlin")
    sleeps = [each for each in records(lived(person), "sleep") if isinstance(each, Sleep)]
    offsets = {each.offset_min for each in sleeps}
    assert len(offsets - {60, 120}) >= 2
    assert sum(each.offset_min in (60, 120) for each in sleeps) > len(sleeps) / 2
    away = [each.consistency for each in sleeps if each.offset_min not in (60, 120) and each.consistency is not None]
    home = [each.consistency for each in records(lived(person_of("steady", zone="Europe/Berlin")), "sleep") if each.consistency is not None]
    assert mean(away) < mean(home)


def test_gaps_end_a_cycle_before_the_next_begins() -> None:
    person = person_of("forgetful", gap_chance=1.0)
    cycles = [each for each in records(lived(person), "cycle") if isinstance(each, Cycle)]
    cut = [(newer, older) for newer, older in pairwise(cycles) if older.end_ms != newer.start_ms]
    assert len(cut) >= 3
    for newer, older in cut:
        assert older.end_ms is not None
        assert older.start_ms < older.end_ms < newer.start_ms
        assert older.steps is None
    for resource in ("sleep", "workout"):
        assert all(is_worn(person, each.start_ms, each.end_ms) for each in records(lived(person), resource))


def test_a_newcomer_calibrates() -> None:
    timeline = lived(person_of("newcomer"), days=6)
    recoveries = [each for each in records(timeline, "recovery") if isinstance(each, Recovery)]
    assert [each.is_calibrating for each in reversed(recoveries)] == [True, True, True, True, False, False]
    first = records(timeline, "cycle")[-1]
    assert first.start_ms == timeline.person.home.midnight_ms(timeline.first_day)
    assert records(timeline, "sleep")[-1].consistency == 0


def test_naps_are_taken_after_short_nights_and_lower_the_next_need() -> None:
    napper = lived(person_of("napper"))
    assert sum(each.is_nap for each in records(napper, "sleep")) > 30
    assert any(each.need.nap_ms < 0 for each in records(napper, "sleep") if not each.is_nap)


# What is made to happen.

moments = st.integers(0, 30 * 24).map(lambda hour: NOW_MS - hour * HOUR_MS)
journeys = st.sampled_from(["Asia/Tokyo", "America/Los_Angeles", "Pacific/Tongatapu", "Europe/London", "+05:45", "-11:00"])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), moments, journeys)
def test_a_journey_changes_nothing_that_was_and_nothing_overlaps_after_it(number: int, at_ms: int, zone: str) -> None:
    from wearbase_sim.members.changes import EVENTS

    timeline = lived(make_person(5, number), days=40)
    before = {resource: timeline.listed(resource, at_ms) for resource in ("sleep", "workout", "recovery")}
    EVENTS["travel"](timeline, at_ms, {"zone": zone})
    for resource, known in before.items():
        assert timeline.listed(resource, at_ms) == known
    later_ms = at_ms + 12 * DAY_MS
    spans = sorted((item.start_ms, item.end_ms) for resource in ("sleep", "workout") for item in timeline.listed(resource, later_ms))
    for (_, end_ms), (start_ms, _) in pairwise(spans):
        assert end_ms is not None
        assert end_ms < start_ms
    offsets = {each.offset_min for each in records(timeline, "sleep", later_ms, low_ms=at_ms + 4 * DAY_MS)}
    assert len(offsets) <= 2


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), moments)
def test_a_late_upload_brings_everything_at_once(number: int, at_ms: int) -> None:
    from wearbase_sim.members.changes import EVENTS

    untouched, timeline = lived(make_person(5, number), days=40), lived(make_person(5, number), days=40)
    EVENTS["sync_off"](timeline, at_ms, {})
    back_ms = at_ms + 3 * DAY_MS
    for resource in ("sleep", "workout", "recovery"):
        assert timeline.listed(resource, back_ms) == timeline.listed(resource, at_ms)
    EVENTS["sync_on"](timeline, back_ms, {})
    settled_ms = back_ms + 60_000
    for resource in ("sleep", "workout"):
        late = {each.id: each for each in records(timeline, resource, settled_ms)}
        wanted = records(untouched, resource, back_ms)
        assert set(late) >= {each.id for each in wanted}
        fresh = [late[each.id] for each in wanted if each.created_ms > at_ms]
        assert all(back_ms < each.created_ms <= back_ms + 60_000 for each in fresh)
    told = timeline.appearing(back_ms, settled_ms)
    assert len({entry[1:] for entry in told}) == len(told)


async def test_life_goes_on_after_events() -> None:
    sim = Sim(now="2026-11-20T20:00:00Z")
    await sim.connect()
    await sim.event("travel", zone="Asia/Tokyo")
    await sim.event("drink")
    await sim.event("ill", days=3)
    await sim.control("POST", "/step", to="+3d 00:00")
    sleeps = [each for each in await sim.truth("sleep") if not each["nap"]]
    assert (sleeps[0]["timezone_offset"], sleeps[5]["timezone_offset"]) == ("+09:00", "-05:00")
    await sim.event("strap_off", hours=40)
    await sim.control("POST", "/step", to="+3d 00:00")
    cycles = await sim.truth("cycle")
    assert any(older["end"] < newer["start"] for newer, older in pairwise(cycles))
    for body in ({"event": "travel", "zone": "Mars"}, {"event": "strap_off", "hours": 0}, {"event": "sync_on"}, {"event": "merge"}):
        assert (await sim.http.post("/control/members/1/events", json=body, headers=CONTROL)).status_code in (400, 409)


async def test_traits_can_be_chosen_and_members_added() -> None:
    sim = Sim()
    await sim.control("POST", "/members/2/traits", kind="shift-worker", zone="Asia/Tokyo", first_name="Mira", hrv_ms=60)
    shown = (await sim.control("GET", "/members"))[1]
    assert (shown["kind"], shown["utc_offset"], shown["name"].split()[0]) == ("shift-worker", "+09:00", "Mira")
    added = await sim.control("POST", "/members", kind="newcomer")
    assert (added["number"], added["kind"]) == (4, "newcomer")
    assert len(await sim.truth("cycle", member=4)) <= 6
    for body in ({"kind": "alien"}, {"height": 3}, {"zone": "Mars"}, {"sports": ["quidditch"]}):
        assert (await sim.http.post("/control/members/1/traits", json=body, headers=CONTROL)).status_code == 400


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**30), st.sampled_from(sorted(KINDS)), st.integers(20_200, 20_800))
def test_nights_of_every_kind_come_one_after_the_other(seed: int, kind: str, first: int) -> None:
    person = person_of(kind, seed=seed)
    ends = 0
    for day in range(first, first + 30):
        if has_night(person, day):
            night = night_of(person, day)
            assert ends < night.start_ms < night.end_ms
            assert night.stages.in_bed_ms == night.end_ms - night.start_ms
            ends = night.end_ms


async def test_workouts_have_zones_that_fit_their_heart_rate() -> None:
    sim = Sim()
    limit = (await sim.get("/v2/user/measurement/body", (await sim.connect())["access_token"])).json()["max_heart_rate"]
    for workout in await sim.truth("workout"):
        score = workout["score"]
        if not score:
            continue
        zones = list(score["zone_durations"].values())
        reached = sum(score["max_heart_rate"] > limit * share for share in (0.5, 0.6, 0.7, 0.8, 0.9))
        assert zones[reached] > 0
        assert not any(zones[reached + 1 :])
        start_ms, end_ms = span(workout)
        assert end_ms is not None
        assert abs(sum(zones) - (end_ms - start_ms) * score["percent_recorded"]) <= 1
