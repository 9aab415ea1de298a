"""What must hold for every record of every member, whatever the seed."""

from itertools import pairwise
from statistics import correlation

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sim.harness import problems, span
from wearbase_sim.api import wire
from wearbase_sim.clock import parse_ms
from wearbase_sim.members.body.health import is_worn
from wearbase_sim.members.body.morning import day_strain
from wearbase_sim.members.body.rest import has_night, night_of
from wearbase_sim.members.facts import Cycle, Recovery, Sleep
from wearbase_sim.members.person import make_person
from wearbase_sim.members.timeline import Timeline
from wearbase_sim.options import Options

DAY_MS = 86_400_000
SPRING_MS, YEAR_MS = parse_ms("2026-03-01T00:00:00Z"), 366 * DAY_MS
MAX_INT32 = 2**31 - 1

seeds = st.integers(0, 2**40)
numbers = st.integers(1, 60)
instants = st.integers(SPRING_MS, SPRING_MS + YEAR_MS)
lives = st.builds(lambda seed, number, now: (lived(seed, number, now_ms=now, days=20), now), seeds, numbers, instants)


def lived(seed: int, number: int, *, now_ms: int, days: int) -> Timeline:
    person = make_person(seed, number)
    return Timeline(person, person.home.local_day(now_ms) - days)


def wired(timeline: Timeline, resource: str, now_ms: int) -> list[dict]:
    options = Options()
    return [wire.record(timeline.person, item.record, options) for item in timeline.listed(resource, now_ms)]


@settings(max_examples=40, deadline=None)
@given(lives)
def test_every_record_obeys_the_contract(life: tuple[Timeline, int]) -> None:
    timeline, now_ms = life
    for resource in ("cycle", "recovery", "sleep", "workout"):
        for record in wired(timeline, resource, now_ms):
            assert problems(resource.title(), record) == []
            assert parse_ms(record["created_at"]) <= parse_ms(record["updated_at"]) <= now_ms


@settings(max_examples=40, deadline=None)
@given(lives)
def test_consecutive_cycles_share_the_boundary_and_only_the_newest_is_open(life: tuple[Timeline, int]) -> None:
    timeline, now_ms = life
    cycles = wired(timeline, "cycle", now_ms)
    assert len(cycles) >= (12 if timeline.person.has_gaps else 19)
    assert [cycle["end"] is None for cycle in cycles] == [True] + [False] * (len(cycles) - 1)
    for newer, older in pairwise(cycles):
        assert older["end"] == newer["start"] or (older["end"] < newer["start"] and timeline.person.has_gaps)
        assert older["start"] < older["end"]
        assert older["id"] < newer["id"]
        assert older["updated_at"] == newer["created_at"]


@settings(max_examples=40, deadline=None)
@given(lives)
def test_main_sleeps_open_their_cycle_and_have_one_recovery(life: tuple[Timeline, int]) -> None:
    timeline, now_ms = life
    starts = {cycle["id"]: cycle["start"] for cycle in wired(timeline, "cycle", now_ms)}
    nights = [sleep for sleep in wired(timeline, "sleep", now_ms) if not sleep["nap"]]
    recoveries = wired(timeline, "recovery", now_ms)
    assert all(starts[sleep["cycle_id"]] == sleep["start"] for sleep in nights)
    assert [(sleep["id"], sleep["cycle_id"]) for sleep in nights] == [(each["sleep_id"], each["cycle_id"]) for each in recoveries]
    assert len(nights) == len(starts) - 1, "only the first cycle, at local midnight, opens without a sleep"


@settings(max_examples=40, deadline=None)
@given(lives)
def test_stages_add_up_to_the_time_in_bed(life: tuple[Timeline, int]) -> None:
    timeline, now_ms = life
    for sleep in wired(timeline, "sleep", now_ms):
        start_ms, end_ms = span(sleep)
        assert end_ms is not None
        if not sleep["score"]:
            assert sleep["score_state"] == "UNSCORABLE"
            continue
        stages = dict(sleep["score"]["stage_summary"])
        in_bed = stages.pop("total_in_bed_time_milli")
        assert in_bed == end_ms - start_ms == sum(value for name, value in stages.items() if name.endswith("_milli"))
        assert sleep["score"]["sleep_needed"]["need_from_recent_nap_milli"] <= 0
        if sleep["nap"]:
            assert sleep["score"]["sleep_performance_percentage"] is None


@settings(max_examples=40, deadline=None)
@given(lives)
def test_zone_times_add_up_to_the_recorded_share(life: tuple[Timeline, int]) -> None:
    timeline, now_ms = life
    for workout in wired(timeline, "workout", now_ms):
        start_ms, end_ms = span(workout)
        assert end_ms is not None
        if workout["score"]:
            zones = sum(workout["score"]["zone_durations"].values())
            assert abs(zones - (end_ms - start_ms) * workout["score"]["percent_recorded"]) <= 1
            assert workout["score"]["average_heart_rate"] <= workout["score"]["max_heart_rate"]


@settings(max_examples=30, deadline=None)
@given(lives)
def test_nothing_overlaps_anything(life: tuple[Timeline, int]) -> None:
    timeline, now_ms = life
    activities = wired(timeline, "sleep", now_ms) + wired(timeline, "workout", now_ms)
    spans = sorted((span(each) for each in activities), key=lambda pair: pair[0])
    for (_, end_ms), (next_start_ms, _) in pairwise(spans):
        assert end_ms is not None
        assert end_ms < next_start_ms


@settings(max_examples=25, deadline=None)
@given(lives, st.integers(1, 12 * DAY_MS))
def test_what_is_stored_does_not_change_as_time_passes(life: tuple[Timeline, int], later_ms: int) -> None:
    timeline, now_ms = life
    for resource in ("cycle", "recovery", "sleep", "workout"):
        before = wired(timeline, resource, now_ms)
        after = {key(each): each for each in wired(timeline, resource, now_ms + later_ms)}
        for record in before:
            if record.get("end", "") is not None:
                assert after[key(record)] == record
            else:
                assert after[key(record)]["updated_at"] >= record["updated_at"]


def key(record: dict) -> str:
    return str(record.get("id", record.get("cycle_id")))


@settings(max_examples=25, deadline=None)
@given(lives, st.lists(st.integers(0, 16 * 3_600_000), min_size=2, max_size=6))
def test_the_open_cycle_grows_with_the_clock(life: tuple[Timeline, int], steps: list[int]) -> None:
    timeline, now_ms = life
    seen: dict[int, Cycle] = {}
    for at_ms in sorted(now_ms + step for step in steps):
        cycle = timeline.listed("cycle", at_ms)[0].record
        assert isinstance(cycle, Cycle)
        before = seen.get(cycle.id)
        if before:
            assert cycle.strain >= before.strain
            assert cycle.kilojoule >= before.kilojoule
            assert cycle.steps is None or before.steps is None or cycle.steps >= before.steps
            assert cycle.max_heart_rate >= before.max_heart_rate
        seen[cycle.id] = cycle


@settings(max_examples=40, deadline=None)
@given(seeds, numbers, instants)
def test_the_morning_exists_once_the_member_is_up(seed: int, number: int, now_ms: int) -> None:
    timeline = lived(seed, number, now_ms=now_ms, days=9)
    day = timeline.person.home.local_day(now_ms)
    night = night_of(timeline.person, day)
    newest = timeline.listed("cycle", now_ms)[0].record
    assert isinstance(newest, Cycle)
    is_there = has_night(timeline.person, day) and is_worn(timeline.person, night.start_ms, night.end_ms)
    if is_there and now_ms > night.end_ms + 8 * 60_000:
        assert newest.start_ms >= night.start_ms
    if now_ms < night.end_ms:
        assert newest.start_ms < night.start_ms


def test_recovery_follows_sleep_and_the_strain_before() -> None:
    nights: list[tuple[float, float, float, float]] = []
    for number in range(1, 13):
        now_ms = SPRING_MS + 200 * DAY_MS
        timeline = lived(7, number, now_ms=now_ms, days=120)
        sleeps = {item.record.cycle_id: item.record for item in timeline.listed("sleep", now_ms) if isinstance(item.record, Sleep)}
        for item in timeline.listed("recovery", now_ms):
            recovery = item.record
            assert isinstance(recovery, Recovery)
            sleep = sleeps[recovery.cycle_id]
            day = timeline.person.home.local_day(sleep.end_ms)
            enough = sleep.stages.asleep_ms / sleep.need.total_ms
            nights.append((recovery.score, enough, day_strain(timeline.person, day - 1), recovery.hrv_ms / timeline.person.hrv_ms))
    score, enough, strain, hrv = (list(column) for column in zip(*nights, strict=True))
    assert correlation(score, enough) > 0.4
    assert correlation(score, strain) < -0.15
    assert correlation(score, hrv) > 0.8
    bands = [sum(low <= value <= high for value in score) / len(score) for low, high in ((0, 33), (34, 66), (67, 100))]
    assert all(share > 0.1 for share in bands), bands


def test_members_live_east_and_west_and_on_the_half_hour() -> None:
    at_ms = parse_ms("2026-11-21T12:00:00Z")
    assert [wire.offset_text(make_person(7, number).home.offset_min(at_ms)) for number in (1, 2, 3)] == ["-05:00", "+01:00", "+05:30"]
    assert wire.offset_text(make_person(7, 6).home.offset_min(at_ms)) == "Z"


def test_clocks_change_on_the_right_night() -> None:
    new_york, berlin = make_person(7, 1).home, make_person(7, 2).home
    changes = {
        (new_york, "2026-03-08T07:00:00Z"): (-300, -240),
        (new_york, "2026-11-01T06:00:00Z"): (-240, -300),
        (berlin, "2026-03-29T01:00:00Z"): (60, 120),
        (berlin, "2026-10-25T01:00:00Z"): (120, 60),
    }
    for (zone, text), (before, after) in changes.items():
        assert (zone.offset_min(parse_ms(text) - 1), zone.offset_min(parse_ms(text))) == (before, after)


@given(st.integers(1, 100_000), st.integers(20_000, 21_500))
def test_cycle_ids_are_int64_and_name_their_day(number: int, day: int) -> None:
    from wearbase_sim.members import ids

    assert ids.cycle_day(ids.cycle_id(number, day)) == day
    assert ids.cycle_id(number, day) != ids.cycle_id(number + 1, day)


def test_cycle_ids_are_where_the_provider_s_are() -> None:
    now_ms = parse_ms("2026-11-02T15:00:00Z")
    newest = lived(7, 1, now_ms=now_ms, days=9).listed("cycle", now_ms)[0].record
    assert isinstance(newest, Cycle)
    assert 1_825_000_000 < newest.id < 1_835_000_000
