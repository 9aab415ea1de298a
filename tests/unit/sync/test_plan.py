"""What a visit reads: from what is due, what is known and what is affordable."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.timetable import DAY, LONG_OVERLAP, Local
from wearbase.domain.windows import Window
from wearbase.providers.whoop import PROVIDER
from wearbase.store.deliveries import OpenDelivery
from wearbase.store.work.due import Priority, SyncState
from wearbase.sync.visits.plan import Lane, Situation, plan

EVERY = ("recovery", "sleep", "workout", "cycle")
MEMBER = Local(60, "ann/whoop")
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
THIS_MORNING, YESTERDAY = NOON - timedelta(hours=5), NOON - timedelta(hours=20)
REASONS = ("connect", "person", "day", "look", "delivery", "pending", "timetable", "idle", "spare", "retry")


def state(resource: str, **more: Any) -> SyncState:
    """A resource that is not due and was read this morning."""
    empty = dict.fromkeys(SyncState.__dataclass_fields__)
    usual = {
        "resource": resource, "due_at": NOON + timedelta(hours=2), "reason": "timetable", "priority": 2, "slot": 14, "marks": 3,
        "served_marks": 3, "watermark": YESTERDAY, "covered_at": THIS_MORNING, "window_is_asked": False, "backfill_pages": 0,
        "records_synced": 0, "api_calls": 0, "attempts": 0, "pending_reads": 0,
    }  # fmt: skip
    return SyncState(**{**empty, **usual, **more})


def states(due: dict[str, dict[str, Any]] | None = None, **every: Any) -> list[SyncState]:
    now_due = {"due_at": NOON, "slot": None}
    return [state(name, **every, **({**now_due, **due[name]} if due and name in due else {})) for name in EVERY]


def delivery(**more: Any) -> dict[str, Any]:
    return {"reason": "delivery", "priority": 1, **more}


def news(resource: str, action: str = "updated", **more: Any) -> OpenDelivery:
    usual = {"is_known": False, "placed_at": None, "attempts": 0, "is_by_parent": False, "sent_at": NOON, "received_at": NOON}
    return OpenDelivery(id=1, resource=resource, action=action, external_id="x", **{**usual, **more})


def situation(*fresh: OpenDelivery, **more: Any) -> Situation:
    return Situation(provider=PROVIDER, local=MEMBER, now=NOON, news=fresh, **more)


def read(found: Any) -> list[str]:
    return sorted(walk.resource for walk in found.walks)


def test_a_workout_reads_its_own_collection_and_the_cycle() -> None:
    found = plan(states({"workout": delivery()}), situation(news("workout")))
    assert {w.resource: w.purpose.reason for w in found.walks} == {"workout": "delivery", "cycle": "companion"}
    assert all(w.purpose.priority == Priority.DELIVERY for w in found.walks)


def test_without_calls_to_spare_a_workout_reads_its_own_collection_alone() -> None:
    assert read(plan(states({"workout": delivery()}), situation(news("workout"), has_companions=False))) == ["workout"]


def test_the_nights_first_delivery_reads_everything_and_the_second_only_its_own() -> None:
    early = states({"sleep": delivery(), "recovery": delivery()}, covered_at=YESTERDAY)
    found = plan(early, situation(news("sleep"), news("recovery")))
    assert read(found) == sorted(EVERY)
    assert {w.purpose.reason for w in found.walks} == {"morning"}
    assert {w.purpose.priority for w in found.walks} == {Priority.DELIVERY}
    later = plan(states({"recovery": delivery()}), situation(news("recovery")))
    assert read(later) == ["cycle", "recovery"]


def test_a_night_told_after_an_early_read_has_its_cycle_read_again_even_where_calls_are_short() -> None:
    early = [
        replace(s, covered_at=NOON - timedelta(hours=7)) if s.resource == "cycle" else s
        for s in states({"sleep": delivery(), "recovery": delivery()}, covered_at=YESTERDAY)
    ]
    assert read(plan(early, situation(news("sleep"), news("recovery")))) == sorted(EVERY)
    tight = situation(news("recovery"), has_companions=False)
    assert read(plan(states({"recovery": delivery()}), tight)) == ["cycle", "recovery"]
    assert read(plan(states({"sleep": delivery()}), situation(news("sleep"), has_companions=False))) == ["sleep"]  # a nap


def test_a_rescore_of_a_night_that_is_stored_is_not_taken_for_the_morning() -> None:
    early = states({"sleep": delivery()}, covered_at=YESTERDAY)
    assert read(plan(early, situation(news("sleep", is_known=True, placed_at=YESTERDAY)))) == ["cycle", "sleep"]


def test_the_mornings_slot_reads_everything_that_this_morning_has_not_had() -> None:
    due = states({name: {"reason": "timetable", "priority": 2, "slot": 8} for name in EVERY}, covered_at=YESTERDAY)
    found = plan(due, situation())
    assert read(found) == sorted(EVERY)
    assert all(w.is_slots and w.purpose.priority == Priority.TIMETABLE for w in found.walks)
    assert all(w.window.start <= NOON - PROVIDER.overlap for w in found.walks)


def test_where_calls_are_short_a_morning_that_nothing_announces_is_read_at_noon() -> None:
    due = states({name: {"reason": "timetable", "priority": 2, "slot": 8} for name in EVERY}, covered_at=YESTERDAY)
    early = replace(situation(has_late_mornings=True), now=NOON - timedelta(hours=3))
    early_due = [replace(s, due_at=early.now) for s in due]
    found = plan(early_due, early)
    assert found.walks == []
    assert {(s.until.slot, s.thinned) for s in found.skips} == {(8, None)}
    noon = {s.until.at for s in found.skips}
    assert len(noon) == 1
    assert read(plan([replace(s, due_at=min(noon)) for s in due], replace(early, now=min(noon)))) == sorted(EVERY)
    told = [replace(s, reason="delivery", priority=1, slot=None) if s.resource == "sleep" else s for s in early_due]
    assert read(plan(told, replace(early, news=[news("sleep")]))) == sorted(EVERY)


def test_once_a_week_the_morning_looks_a_month_back() -> None:
    long = [
        day
        for day in range(7)
        if plan(
            [replace(s, due_at=NOON + day * DAY, reason="timetable", slot=8, covered_at=NOON - DAY) for s in states()],
            replace(situation(), now=NOON + day * DAY),
        ).walks[0].window.start == NOON + day * DAY - LONG_OVERLAP
    ]  # fmt: skip
    assert len(long) == 1


def test_a_deletion_reads_nothing() -> None:
    found = plan(states({"workout": delivery()}), situation(news("workout", "deleted")))
    assert found.walks == []
    assert [(s.resource, s.until.slot, s.thinned) for s in found.skips] == [("workout", 14, None)]


def test_a_known_record_from_before_the_overlap_is_left_to_its_id() -> None:
    old = news("workout", is_known=True, placed_at=NOON - 40 * DAY)
    assert plan(states({"workout": delivery()}), situation(old)).walks == []
    assert read(plan(states({"workout": delivery()}), situation(old, news("workout")))) == ["cycle", "workout"]


def test_a_record_asked_for_before_and_not_there_yet_is_left_to_its_id() -> None:
    assert plan(states({"workout": delivery()}), situation(news("workout", attempts=2))).walks == []


def test_a_thinned_slot_is_left_out_and_says_so() -> None:
    due = states(
        {"workout": {"reason": "timetable", "priority": 2, "slot": 14}, "cycle": {"reason": "timetable", "priority": 2, "slot": 14}}
    )
    assert read(plan(due, situation())) == ["cycle", "workout"]
    found = plan(due, situation(thinned=frozenset({"14:00 workout", "14:00 cycle"})))
    assert found.walks == []
    assert {(s.resource, s.thinned) for s in found.skips} == {("workout", "14:00 workout"), ("cycle", "14:00 cycle")}
    assert all(s.until.at > NOON for s in found.skips)


def test_what_was_read_since_the_last_slot_that_is_kept_is_not_read_again_for_the_night() -> None:
    night = MEMBER.slot(MEMBER.day(NOON), 23).at
    thinned = frozenset({"20:00 workout", "14:00 workout"})
    for hours_ago, is_read in ((5, False), (16, True)):
        covered_at = night - timedelta(hours=hours_ago)
        due = replace(state("workout"), due_at=night, slot=23, covered_at=covered_at)
        assert read(plan([due], replace(situation(thinned=thinned), now=night))) == (["workout"] if is_read else [])


def test_an_idle_member_waits_for_the_idle_visit_which_reads_everything() -> None:
    due = states({"workout": {"reason": "timetable", "priority": 2, "slot": 14}})
    found = plan(due, situation(is_idle=True, idle_every=3 * DAY))
    assert found.walks == []
    assert [(s.until.reason, s.until.priority) for s in found.skips] == [("idle", Priority.BACKFILL)]
    assert NOON + 2 * DAY < found.skips[0].until.at < NOON + 4 * DAY
    waited = states({"workout": {"reason": "idle", "priority": 3}}, covered_at=NOON - 4 * DAY, watermark=NOON - 4 * DAY)
    visit = plan(waited, situation(is_idle=True, idle_every=3 * DAY))
    assert read(visit) == sorted(EVERY)
    assert all(w.window.start == NOON - 4 * DAY - PROVIDER.overlap and w.purpose.reason == "idle" for w in visit.walks)


def test_a_person_is_served_even_where_the_member_was_idle() -> None:
    due = states({name: {"reason": "look", "priority": 0} for name in EVERY}, covered_at=NOON - 4 * DAY)
    found = plan(due, situation(is_idle=True))
    assert read(found) == sorted(EVERY)
    assert {w.purpose.priority for w in found.walks} == {Priority.PERSON}


def test_what_waits_after_a_failure_is_not_taken_along() -> None:
    early = [replace(s, attempts=3, error="provider_unavailable") if s.resource == "cycle" else s for s in states({"workout": delivery()})]
    assert read(plan(early, situation(news("workout")))) == ["workout"]


def test_a_resource_without_its_scope_is_never_read() -> None:
    due = [replace(s, due_at=None) if s.resource == "cycle" else s for s in states({"workout": delivery()})]
    assert read(plan(due, situation(news("workout")))) == ["workout"]


def test_an_open_window_is_taken_up_where_it_stands() -> None:
    window = {"window_start": YESTERDAY, "window_end": THIS_MORNING, "page_token": "p2"}
    found = plan(states({"workout": delivery(**window)}), situation(news("workout", "deleted")))
    (walk,) = [w for w in found.walks if w.resource == "workout"]
    assert (walk.is_open, walk.token, walk.window) == (True, "p2", Window(YESTERDAY, THIS_MORNING))


def test_a_range_that_a_person_named_is_read_first() -> None:
    due = states({"workout": {"reason": "person", "priority": 0, "asked_start": NOON - 50 * DAY, "asked_end": NOON - 49 * DAY}})
    (walk,) = plan(due, situation()).walks
    assert (walk.lane, walk.window) == (Lane.ASKED, Window(NOON - 50 * DAY, NOON - 49 * DAY))


def test_history_waits_for_everything_else() -> None:
    history = {"backfill_due_at": NOON, "backfill_start": NOON - 700 * DAY, "backfill_end": NOON - 100 * DAY}
    assert {w.lane for w in plan(states(None, **history), situation()).walks} == {Lane.BACKFILL}
    busy = plan(states({"workout": delivery()}, **history), situation(news("workout")))
    assert {w.lane for w in busy.walks} == {Lane.RECENT}


some_states = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries(
            {
                "due_at": st.sampled_from([None, NOON - DAY, NOON, NOON + DAY]), "reason": st.sampled_from(REASONS),
                "priority": st.integers(0, 3), "slot": st.sampled_from([None, 8, 14, 20, 23]),
                "covered_at": st.sampled_from([None, NOON - 9 * DAY, YESTERDAY, THIS_MORNING]), "attempts": st.integers(0, 2),
                "watermark": st.sampled_from([None, NOON - 9 * DAY, YESTERDAY]),
            }
        )
        for name in EVERY
    }
)  # fmt: skip
some_news = st.lists(
    st.builds(
        news, st.sampled_from(EVERY[:3]), st.sampled_from(["updated", "deleted"]), is_known=st.booleans(),
        placed_at=st.sampled_from([None, YESTERDAY, NOON - 40 * DAY]), attempts=st.integers(0, 1),
    ),
    max_size=4,
)  # fmt: skip


@given(each=some_states, fresh=some_news, is_idle=st.booleans(), is_tight=st.booleans())
def test_whatever_is_due_is_read_or_put_off_once_and_every_window_covers_the_overlap(
    each: dict[str, dict[str, Any]], fresh: list[OpenDelivery], is_idle: bool, is_tight: bool
) -> None:
    given_states = [state(name, **each[name]) for name in EVERY]
    thinned = frozenset(f"{hour}:00 {name}" for hour in (20, 14, 23) for name in EVERY) if is_tight else frozenset()
    found = plan(given_states, situation(*fresh, is_idle=is_idle, thinned=thinned, has_companions=not is_tight))
    due = {s.resource for s in given_states if s.due_at is not None and s.due_at <= NOON}
    walked, skipped = [w.resource for w in found.walks], [s.resource for s in found.skips]
    assert len({*walked, *skipped}) == len(walked) + len(skipped)
    assert due <= {*walked, *skipped}
    readable = {s.resource for s in given_states if s.due_at is not None}
    assert set(walked) <= readable
    for walk in found.walks:
        watermark = next(s.watermark for s in given_states if s.resource == walk.resource)
        assert walk.window.end == NOON
        assert walk.window.start <= min(watermark or NOON, NOON) - PROVIDER.overlap
    assert all(s.until.at > NOON or s.thinned is None for s in found.skips)
    for s in given_states:  # nobody who waits is put off
        if s.resource in due and s.reason in ("connect", "person", "day", "look"):
            assert s.resource in walked
