"""The timetable: slots of the member's own day, what serves them, and what does not."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.timetable import DAY, SPREAD, Local, idle_slot, jitter, next_slot

HOURS, MORNING = (8, 14, 20, 23), 8
ANN = Local(0, "ann/whoop")
instants = st.integers(0, 31_000_000).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
members = st.builds(Local, st.sampled_from([-600, -210, 0, 60, 330, 345, 765]), st.text(min_size=1, max_size=8))


def at(hour: float, day: int = 18) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour)


def after(now: datetime, read_at: datetime | None = None, *, is_slots_read: bool = False) -> tuple[int, int]:
    slot = next_slot(HOURS, morning=MORNING, local=ANN, after=now, read_at=read_at, is_slots_read=is_slots_read)
    return slot.at.day, slot.hour


@given(now=instants, local=members)
def test_a_slot_lies_ahead_within_the_hour_of_its_local_time(now: datetime, local: Local) -> None:
    slot = next_slot(HOURS, morning=MORNING, local=local, after=now)
    own = slot.at + timedelta(minutes=local.utc_offset_min)
    assert now < slot.at <= now + DAY
    assert own.hour == slot.hour


@given(now=instants, local=members, ago_s=st.integers(0, 200_000), is_slots_read=st.booleans())
def test_what_was_read_is_never_older_than_two_slots(now: datetime, local: Local, ago_s: int, is_slots_read: bool) -> None:
    read_at = now - timedelta(seconds=ago_s)
    slot = next_slot(HOURS, morning=MORNING, local=local, after=now, read_at=read_at, is_slots_read=is_slots_read)
    between = [s for d in range(-4, 3) for h in HOURS if read_at < (s := local.slot(local.day(now) + d * DAY, h).at) < slot.at and s > now]
    assert len(between) <= 1  # at most the one that the read serves


@given(now=instants, local=members)
def test_a_morning_comes_every_day_however_often_something_is_read(now: datetime, local: Local) -> None:
    read_at, mornings = now, set()
    for _ in range(12):
        slot = next_slot(HOURS, morning=MORNING, local=local, after=read_at, read_at=read_at, is_slots_read=True)
        mornings |= {local.day(slot.at)} if slot.hour == MORNING else set()
        read_at = slot.at + timedelta(seconds=5)
    days = sorted(mornings)
    assert days == [days[0] + n * DAY for n in range(len(days))]


def test_a_read_for_another_reason_serves_the_slot_after_it() -> None:
    assert after(at(18), at(18)) == (18, 23)  # a workout at six: the slot at eight in the evening is skipped
    assert after(at(21), at(21), is_slots_read=True) == (18, 23)  # that slot's own read does not serve the next


def test_a_read_before_the_night_is_over_does_not_serve_the_morning() -> None:
    assert after(at(1), at(0.5)) == (18, 8)
    assert after(at(5), at(4.5)) == (18, 14)


def test_a_read_in_the_morning_serves_it_and_not_the_next() -> None:
    assert after(at(7.25), at(7.25)) == (18, 14)
    assert after(at(23.99), at(23.99))[1] == 8


def test_members_are_spread_over_the_hour_and_each_keeps_its_minute() -> None:
    minutes = [jitter(f"member-{n}/whoop") for n in range(2_000)]
    assert all(timedelta(0) <= m < SPREAD for m in minutes)
    for quarter in range(4):
        assert 400 < sum(1 for m in minutes if SPREAD * quarter / 4 <= m < SPREAD * (quarter + 1) / 4) < 600
    assert jitter("ann/whoop") == jitter("ann/whoop")


@given(read_at=instants, local=members, every_days=st.integers(1, 7))
def test_an_idle_visit_is_a_morning_about_as_far_away_as_it_should_be(read_at: datetime, local: Local, every_days: int) -> None:
    every = every_days * DAY
    slot = idle_slot(morning=MORNING, local=local, read_at=read_at, every=every)
    assert slot.hour == MORNING
    assert every - DAY / 2 <= slot.at - read_at <= every + DAY / 2


def test_every_member_has_one_long_day_a_week_and_not_all_the_same() -> None:
    counts = []
    for n in range(50):
        local = Local(330, f"member-{n}/whoop")
        days = [d for d in range(7) if local.is_long_day(at(12, 9 + d))]
        assert len(days) == 1
        counts.append(days[0])
    assert len(set(counts)) == 7


def test_the_morning_begins_at_four_where_the_member_is() -> None:
    tokyo = Local(540, "x")
    assert tokyo.morning_begins(at(18.5)) == at(19, 17)  # 3:30 on the 19th there: still the 18th's morning, from 4:00
    assert tokyo.morning_begins(at(19)) == at(19)
    assert tokyo.day(at(16)) == date(2026, 11, 19)
