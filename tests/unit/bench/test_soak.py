"""How a soak judges what was noted: windows, recovery, memory, counting."""

from collections import Counter

import pytest

from bench.soaking import told
from bench.soaking.judging import (
    Failure,
    Window,
    fitting,
    good,
    in_no_window,
    inside,
    merged,
    missing,
    outside,
    quantile_ms,
    recovery_s,
    step_of,
    trend,
)
from bench.soaking.kinds import Deliveries, Syncs, outcome_of
from bench.soaking.told import Soaked
from bench.soaking.truth import Truth

RESTART = Window("database restarted", 100.0, 105.0, 115.0, frozenset({"read", "webhook"}))


def failed(sent: float, ended: float, kind: str = "read") -> Failure:
    return Failure(kind, sent, ended, "503 database_unavailable")


@pytest.mark.parametrize(
    ("failure", "is_excused"),
    [
        (failed(99.0, 100.5), True),  # under way when it began
        (failed(110.0, 110.1), True),
        (failed(114.9, 124.9), True),  # sent in time, however long it took
        (failed(98.0, 99.9), False),
        (failed(115.1, 115.2), False),
        (failed(101.0, 101.1, kind="sync"), False),  # of a kind that this fault does not concern
    ],
)
def test_a_failure_is_excused_only_in_the_window_of_a_fault_that_concerns_it(failure: Failure, is_excused: bool) -> None:
    assert (outside([failure], [RESTART]) == []) is is_excused
    assert sum(inside([failure], RESTART).values()) == is_excused


def test_recovery_is_the_last_failing_call_sent_after_the_fault() -> None:
    assert recovery_s([failed(101, 104)], RESTART) == 0
    assert recovery_s([failed(104, 107), failed(106.5, 107), failed(200, 201)], RESTART) == 1.5


def test_only_answers_of_success_make_a_limit() -> None:
    assert good({"200": 5, "202": 1, "421 wrong_host": 900, "no answer": 2, "not sent": 3}) == 6


def test_a_second_that_touches_a_window_is_not_outside() -> None:
    assert [second for second in range(97, 118) if in_no_window(second, [RESTART])] == [97, 98, 99, 116, 117]


def test_quantiles_of_a_merged_histogram_are_within_its_grain() -> None:
    waits_ms = range(1, 1001)
    parts = [Counter(step_of(ms / 1000) for ms in waits_ms if ms % 2 == rest) for rest in (0, 1)]
    whole = merged(parts)
    assert whole.total() == 1000
    assert 500 <= quantile_ms(whole, 0.5) <= 510
    assert 990 <= quantile_ms(whole, 0.99) <= 1010
    assert quantile_ms({}, 0.5) == 0


def test_memory_that_grows_has_a_slope_and_one_that_only_warmed_up_has_none() -> None:
    leaking = trend([(t, 100 + t / 60) for t in range(0, 600, 2)])
    assert leaking is not None
    assert leaking.mib_an_hour == pytest.approx(60)
    assert leaking.ratio > 1.05
    warmed = trend([(t, min(120.0, 100 + t)) for t in range(0, 600, 2)])
    assert warmed is not None
    assert (warmed.mib_an_hour, warmed.ratio) == (0, 1)


def test_a_restarted_process_is_judged_from_its_start() -> None:
    samples = [(t, 200.0) for t in range(0, 300, 2)] + [(t, 100.0) for t in range(300, 600, 2)]
    found = trend(samples, since=300)
    assert found is not None
    assert (found.first_mib, found.last_mib) == (100, 100)
    assert trend(samples, since=595) is None


def test_faults_that_find_no_room_are_left_out_and_shorter_ones_after_them_taken() -> None:
    assert fitting([("long", 70), ("longer", 90), ("short", 20)], room_s=100) == ["long", "short"]


def test_what_was_accepted_and_is_not_there_is_missing_and_what_is_there_twice_is_told() -> None:
    assert missing([1, 2, 3], Counter([2, 2, 3, 4])) == (1, 1)


def test_an_outcome_is_named_by_status_and_code_or_by_what_broke_it_off() -> None:
    assert outcome_of(503, b'{"error": {"code": "database_unavailable"}}') == "503 database_unavailable"
    assert (
        outcome_of(502, b'{"error": {"code": "sync_failed", "details": {"failed": {"cycle": "x", "sleep": "x"}}}}') == "502 sync_failed x"
    )
    assert outcome_of(502, b"<html>") == "502"
    assert outcome_of(0, b"no answer") == "no answer"


def test_a_refused_delivery_is_sent_again_with_its_own_number_and_an_accepted_one_is_not() -> None:
    sent = Deliveries([7], "secret", first=1)
    first = sent.take(0.0, is_new=True)
    assert first is not None
    sent.answered(first[1], 503, b"{}", (0.0, 0.0, 0.1))
    assert sent.take(1.0, is_new=False) is None  # too soon
    again = sent.take(10.0, is_new=True)
    assert again is not None
    assert (again[1][0], again[0].partition(b"\r\n\r\n")[2]) == (first[1][0], first[0].partition(b"\r\n\r\n")[2])
    sent.answered(again[1], 204, b"", (10.0, 10.0, 10.1))
    assert (sent.accepted, sent.refused, sent.waiting) == ({1}, {1}, [])
    assert sent.take(99.0, is_new=False) is None


def test_each_member_is_asked_for_in_turn_and_no_oftener_than_allowed() -> None:
    syncs = Syncs(["ann", "bob"], "key", rounds=2)
    asked = [call[0].split(b" ")[1].rpartition(b"/")[2] for _ in range(6) if (call := syncs.take(0.0, is_new=True))]
    assert asked == [b"ann", b"bob", b"ann", b"bob"]


def soaked(failures: list[tuple[float, float, str]], truth: Truth) -> Soaked:
    noted = {"failures": failures, "outcomes": {"120": {"200": 10, "503": len(failures)}}, "waits": {"120": {"5": 10}}}
    nothing = {"failures": [], "outcomes": {}, "waits": {}}
    per_s = {"read": 1.0, "webhook": 1.0, "sync": 1.0}
    return Soaked(
        seconds=600, limits=per_s, per_s=per_s, noted={"began": 90.0, "kinds": {"read": noted, "webhook": nothing, "sync": nothing}},
        windows=[RESTART], left_out=[], memory={"server 1": [(t, 100 + t / 30) for t in range(90, 690, 2)]}, cpu_s={"server 1": 60.0},
        started_at={}, events=3, members=2, truth=truth,
    )  # fmt: skip


def test_goals_are_missed_by_one_failure_one_lost_delivery_one_wrong_record_and_growth() -> None:
    good = {line.what: line.is_met for line in told.lines(soaked([(101, 102, "503")], Truth(accepted=5)))}
    assert good == {**dict.fromkeys(good, True), "memory of server 1": False}
    bad = told.lines(soaked([(120, 121, "503")], Truth(accepted=5, unstored=1, wrong_records=["ann sleep: 1 held, 2 truly"])))
    missed = {line.what for line in bad if not line.is_met}
    assert missed == {"failed outside the faults' windows", "accepted deliveries", "records and days", "memory of server 1"}
