"""The course of time: what appears by itself, what was planned, and the webhooks that both cause, in order."""

import asyncio
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wearbase_sim import lifecycle
from wearbase_sim.agenda import FAR_FUTURE_MS, Agenda
from wearbase_sim.faults.switched import Fault
from wearbase_sim.members.events.found import Impossible

if TYPE_CHECKING:
    from wearbase_sim.world import World

NOTICE = {"sleep": "sleep.updated", "recovery": "recovery.updated", "workout": "workout.updated"}


@dataclass
class Told:
    """What happened during a stretch of time."""

    appeared: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[int] = field(default_factory=list)
    # Planned events that were not possible when their time came.
    missed: list[str] = field(default_factory=list)


class Course:
    """Moves the world from instant to instant. Only members with a grant are watched: nobody hears of the others."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.agenda = Agenda()
        self.told = Told()
        self._told_ms: dict[int, int] = {}
        self._news: list[tuple[int, int]] = []
        self._planned_ms: dict[int, int] = {}
        self._turn = asyncio.Lock()

    def watch(self, number: int) -> None:
        """Tell the app of a member's news from now on."""
        self._told_ms[number] = self._world.clock.now_ms()
        self._plan(number)

    def replan(self, number: int) -> None:
        """A member's coming records may have moved."""
        if number in self._told_ms:
            self._plan(number)

    def plan_event(self, number: int, at_ms: int, *, event: str, wish: dict[str, Any], label: str = "") -> None:
        """Have an event happen to a member."""
        self.agenda.plan(at_ms, lambda when_ms: self.attempt(number, event, wish, at_ms=when_ms), label=label)

    def attempt(self, number: int, event: str, wish: dict[str, Any], *, at_ms: int) -> None:
        """Let a planned event happen; one that is not possible any more is noted."""
        try:
            self._world.act(number, event, wish, at_ms=at_ms)
        except (Impossible, ValueError, TypeError) as impossible:
            self.told.missed.append(f"{event}: {impossible}")

    async def run_to(self, target_ms: int, *, with_webhooks: bool = True, settle: bool = False) -> Told:
        """Everything up to an instant, one after the other, each at its own time. Time never goes back."""
        return await self._run(target_ms, with_webhooks=with_webhooks, settle=settle)

    async def leap_to(self, target_ms: int, *, with_webhooks: bool = True, settle: bool = False) -> Told:
        """An instant at once: what happened on the way is told there, in order, as after a night in which nobody listened."""
        self._pass_to(target_ms)
        told = await self._run(target_ms, with_webhooks=with_webhooks, settle=False)
        if settle:
            await self._world.sender.settle()
        return told

    async def _run(self, target_ms: int, *, with_webhooks: bool, settle: bool) -> Told:
        async with self._turn:
            self.told, self._world.is_quiet = Told(), not with_webhooks
            try:
                while (at_ms := self.next_ms()) <= target_ms:
                    self._pass_to(at_ms)
                    self._happen(at_ms)
                    if settle:
                        await self._world.sender.settle()
                self._pass_to(target_ms)
            finally:
                self._world.is_quiet = False
            if settle:
                await self._world.sender.settle()
            return self.told

    def next_ms(self) -> int:
        """The next instant at which something happens by itself."""
        while self._news and self._planned_ms.get(self._news[0][1]) != self._news[0][0]:
            heapq.heappop(self._news)
        news_ms = self._news[0][0] if self._news else FAR_FUTURE_MS
        return min(news_ms, self.agenda.next_ms(), self._world.sender.next_due_ms())

    def _pass_to(self, at_ms: int) -> None:
        if at_ms > self._world.clock.now_ms():
            self._world.clock.to(at_ms)

    def _happen(self, at_ms: int) -> None:
        while self._news and self._news[0][0] <= at_ms:
            planned_ms, number = heapq.heappop(self._news)
            if self._planned_ms.get(number) == planned_ms:
                self._hear(number, at_ms)
        while entry := self.agenda.pop(at_ms):
            entry.action(entry.at_ms)
        self._world.sender.send_due(at_ms)

    def _hear(self, number: int, at_ms: int) -> None:
        world = self._world
        if not world.grants.is_granted(number):
            del self._planned_ms[number]
            return
        found = world.timeline(number).appearing(self._told_ms[number], at_ms)
        self._told_ms[number] = at_ms
        self._announce(number, found)
        self._plan(number)

    def _announce(self, number: int, found: list[tuple[int, str, str]]) -> None:
        world, waiting = self._world, set[str]()
        user_id = world.user_id(number)
        for at_ms, resource, key in found:
            fault = world.faults.take("records", user_id=user_id) if resource in ("sleep", "workout") else None
            if fault and self._begin(number, (at_ms, resource, key), fault):
                waiting.add(key)
            self.told.appeared.append({"user_id": user_id, "resource": resource, "id": key})
            if resource != "recovery" or key not in waiting:
                self.told.deliveries += world.notify(number, kind=NOTICE[resource], record_id=key)

    def _begin(self, number: int, news: tuple[int, str, str], fault: Fault) -> bool:
        at_ms, resource, key = news
        try:
            return lifecycle.begin(self._world, number, at_ms, resource=resource, key=key, fault=fault)
        except Impossible as impossible:
            # An event of the same instant was first, and the record is not there any more.
            self.told.missed.append(f"{fault.kind}: {impossible}")
            return False

    def _plan(self, number: int) -> None:
        at_ms = self._world.timeline(number).next_appearance_ms(self._told_ms[number])
        self._planned_ms[number] = at_ms
        heapq.heappush(self._news, (at_ms, number))
