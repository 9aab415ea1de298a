"""The member's local day, over all offsets, clock changes, travel, night shifts and orders of arrival."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.days import Dated, group_days, leader_of, local_date, lone_day
from wearbase.domain.records import Dating

offsets = st.sampled_from(range(-12 * 60, 14 * 60 + 1, 15))
instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
lengths = st.timedeltas(timedelta(minutes=20), timedelta(hours=16))


def at_local(day: date, hour: float, offset_min: int) -> datetime:
    """The instant at which a clock at that offset shows that hour."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(hours=hour) - timedelta(minutes=offset_min)


def dated(
    resource: str, dating: Dating, start_at: datetime | None = None, end_at: datetime | None = None, offset_min: int | None = 0,
    external_id: str = "x", **more: Any,
) -> Dated:  # fmt: skip
    return Dated(
        resource=resource, external_id=external_id, dating=dating, start_at=start_at, end_at=end_at, utc_offset_min=offset_min, **more
    )


def night(start_at, end_at, offset_min, external_id="night"):
    return dated("sleep", Dating.LEADS_GROUP, start_at, end_at, offset_min, external_id)


def cycle(start_at, end_at, offset_min):
    return dated("cycle", Dating.OPENS_GROUP, start_at, end_at, offset_min, "1")


def recovery(sleep_id="night"):
    return dated("recovery", Dating.FOLLOWS_GROUP, offset_min=None, external_id="1", parent_id=sleep_id)


@given(instants, offsets)
def test_local_date_is_the_date_on_the_members_clock(instant, offset_min):
    midnight = at_local(local_date(instant, offset_min), 0, offset_min)
    assert midnight <= instant < midnight + timedelta(days=1)


@pytest.mark.parametrize(
    ("utc", "offset_min", "day"),
    [
        ("2026-05-14T23:59:59.999+00:00", 0, "2026-05-14"),
        ("2026-05-14T10:00:00+00:00", 14 * 60, "2026-05-15"),
        ("2026-05-14T09:59:59+00:00", 14 * 60, "2026-05-14"),
        ("2026-05-14T11:59:59+00:00", -12 * 60, "2026-05-13"),
        ("2026-05-14T18:30:00+00:00", 330, "2026-05-15"),
        ("2026-05-14T18:14:59+00:00", 345, "2026-05-14"),
        ("2026-05-14T18:15:00+00:00", 345, "2026-05-15"),
        ("2028-02-29T23:30:00+00:00", 30, "2028-03-01"),
    ],
)
def test_local_date_at_the_edges(utc, offset_min, day):
    assert str(local_date(datetime.fromisoformat(utc), offset_min)) == day


@given(instants, lengths, offsets)
def test_a_night_its_recovery_and_its_cycle_share_the_date_it_ends(start_at, length, offset_min):
    end_at = start_at + length
    group = [night(start_at, end_at, offset_min), recovery(), cycle(start_at, None, offset_min)]
    assert set(group_days(group).values()) == {local_date(end_at, offset_min)}


@given(instants, lengths, lengths, offsets, st.permutations(range(4)))
def test_the_order_of_arrival_does_not_matter(start_at, one, other, offset_min, order):
    group = [
        night(start_at, start_at + one, offset_min, "a"),
        night(start_at + timedelta(days=1), start_at + timedelta(days=1) + other, offset_min, "b"),
        recovery("b"),
        cycle(start_at, None, offset_min),
    ]
    assert group_days(group[i] for i in order) == group_days(group)


@given(instants, lengths, offsets)
def test_each_arrival_re_dates_the_group(start_at, length, offset_min):
    """Cycle first, then its night, then the night is gone again: each time as if that were all there ever was."""
    opened, slept = cycle(start_at, None, offset_min), night(start_at, start_at + length, offset_min)
    alone = local_date(start_at + timedelta(hours=12), offset_min)
    assert set(group_days([recovery()]).values()) == {None}
    assert set(group_days([recovery(), opened]).values()) == {alone}
    assert set(group_days([recovery(), opened, slept]).values()) == {local_date(start_at + length, offset_min)}
    assert set(group_days([recovery(), slept]).values()) == {local_date(start_at + length, offset_min)}
    assert group_days([recovery(), opened])["cycle", "1"] == lone_day(opened)


@given(st.dates(date(2020, 1, 1), date(2034, 1, 1)), st.floats(19, 27.9), st.floats(5, 11.9), offsets)
def test_an_ordinary_night_is_the_day_of_waking_with_or_without_its_sleep(day, asleep, awake, offset_min):
    """Whoever falls asleep between 19:00 and 04:00 keeps the day when the sleep is stored after its cycle."""
    start_at, end_at = at_local(day - timedelta(days=1), asleep, offset_min), at_local(day, awake, offset_min)
    group = [cycle(start_at, None, offset_min), recovery()]
    assert set(group_days(group).values()) == {day}
    assert set(group_days([*group, night(start_at, end_at, offset_min)]).values()) == {day}


@given(st.dates(date(2020, 1, 1), date(2034, 1, 1)), offsets)
def test_a_night_shift_sleeper_gets_one_day_per_sleep(day, offset_min):
    """Sleep from 09:00 to 16:00, day after day: each on its own date, none skipped, none twice."""
    days = []
    for i in range(10):
        start_at = at_local(day + timedelta(days=i), 9, offset_min)
        group = [night(start_at, start_at + timedelta(hours=7), offset_min), recovery(), cycle(start_at, None, offset_min)]
        [shared] = set(group_days(group).values())
        days.append(shared)
    assert days == [day + timedelta(days=i) for i in range(10)]
    assert lone_day(cycle(at_local(day, 9, offset_min), None, offset_min)) == day


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"])
@pytest.mark.parametrize("year", [2025, 2026])
def test_every_night_of_a_year_is_one_day_across_clock_changes(zone, year):
    """Asleep 23:00, awake 07:00 by the wall clock; the offset is the one at waking."""
    found = []
    for i in range(365):
        day = date(year, 1, 2) + timedelta(days=i)
        waking = datetime(day.year, day.month, day.day, 7, tzinfo=ZoneInfo(zone))
        bedtime = datetime(day.year, day.month, day.day, 23, tzinfo=ZoneInfo(zone)) - timedelta(days=1)
        offset_min = int((waking.utcoffset() or timedelta()).total_seconds()) // 60
        start_at, end_at = bedtime.astimezone(UTC), waking.astimezone(UTC)
        found += set(group_days([cycle(start_at, None, offset_min), night(start_at, end_at, offset_min), recovery()]).values())
    assert found == [date(year, 1, 2) + timedelta(days=i) for i in range(365)]


@given(instants, st.lists(offsets, min_size=2, max_size=8))
def test_travel_uses_each_records_own_offset(start_at, journey):
    for i, (before, after) in enumerate(itertools.pairwise(journey)):
        start = start_at + timedelta(days=i)
        end = start + timedelta(hours=7)
        days = group_days([cycle(start, None, before), night(start, end, after), recovery()])
        assert set(days.values()) == {local_date(end, after)}


def test_a_flight_over_the_date_line_can_give_two_nights_to_one_day():
    """Auckland to Honolulu: the same date twice, once at each end of the flight."""
    day, east, west = date(2026, 5, 14), 12 * 60, -10 * 60
    auckland = night(at_local(day, -1, east), at_local(day, 7, east), east)
    honolulu = night(at_local(day, 1, west), at_local(day, 9, west), west)
    assert at_local(day, 7, east) < at_local(day, 1, west)
    assert lone_day(auckland) == lone_day(honolulu) == date(2026, 5, 14)


@given(instants, lengths, offsets)
def test_naps_end_and_workouts_start_on_their_day_whatever_their_group(start_at, length, offset_min):
    end_at = start_at + length
    nap = dated("sleep", Dating.ENDS, start_at, end_at, offset_min, "nap")
    workout = dated("workout", Dating.STARTS, start_at, end_at, offset_min, "w")
    assert lone_day(nap) == local_date(end_at, offset_min)
    assert lone_day(workout) == local_date(start_at, offset_min)
    slept = night(start_at - timedelta(days=3), start_at - timedelta(days=3) + length, offset_min)
    days = group_days([nap, workout, slept])
    assert (days["sleep", "nap"], days["workout", "w"]) == (lone_day(nap), lone_day(workout))


def test_a_given_day_is_kept():
    assert lone_day(dated("score", Dating.GIVEN, offset_min=None, given_day=date(2026, 5, 14))) == date(2026, 5, 14)
    assert lone_day(dated("score", Dating.GIVEN, offset_min=None)) is None


@pytest.mark.parametrize("dating", [d for d in Dating if d is not Dating.GIVEN])
def test_without_a_time_or_an_offset_there_is_no_day(dating):
    instant = datetime(2026, 5, 14, tzinfo=UTC)
    assert lone_day(dated("x", dating, None, None, 0)) is None
    assert lone_day(dated("x", dating, instant, instant, None)) is None


def test_the_longest_main_sleep_leads_unless_the_recovery_names_another():
    base = datetime(2026, 5, 14, tzinfo=UTC)
    long, short = night(base, base + timedelta(hours=5), 0, "long"), night(base + timedelta(hours=6), base + timedelta(hours=8), 0, "short")
    assert leader_of([short, long]) == long
    assert leader_of([short, long, recovery("short")]) == short
    assert leader_of([short, long, recovery("unknown")]) == long
    assert leader_of([recovery("short")]) is None
    nap = dated("sleep", Dating.ENDS, base, base + timedelta(hours=9), 0, "nap")
    assert leader_of([short, nap, recovery("nap")]) == short


def test_two_equally_long_parts_have_one_leader_whatever_the_order():
    base = datetime(2026, 5, 14, tzinfo=UTC)
    one, other = night(base, base + timedelta(hours=3), 0, "a"), night(base + timedelta(hours=4), base + timedelta(hours=7), 0, "b")
    assert leader_of([one, other]) == leader_of([other, one])


def test_an_empty_group_has_no_days():
    assert group_days([]) == {}
