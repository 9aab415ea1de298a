"""The forecast: what is left out, in which order, and what never is."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.forecast import LONGEST_IDLE, Crowd, Forecast, Habits, Rest, foretell, plans
from wearbase.domain.timetable import DAY
from wearbase.providers.whoop import PROVIDER

MIDNIGHT = datetime(2026, 11, 18, tzinfo=UTC)


def told(active: int, idle: int = 0, *, left: int = 10_000, hour: float = 0, covered: int = 0, habits: Habits | None = None) -> Forecast:
    covered = active if hour < 4 else covered  # yesterday's morning was had
    return foretell(
        PROVIDER, [Crowd(utc_offset_min=0, active=active, covered=covered, idle=idle)], habits or Habits(),
        rest=Rest(now=MIDNIGHT + timedelta(hours=hour), resets_at=MIDNIGHT + DAY, left=left), idle_every=DAY,
    )  # fmt: skip


def test_where_calls_abound_nothing_is_left_out() -> None:
    found = told(100)
    assert (found.thinned, found.has_companions, found.idle_every) == ((), True, DAY)
    assert found.is_enough
    assert found.spare > 8_000


def test_slots_thin_in_their_order_and_what_is_read_with_events_goes_last() -> None:
    levels = [(len(f.thinned), f.has_late_mornings, not f.has_companions) for f in (told(n) for n in range(500, 2_200, 20))]
    assert levels == sorted(levels, key=lambda level: (level[1:], level[0]))
    assert list(dict.fromkeys(levels)) == [
        (0, False, False), (2, False, False), (4, False, False), (7, False, False), (7, True, False), (7, True, True), (8, True, True),
    ]  # fmt: skip
    barest = told(2_200).thinned
    assert (barest[:2], barest[-1]) == (("20:00 workout", "20:00 cycle"), "23:00 workout")


def test_idle_members_wait_longer_before_a_slot_is_left_out() -> None:
    found = told(500, 2_000)
    assert found.thinned == ()
    assert DAY < found.idle_every <= LONGEST_IDLE
    crowded = told(1_000, 4_000)
    assert crowded.idle_every == LONGEST_IDLE
    assert crowded.is_enough


def test_the_mornings_are_counted_however_few_calls_are_left() -> None:
    found = told(3_000, left=5)
    assert not found.is_enough
    assert found.parts["mornings"] >= 3_000 * len(PROVIDER.resources)
    assert (len(found.thinned), found.has_late_mornings, found.has_companions) == (8, True, False)


def test_mornings_that_were_had_are_not_foretold_again() -> None:
    before, after = told(100, hour=7), told(100, hour=11, covered=100)
    assert before.parts["mornings"] > 400
    assert after.parts["mornings"] == 0
    assert told(100, hour=11, covered=60).parts["mornings"] > 160


def test_the_days_habits_are_learnt_from_the_day_before() -> None:
    habits = Habits.of({"delivery": 300, "pending": 40, "companion": 50, "morning": 400, "backfill": 900}, active=100)
    assert (habits.events, habits.companions) == (3.4, 0.5)
    assert Habits.of({}, active=100) == Habits()
    assert told(100, habits=habits).needed > told(100).needed


@given(
    active=st.integers(0, 5_000), idle=st.integers(0, 20_000), left=st.integers(0, 20_000), hour=st.floats(0, 23.9),
    offset=st.sampled_from([-600, -210, 0, 345, 765]), part=st.floats(0, 1),
)  # fmt: skip
def test_the_fullest_plan_that_suffices_is_taken(active: int, idle: int, left: int, hour: float, offset: int, part: float) -> None:
    crowd = Crowd(utc_offset_min=offset, active=active, covered=int(active * part), idle=idle)
    now = MIDNIGHT + timedelta(hours=hour)
    found = foretell(PROVIDER, [crowd], Habits(), rest=Rest(now=now, resets_at=MIDNIGHT + DAY, left=left), idle_every=DAY)
    order = [(p.thinned, p.has_late_mornings, p.has_companions, p.idle_every) for p in plans(PROVIDER, DAY)]
    taken = order.index((found.thinned, found.has_late_mornings, found.has_companions, found.idle_every))
    assert found.needed >= 0
    assert found.is_enough or taken == len(order) - 1
    richer = foretell(PROVIDER, [crowd], Habits(), rest=Rest(now=now, resets_at=MIDNIGHT + DAY, left=left + 500), idle_every=DAY)
    assert order.index((richer.thinned, richer.has_late_mornings, richer.has_companions, richer.idle_every)) <= taken
