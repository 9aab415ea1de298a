"""Small values of the domain: windows, units, revisions, clocks, the declaration's helpers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.clock import SteppedClock
from wearbase.domain.provider import Credentials, Grant, Request, Response
from wearbase.domain.records import Dating, Record, Revision
from wearbase.domain.units import kcal_from_kj, offset_min_from_text, seconds_from_ms
from wearbase.domain.windows import Window

BASE = datetime(2026, 5, 14, tzinfo=UTC)
instants = st.integers(-(10**9), 10**9).map(lambda s: BASE + timedelta(milliseconds=s))
windows = st.lists(instants, min_size=2, max_size=2, unique=True).map(lambda pair: Window(*sorted(pair)))
revisions = st.builds(Revision, instants, st.integers(0, 3))


@given(windows, windows)
def test_the_hull_covers_both_and_no_more(one, other):
    hull = one.hull(other)
    assert hull == other.hull(one)
    assert hull.start in (one.start, other.start)
    assert hull.end in (one.end, other.end)
    assert hull.start <= min(one.start, other.start)
    assert hull.end >= max(one.end, other.end)
    assert one.hull(None) == one.hull(one) == one


@pytest.mark.parametrize("step", [timedelta(0), timedelta(milliseconds=-1), timedelta(days=-1)])
def test_a_window_ends_after_it_starts(step):
    with pytest.raises(ValueError, match="end after"):
        Window(BASE, BASE + step)


def test_a_windows_instants_are_aware():
    naive = BASE.replace(tzinfo=None)
    for start, end in ((naive, BASE), (BASE, naive), (naive, naive)):
        with pytest.raises(ValueError, match="aware"):
            Window(start, end)


def test_a_window_compares_instants_and_not_clock_faces():
    east = timezone(timedelta(hours=10))
    with pytest.raises(ValueError):
        Window(BASE, datetime(2026, 5, 14, 9, tzinfo=east))


@pytest.mark.parametrize(("ms", "seconds"), [(0, 0), (499, 0), (500, 1), (1499, 1), (1500, 2), (-1260000, -1260), (-499, 0), (None, None)])
def test_seconds_are_rounded_half_up(ms, seconds):
    assert seconds_from_ms(ms) == seconds


@given(st.integers(-(10**12), 10**12))
def test_rounding_to_seconds_is_never_off_by_more_than_half(ms):
    assert abs(seconds_from_ms(ms) * 1000 - ms) <= 500


@pytest.mark.parametrize(("kj", "kcal"), [(7402.5, 1769.2), (1622.0, 387.7), (0.0, 0.0), (4.184, 1.0), (None, None)])
def test_kilocalories_to_a_tenth(kj, kcal):
    assert kcal_from_kj(kj) == kcal


@given(st.integers(-18 * 60, 18 * 60))
def test_offsets_are_read_as_they_are_written(minutes):
    text = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    assert offset_min_from_text(text) == minutes


@pytest.mark.parametrize(
    "text", ["", "z0", "05:30", "+5:30", "+0530", "+05:60", "+18:01", "-19:00", "+05:3x", " +05:30", "UTC", "+²5:30", "+05-30"]
)
def test_what_is_no_offset_is_refused(text):
    with pytest.raises(ValueError):
        offset_min_from_text(text)


def test_z_is_zero():
    assert offset_min_from_text("Z") == offset_min_from_text("z") == 0


@given(revisions, revisions)
def test_of_two_revisions_one_is_newer_or_they_are_equal(one, other):
    assert [one.is_newer_than(other), other.is_newer_than(one), one == other].count(True) == 1


@given(st.lists(revisions, min_size=1), st.randoms())
def test_the_same_copy_wins_in_any_order(copies, random):
    def winner(arriving):
        kept = arriving[0]
        for copy in arriving[1:]:
            kept = kept if kept.is_newer_than(copy) else copy
        return kept

    shuffled = random.sample(copies, len(copies))
    assert winner(copies) == winner(shuffled)


def test_rank_outweighs_time():
    assert Revision(BASE, 1).is_newer_than(Revision(BASE + timedelta(days=9), 0))


@pytest.mark.parametrize(
    ("state", "is_unsettled"), [("SCORED", False), ("UNSCORABLE", False), ("PENDING_SCORE", True), ("TOMORROW", True), ("", True)]
)
def test_only_a_final_state_settles_a_record(state, is_unsettled):
    record = Record(resource="sleep", external_id="x", revision=Revision(BASE), dating=Dating.ENDS, score_state=state)
    assert record.is_unsettled is is_unsettled


def test_nothing_that_carries_a_secret_shows_it():
    secret = "R1-very-secret"
    app = Credentials(client_id="CLIENT", client_secret=secret, api_url="https://a.example", oauth_url="https://o.example")
    request = Request(path="/x", form={"refresh_token": secret}, headers={"authorization": secret})
    shown = [app, request, Response(200, {}, secret.encode()), Grant(access_token=secret, refresh_token=secret)]
    assert all(secret not in repr(value) for value in shown)


def test_a_stepped_clock_moves_only_when_told():
    clock = SteppedClock(BASE)
    assert clock.now() == clock.now() == BASE
    clock.advance(timedelta(hours=1))
    assert clock.now() == BASE + timedelta(hours=1)
