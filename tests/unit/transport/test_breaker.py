"""The circuit breaker, with a clock of its own."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wearbase.transport.breaker import Breaker, State

START = datetime(2026, 5, 14, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def broken(breaker: Breaker, seconds: float = 0) -> Breaker:
    for _ in range(breaker.threshold):
        assert breaker.take(at(seconds))
        breaker.fail(at(seconds))
    return breaker


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker(threshold=3)
    for _ in range(2):
        breaker.take(at(0))
        breaker.fail(at(0))
    assert breaker.state(at(0)) is State.CLOSED
    breaker.take(at(0))
    breaker.succeed()
    for _ in range(2):
        breaker.fail(at(0))
    assert breaker.state(at(0)) is State.CLOSED, "a success in between begins the count again"
    breaker.fail(at(0))
    assert breaker.state(at(0)) is State.OPEN
    assert not breaker.take(at(9.9))


def test_after_a_rest_one_call_tries_and_the_others_wait_for_it() -> None:
    breaker = broken(Breaker())
    assert breaker.state(at(10)) is State.HALF_OPEN
    assert breaker.may_call(at(10))
    assert breaker.take(at(10))
    assert not breaker.take(at(10.1))
    breaker.succeed()
    assert breaker.state(at(10.2)) is State.CLOSED
    assert all(breaker.take(at(10.3)) for _ in range(3))


def test_a_trial_that_fails_opens_it_again_for_longer_up_to_a_limit() -> None:
    breaker, now = broken(Breaker()), 10.0
    for rest in (20, 40, 60, 60):
        assert breaker.take(at(now))
        breaker.fail(at(now))
        assert breaker.state(at(now + rest - 0.1)) is State.OPEN
        now += rest
        assert breaker.state(at(now)) is State.HALF_OPEN
    assert breaker.opened == 5
    breaker.take(at(now))
    breaker.succeed()
    broken(breaker, now)
    assert breaker.state(at(now + 10)) is State.HALF_OPEN, "the next time it begins with the short rest"


def test_a_trial_that_was_broken_off_or_never_heard_of_holds_up_nobody() -> None:
    breaker = broken(Breaker())
    assert breaker.take(at(10))
    breaker.give_back()
    assert breaker.take(at(10))
    assert not breaker.take(at(24))
    assert breaker.take(at(25))


def test_failures_of_calls_from_before_it_opened_do_not_lengthen_the_rest() -> None:
    breaker = broken(Breaker())
    breaker.fail(at(9))
    assert breaker.state(at(10)) is State.HALF_OPEN
    assert breaker.opened == 1


@given(st.lists(st.tuples(st.sampled_from(["take", "succeed", "fail", "give_back"]), st.floats(0, 90)), max_size=60))
def test_whatever_happens_it_lets_a_call_through_again_some_day(steps: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for what, after in steps:
        now += after
        if what == "take":
            may = breaker.may_call(at(now))
            assert breaker.take(at(now)) == may
        elif what == "fail":
            breaker.fail(at(now))
        else:
            getattr(breaker, what)()
        if breaker.state(at(now)) is State.OPEN:
            assert not breaker.may_call(at(now))
    assert breaker.may_call(at(now + 60))
