"""The budget: exact over any sliding minute, whoever asks."""

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wearbase.store.postgres.database import Database
from wearbase.store.work import budget
from wearbase.store.work.budget import Ceilings, Purpose
from wearbase.store.work.due import Priority

START = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
LIMIT = 7


FOR_A_PERSON = Purpose(reason="person", priority=Priority.PERSON)


async def ask(db: Database, at: datetime, calls: int = 1, *, app: str = "a", per_day: int = 10_000) -> datetime | None:
    ceilings = Ceilings(per_minute=LIMIT, per_day=per_day)
    async with db.transaction() as tx:
        return (await budget.reserve(tx, "whoop", app, FOR_A_PERSON, ceilings=ceilings, calls=calls, now=at)).wait_until


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
            await budget.close(tx, "whoop", "a", until=until)
    assert await ask(db, START) == late
    assert await ask(db, START, app="another") is None
    assert await ask(db, late) is None
