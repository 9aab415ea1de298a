"""The loop: from one instant at which something is due to the next."""

import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bench.simdays import behaviour, looks, people
from bench.simdays.compare import Compared, Gap, compare
from bench.simdays.events import Event, Events
from bench.simdays.looks import Looked
from bench.simdays.plan import Plan, at_ms, instant, user_of
from bench.simdays.stage import Stage, staged
from wearbase.store.work import chores, due
from wearbase.sync.chores import plan_chores
from wearbase_sim.api.calls import Calls

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
PROVED, PROVED_EVERY = 100, timedelta(seconds=5)


@dataclass
class Outcome:
    """What a simulated day came to."""

    plan: Plan
    events: list[Event]
    at_end: datetime
    records: Compared
    looked: list[Looked]
    budget: dict[str, Any]
    provider: dict[str, Any]
    token_calls: int
    read: Counter[str] = field(default_factory=Counter)
    oldest_open: dict[str, timedelta | None] = field(default_factory=dict)
    idle_age: list[timedelta] = field(default_factory=list)
    proved: list[Looked] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)
    took_s: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    appeared: Counter[str] = field(default_factory=Counter)


async def simulated(plan: Plan, url: str) -> Outcome:
    """A warm-up and 24 hours, on the migrated database at `url`."""
    async with staged(plan, url) as stage:
        return await Day(stage).run()


class Day:
    """One run of the loop."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.plan = stage, stage.plan
        self.events = Events(stage)
        self.records, self.looked, self.read = Compared(), list[Looked](), Counter[str]()
        self.looks: list[behaviour.Look] = []
        self.midnights: list[tuple[datetime, list[int]]] = []
        self.steps, self.took_s = 0, dict[str, float]()
        self._behind_at = stage.now

    async def run(self) -> Outcome:
        plan, stage = self.plan, self.stage
        await self._timed("settling", people.settle(stage))
        self.looks = behaviour.begin(stage)
        self.midnights = _midnights(stage)
        await self._timed("warm-up", self._until(plan.measures_from))
        await self._begin_measuring()
        await self._timed("measured", self._until(plan.ends_at - SHORTEST))
        outcome = await self._timed("comparing", self._outcome())
        outcome.proved = await self._timed("looking at idle members", self._prove())
        return outcome

    async def _begin_measuring(self) -> None:
        """The provider's day begins with ours. Hours are not taken for a day: what they used says nothing of a day's habits."""
        self.stage.world.calls = Calls()
        self.stage.world.quotas.clear()
        self.stage.said.clear()
        if self.plan.warm_up < DAY:
            await self.stage.rows("update wearbase.budget set used = '{}' returning day")

    async def _timed(self, what: str, work: Any) -> Any:
        began = time.perf_counter()
        try:
            return await work
        finally:
            self.took_s[what] = time.perf_counter() - began

    async def _until(self, end: datetime) -> None:
        shown = time.perf_counter()
        await plan_chores(self.stage.engine)  # the worker's heartbeat does so
        while self.stage.now < end:
            await self._step(await self._next(end))
            if time.perf_counter() - shown > 10:
                shown = time.perf_counter()
                await self._show()

    async def _show(self) -> None:
        found = (await self.stage.rows("select used, thinned, forecast from wearbase.budget"))[0]
        forecast = {name: found["forecast"][name] for name in ("needed", "left", "thinned") if found["forecast"]}
        used, calls = found["used"], dict(self.stage.world.calls.kinds)
        print(f"{self.stage.now:%d %H:%M} {calls} {used} left out {found['thinned']} {forecast}", file=sys.stderr, flush=True)

    async def _next(self, end: datetime) -> datetime:
        now = self.stage.now
        found = [await self._engine_due(), instant(min(self.stage.world.course.next_ms(), at_ms(end)))]
        found += [look.at for look in self.looks[:1]] + [at for at, _ in self.midnights[:1]]
        return min(end, max(now + SHORTEST, min(at for at in [*found, now + LONGEST] if at)))

    async def _engine_due(self) -> datetime | None:
        async with self.stage.engine.db.connection() as tx:
            return min((at for at in (await due.next_due(tx), await chores.next_due(tx)) if at), default=None)

    async def _step(self, at: datetime) -> None:
        stage, self.steps = self.stage, self.steps + 1
        await stage.move(at)
        self.events.hear()
        await asyncio.gather(*(stage.receiver.receive("whoop", headers, body) for headers, body in stage.arrived()))
        while self.looks and self.looks[0].at <= at:
            self.looked.append(await looks.look(stage, self.looks.pop(0).number))
        await stage.worker.drain()
        await self.events.look()
        if at - self._behind_at >= MINUTE:
            self._behind_at = at
            await self.events.look_behind()
        for looked in self.looked:
            await looks.check(stage, looked)
        while self.midnights and self.midnights[0][0] <= at:
            await self._day_ends(self.midnights.pop(0)[1])

    async def _prove(self) -> list[Looked]:
        """After the day, with the next day's calls, somebody looks at some who were idle: is everything there then?"""
        back = {looked.number for looked in self.looked}
        idle = [number for number in self.plan.numbers if not self.plan.is_looked_at(number) and number not in back]
        # Their calls are a small part of the new day's.
        sample = self.plan.draw("sample").sample(idle, min(len(idle), PROVED, self.plan.quota // 40))
        self.looked, self.midnights = [], []
        begins = self.plan.ends_at + 60 * MINUTE  # when the provider's day, which began with its first call, has begun again too
        self.looks = [behaviour.Look(begins + PROVED_EVERY * nth, number) for nth, number in enumerate(sample)]
        if sample:
            await self._until(begins + PROVED_EVERY * len(sample) + 10 * MINUTE)
            await self._show()
        return self.looked

    async def _day_ends(self, numbers: list[int]) -> None:
        """Some members' day is over: what of it is stored, and what was read whole within it?"""
        looking = [n for n in numbers if self.plan.is_looked_at(n)]
        found = await compare(self.stage, looking, since=DAY)
        found.gaps = [replace(gap, note=self._why(gap)) for gap in found.gaps]
        self.records.add(found)
        states = await self.stage.rows(
            "select resource, covered_at > %s as is_read from wearbase.sync_state where user_id = any(%s)",
            self.stage.now - DAY, [user_of(n) for n in looking],
        )  # fmt: skip
        self.read.update("read" if state["is_read"] else f"unread {state['resource']}" for state in states)

    def _why(self, gap: Gap) -> str:
        return ", its webhook was lost" if self.events.is_lost(user_of(gap.number), gap.resource, gap.external_id) else ""

    async def _outcome(self) -> Outcome:
        stage, plan = self.stage, self.plan
        await self.events.look_behind()
        for _, numbers in self.midnights:
            await self._day_ends(numbers)
        idle = [number for number in plan.numbers if not plan.is_looked_at(number)]
        measured = [replace(event) for event in self.events.all if event.at >= plan.measures_from]
        return Outcome(
            plan=plan, events=measured, at_end=stage.now, records=self.records, looked=self.looked,
            budget=(await stage.rows("select * from wearbase.budget") or [{}])[0], provider=stage.world.calls.report(),
            token_calls=stage.world.calls.kinds["token"], read=self.read, oldest_open=await self._oldest_open(),
            idle_age=await self._idle_age(idle), said=stage.said, took_s=self.took_s, steps=self.steps,
            appeared=Counter(event.resource for event in measured),
        )  # fmt: skip

    async def _oldest_open(self) -> dict[str, timedelta | None]:
        found = await self.stage.rows("select user_id, min(received_at) as at from wearbase.delivery where state = 'open' group by user_id")
        looking = {user_of(number): self.plan.is_looked_at(number) for number in self.plan.numbers}
        ages: dict[str, timedelta | None] = {"looking": None, "idle": None}
        for row in found:
            name, age = "looking" if looking[row["user_id"]] else "idle", self.stage.now - row["at"]
            ages[name] = max(age, ages[name] or age)
        return ages

    async def _idle_age(self, idle: list[int]) -> list[timedelta]:
        """How long ago each idle member was read whole."""
        found = await self.stage.rows(
            "select min(covered_at) as at from wearbase.sync_state where user_id = any(%s) group by user_id", [user_of(n) for n in idle]
        )
        return [self.stage.now - row["at"] for row in found]


def _midnights(stage: Stage) -> list[tuple[datetime, list[int]]]:
    """When the local days of the members end within the measured hours, and whose."""
    plan, by_instant = stage.plan, dict[datetime, list[int]]()
    for number in plan.numbers:
        home = stage.world.person(number).home
        day = home.local_day(at_ms(plan.measures_from)) + 1
        by_instant.setdefault(instant(home.midnight_ms(day)), []).append(number)
    return sorted(by_instant.items())
