"""The simulated cloud as one value: members, grants, clock, quota, calls, faults, webhooks."""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Any

from starlette.requests import Request

from wearbase_sim.api.calls import Calls
from wearbase_sim.api.quota import Quota
from wearbase_sim.clock import Clock
from wearbase_sim.faults import Faults
from wearbase_sim.members import ids
from wearbase_sim.members.person import Person, make_person
from wearbase_sim.members.timeline import Timeline
from wearbase_sim.oauth.grants import Grants
from wearbase_sim.options import Options
from wearbase_sim.webhooks.sender import Sender

NOTICE = {"sleep": "sleep.updated", "recovery": "recovery.updated", "workout": "workout.updated"}


class World:
    """Everything that the simulator knows. Only edits, grants and the clock are not derived from the seed."""

    def __init__(self, options: Options, *, webhook_transport: Any = None) -> None:
        self.options = options
        self.clock = Clock(options.start_ms)
        if options.speed >= 0:
            self.clock.run(options.speed)
        self.born_ms = self.clock.now_ms()
        self.grants = Grants(options.client_secret, f"{options.seed}:{self.born_ms}")
        self.consented: set[int] = set()
        self.quotas: dict[str, Quota] = {}
        self.calls = Calls()
        self.faults = Faults()
        self.sender = Sender(self.clock, self.faults, options=lambda: self.options, transport=webhook_transport)
        self._timelines: dict[int, Timeline] = {}
        self._told_ms: dict[int, int] = {}
        self._news: list[tuple[int, int]] = []
        self._planned_ms: dict[int, int] = {}

    def person(self, number: int) -> Person:
        """A member."""
        return make_person(self.options.seed, number)

    def people(self, *, limit: int | None = None) -> Iterator[Person]:
        """All members, by number."""
        return islice((self.person(number) for number in range(1, self.options.members + 1)), limit)

    def user_id(self, number: int) -> int:
        """The id under which clients know a member."""
        return ids.user_id(number)

    def timeline(self, number: int) -> Timeline:
        """A member's records."""
        if number not in self._timelines:
            person = self.person(number)
            self._timelines[number] = Timeline(person, person.zone.local_day(self.born_ms) - self.options.days)
        timeline = self._timelines[number]
        timeline.recovery_delay_ms = int(self.options.recovery_delay_s * 1000)
        return timeline

    def quota(self, client_id: str) -> Quota:
        """A client's call quota."""
        return self.quotas.setdefault(client_id, Quota())

    # Notices of what appears as time passes.

    def watch(self, number: int) -> None:
        """Tell the app of a member's news from now on."""
        self._told_ms[number] = self.clock.now_ms()
        self._plan(number)

    def notify(self, number: int, *, kind: str, record_id: str) -> list[int]:
        """Send a notice, if the member has a live grant."""
        if not self.grants.is_granted(number):
            return []
        return self.sender.notify(self.user_id(number), kind=kind, record_id=record_id)

    def tell_news(self, *, with_webhooks: bool = True) -> tuple[list[dict[str, Any]], list[int]]:
        """What has appeared since the last time for members with a grant, and the deliveries it caused."""
        now_ms = self.clock.now_ms()
        found = [entry for number in self._due(now_ms) for entry in self._unheard(number, now_ms)]
        news = sorted(found, key=lambda entry: entry[0])
        appeared = [{"user_id": self.user_id(number), "resource": resource, "id": key} for _, number, resource, key in news]
        deliveries: list[int] = []
        for _, number, resource, key in news if with_webhooks else ():
            deliveries += self.notify(number, kind=NOTICE[resource], record_id=key)
        return appeared, deliveries

    def _unheard(self, number: int, now_ms: int) -> list[tuple[int, int, str, str]]:
        found = self.timeline(number).appearing(self._told_ms[number], now_ms)
        self.watch(number)
        return [(at_ms, number, resource, key) for at_ms, resource, key in found]

    def _due(self, now_ms: int) -> list[int]:
        due = []
        while self._news and self._news[0][0] <= now_ms:
            at_ms, number = heapq.heappop(self._news)
            if self._planned_ms.get(number) == at_ms and self.grants.is_granted(number):
                due.append(number)
        return due

    def _plan(self, number: int) -> None:
        at_ms = self.timeline(number).next_appearance_ms(self._told_ms[number])
        self._planned_ms[number] = at_ms
        heapq.heappush(self._news, (at_ms, number))


def world_of(request: Request) -> World:
    """The world that a request is made in."""
    return request.app.state.world
