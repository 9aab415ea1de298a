"""A simulated day as the benchmark has it, with few members."""

import dataclasses
from datetime import timedelta

from bench.simdays import told
from bench.simdays.day import simulated
from bench.simdays.plan import Plan

FEW = Plan(members=8, quota=400, warm_up=timedelta(hours=1), loss=0)


async def test_a_day_with_calls_to_spare_carries_its_members(database_url: str) -> None:
    day = await simulated(FEW, database_url)
    assert [f"{c.what}: {c.found}" for c in told.conditions(day) if not c.holds] == []
    assert sum(day.budget["used"].values()) == day.provider["data"] > 8 * 4
    assert {event.resource for event in day.events} == {"sleep", "recovery", "workout"}
    assert any("carried: YES" in line for line in told.lines(day))


async def test_a_day_with_too_few_calls_says_so_and_what_was_never_announced_is_told_apart(database_url: str) -> None:
    day = await simulated(dataclasses.replace(FEW, quota=16, loss=0.5, steps=2), database_url)
    missed = {c.what for c in told.conditions(day) if not c.holds}
    assert day.provider["data"] <= 16
    assert {"events visible within 60 s", "every record of the day stored by its end"} <= missed
    assert any("carried: NO" in line for line in told.lines(day))
    assert 0.2 < sum(event.is_lost for event in day.events) / len(day.events) < 0.8
    recoveries = [event.external_id for event in day.events if event.resource == "recovery"]
    assert len(recoveries) >= 2 * len(set(recoveries)), "each is told when the night is stored, and when it has ended"
