"""The budget: exact over any sliding minute, whoever asks."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wearbase.domain.provider import Quota
from wearbase.store.postgres.database import Database
from wearbase.store.work import budget
from wearbase.store.work.budget import Ceilings, Purpose, Said
from wearbase.store.work.due import Priority

START = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
LIMIT = 7


FOR_A_PERSON = Purpose(reason="person", priority=Priority.PERSON)


async def ask(db: Database, at: datetime, calls: int = 1, *, app: str = "a", per_day: int = 10_000) -> datetime | None:
    ceilings = Ceilings(per_minute=LIMIT, per_day=per_day)
    async with db.transaction() as tx:
        return (await budget.reserve(tx, "whoop", app, replace(FOR_A_PERSON, calls=calls), ceilings=ceilings, now=at)).wait_until


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=st.lists(st.tuples(st.floats(0, 40), st.integers(1, 4)), min_size=5, max_size=40), app=st.uuids())
async def test_no_sliding_minute_ever_holds_more_than_the_limit(db: Database, gaps: list[tuple[float, int]], app: object) -> None:
    at, granted = START, []
    for gap_s, calls in gaps:
        at += timedelta(seconds=gap_s)
        wait_until = await ask(db, at, calls, app=str(app))
        if wait_until is None:
            granted += [at] * calls
        else:
            assert wait_until > at
            assert await ask(db, wait_until, calls, app=str(app)) is None
            granted += [wait_until] * calls
            at = wait_until
        assert sum(1 for g in granted if g > at - timedelta(seconds=60)) <= LIMIT


async def test_many_at_once_share_one_budget(any_db: Database) -> None:
    answers = await asyncio.gather(*(ask(any_db, START) for _ in range(30)))
    assert sum(1 for a in answers if a is None) == LIMIT
    assert {a for a in answers if a is not None} == {START + timedelta(seconds=60)}


async def test_a_day_used_up_opens_at_the_next(db: Database) -> None:
    assert await ask(db, START, per_day=2) is None
    assert await ask(db, START + timedelta(minutes=2), per_day=2) is None
    assert await ask(db, START + timedelta(minutes=4), per_day=2) == datetime(2026, 11, 19, tzinfo=UTC)
    assert await ask(db, datetime(2026, 11, 19, tzinfo=UTC), per_day=2) is None


async def test_a_closed_gate_is_closed_for_everybody_and_never_reopened_early(db: Database) -> None:
    late, early = START + timedelta(hours=2), START + timedelta(minutes=1)
    for until in (late, early):
        async with db.transaction() as tx:
            await budget.close(tx, "whoop", "a", until=until, now=START)
    assert await ask(db, START) == late
    assert await ask(db, START, app="another") is None
    assert await ask(db, late) is None


async def take(db: Database, at: datetime, priority: Priority, *, calls: int = 1, per_minute: int = 1_000, per_day: int = 100) -> bool:
    purpose, ceilings = Purpose(reason=priority.name.lower(), priority=priority), Ceilings(per_minute=per_minute, per_day=per_day)
    async with db.transaction() as tx:
        return (await budget.reserve(tx, "whoop", "s", replace(purpose, calls=calls), ceilings=ceilings, now=at)).wait_until is None


async def filled(db: Database, at: datetime, priority: Priority, **limits: int) -> int:
    """How many calls one after another are granted."""
    count = 0
    while await take(db, at, priority, **limits):
        count += 1
    return count


async def test_of_a_minute_each_priority_leaves_room_for_those_before_it(db: Database) -> None:
    limits = {"per_minute": 20, "per_day": 10_000}
    assert await filled(db, START, Priority.BACKFILL, **limits) == 10
    assert await filled(db, START, Priority.TIMETABLE, **limits) == 5
    assert await filled(db, START, Priority.DELIVERY, **limits) == 3
    assert await filled(db, START, Priority.PERSON, **limits) == 2
    assert not await take(db, START + timedelta(seconds=59), Priority.BACKFILL, **limits)
    assert await take(db, START + timedelta(seconds=60), Priority.BACKFILL, **limits)


async def test_a_part_of_the_day_is_kept_for_persons_and_deliveries_and_falls_free_towards_its_end(db: Database) -> None:
    noon, evening = START, START + timedelta(hours=11, minutes=59)
    assert await filled(db, noon, Priority.TIMETABLE) == 95  # a tenth, of which half the day is over
    assert not await take(db, noon, Priority.BACKFILL)
    assert await filled(db, noon, Priority.DELIVERY) == 3
    assert await take(db, noon, Priority.PERSON)
    assert await take(db, evening, Priority.PERSON)
    assert not await take(db, evening, Priority.PERSON)


async def test_history_leaves_what_the_forecast_says_the_day_still_needs(db: Database) -> None:
    assert await take(db, START, Priority.BACKFILL)
    async with db.transaction() as tx:
        await budget.keep_forecast(tx, "whoop", "s", {"needed": 60}, now=START)
    assert await filled(db, START, Priority.BACKFILL) == 29
    assert await filled(db, START, Priority.TIMETABLE) == 65


async def test_calls_that_others_made_with_the_same_app_are_learnt_from_the_headers(db: Database) -> None:
    assert await take(db, START, Priority.PERSON)
    async with db.transaction() as tx:
        await budget.learn(tx, "whoop", "s", Quota(limit=10, remaining=9, reset_after_s=60, limits_by_window_s={60: 10, 86_400: 50}))
    said = Said(limit=10, remaining=3, resets_at=START + timedelta(seconds=30), at=START)
    ceilings = Ceilings(per_minute=1_000, per_day=1_000)
    async with db.transaction() as tx:
        answer = await budget.reserve(tx, "whoop", "s", replace(FOR_A_PERSON, calls=4), ceilings=ceilings, said=said, now=START)
        assert answer.wait_until == START + timedelta(seconds=30)
        assert (
            await budget.reserve(tx, "whoop", "s", replace(FOR_A_PERSON, calls=3), ceilings=ceilings, said=said, now=START)
        ).wait_until is None
        later = START + timedelta(seconds=31)
        assert (await budget.reserve(tx, "whoop", "s", replace(FOR_A_PERSON, calls=4), ceilings=ceilings, now=later)).wait_until is None


async def test_a_day_that_others_have_nearly_used_is_not_overdrawn(db: Database) -> None:
    assert await take(db, START, Priority.PERSON)
    async with db.transaction() as tx:
        await budget.learn(tx, "whoop", "s", Quota(limit=10, remaining=9, reset_after_s=60, limits_by_window_s={60: 10, 86_400: 50}))
    reset = START + timedelta(hours=20)  # the provider's day need not begin at midnight
    said = Said(limit=50, remaining=2, resets_at=reset, at=START)
    midnight = datetime(2026, 11, 19, tzinfo=UTC)
    ceilings = Ceilings(per_minute=1_000, per_day=1_000)

    async def ask_at(at: datetime, said: Said | None = None, calls: int = 1) -> datetime | None:
        async with db.transaction() as tx:
            return (
                await budget.reserve(tx, "whoop", "s", replace(FOR_A_PERSON, calls=calls), ceilings=ceilings, said=said, now=at)
            ).wait_until

    assert await ask_at(START, said, calls=3) == midnight
    assert await ask_at(START, calls=2) is None
    assert await ask_at(START) == midnight
    assert await ask_at(midnight) == reset
    assert await ask_at(reset) is None


async def test_what_was_used_is_told_by_reason_and_kept_for_the_day_after(db: Database) -> None:
    for priority in (Priority.PERSON, Priority.PERSON, Priority.TIMETABLE):
        assert await take(db, START, priority)
    ceilings = Ceilings(per_minute=80, per_day=100)
    async with db.connection() as tx:
        today = await budget.standing(tx, "whoop", "s", ceilings=ceilings, now=START)
        tomorrow = await budget.standing(tx, "whoop", "s", ceilings=ceilings, now=START + timedelta(days=1))
        nobody = await budget.standing(tx, "whoop", "never", ceilings=ceilings, now=START)
    assert (today.by_reason, today.day_used, today.minute_used, today.day_left) == ({"person": 2, "timetable": 1}, 3, 3, 97)
    assert (tomorrow.by_reason, tomorrow.by_reason_before, tomorrow.day_used) == ({}, today.by_reason, 0)
    assert (nobody.day_used, nobody.day_left, nobody.forecast) == (0, 100, None)


async def test_several_members_failing_in_a_row_pause_everybody_and_one_call_tries_afterwards(db: Database) -> None:
    assert await take(db, START, Priority.PERSON)
    async with db.transaction() as tx:
        for member in (1, 2, 2, 3):
            found = await budget.note_outage(tx, "whoop", "s", member=member, now=START, stale=START - timedelta(minutes=10))
        assert found["members"] == 3
        await budget.pause(tx, "whoop", "s", until=START + timedelta(seconds=15))
    assert not await take(db, START + timedelta(seconds=14), Priority.PERSON)
    assert await take(db, START + timedelta(seconds=15), Priority.PERSON)
    assert not await take(db, START + timedelta(seconds=16), Priority.PERSON)
    async with db.transaction() as tx:
        assert await budget.note_recovery(tx, "whoop", "s")
    assert await filled(db, START + timedelta(seconds=16), Priority.PERSON) > 5


LIMITS = st.integers(-3, 12)
SAID = st.builds(
    lambda limit, remaining, reset_s: Said(limit=limit, remaining=remaining, resets_at=START + timedelta(seconds=reset_s), at=START),
    LIMITS, st.integers(-20, 20), st.sampled_from([-10**9, -60, 0, 1, 59, 86_400, 10**9]),
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(minute=LIMITS, day=LIMITS, said=SAID)
async def test_no_header_ever_switches_the_budget_off_or_stops_it_for_longer_than_its_window(
    db: Database, minute: int, day: int, said: Said
) -> None:
    ceilings, name, granted = Ceilings(per_minute=LIMIT, per_day=9), uuid.uuid4().hex, 0
    assert await ask(db, START - timedelta(minutes=2), app=name, per_day=9) is None
    async with db.transaction() as tx:
        sql = "update wearbase.budget set minute_limit = %s, day_limit = %s where app = %s"  # as an older process may have
        await tx.execute(sql, (minute, day, name))
        for at in (START + timedelta(milliseconds=ms) for ms in range(12)):
            answer = await budget.reserve(tx, "whoop", name, FOR_A_PERSON, ceilings=ceilings, said=said, now=at)
            if answer.wait_until is None:
                granted += 1
            else:
                assert at < answer.wait_until <= budget.next_day(START)
        (found,) = await (await tx.execute("select day_calls from wearbase.budget where app = %s", (name,))).fetchall()
    assert found == (granted + 1,)
    assert granted <= LIMIT


async def test_a_limit_of_none_is_not_learned(db: Database) -> None:
    assert await ask(db, START) is None
    for windows in ({60: 5, 86_400: 50}, {60: 0, 86_400: -1}, {}):
        async with db.transaction() as tx:
            await budget.learn(tx, "whoop", "a", Quota(limit=5, remaining=4, reset_after_s=60, limits_by_window_s=windows))
            found = await (await tx.execute("select minute_limit, day_limit from wearbase.budget")).fetchall()
        assert found == [(5, 50)]
