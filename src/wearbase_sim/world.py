"""The simulated cloud as one value: members, grants, clock, quota, calls, faults, webhooks."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from starlette.requests import Request

from wearbase_sim.api.calls import Calls
from wearbase_sim.api.kept import Answers
from wearbase_sim.api.quota import Quota, Standing
from wearbase_sim.clock import Clock
from wearbase_sim.course import Course
from wearbase_sim.faults.switched import Faults
from wearbase_sim.members import ids
from wearbase_sim.members.changes import EVENTS
from wearbase_sim.members.events.found import Impossible
from wearbase_sim.members.person import Person, make_person, with_traits
from wearbase_sim.members.timeline import Timeline
from wearbase_sim.oauth.grants import Grants
from wearbase_sim.options import Options
from wearbase_sim.sahha.stand_in import Sahha
from wearbase_sim.scenarios.playing import Played, play, with_scenario
from wearbase_sim.scenarios.reading import named
from wearbase_sim.webhooks.sender import Sender


class World:
    """Everything that the simulator knows. Only edits, grants and the clock are not derived from the seed."""

    def __init__(self, options: Options, *, webhook_transport: Any = None) -> None:
        options = with_scenario(options, named(options.scenario)) if options.scenario else options
        self.options = options
        self.clock = Clock(options.start_ms)
        if options.speed >= 0:
            self.clock.run(options.speed)
        self.born_ms = self.clock.now_ms()
        self.grants = Grants(options.client_secret, f"{options.seed}:{self.born_ms}")
        self.consented: set[int] = set()
        self.quotas: dict[str, Quota] = {}
        self.calls = Calls()
        self.answers = Answers()
        self.faults = Faults(options.seed)
        self.sender = Sender(self.clock, self.faults, options=lambda: self.options, transport=webhook_transport)
        self.course = Course(self)
        self.sahha = Sahha(self, transport=webhook_transport)
        self.is_quiet = False
        self.played: Played | None = None
        self._traits: dict[int, dict[str, Any]] = {}
        self._timelines: dict[int, Timeline] = {}
        if options.scenario:
            self.play(options.scenario)

    def person(self, number: int) -> Person:
        """A member."""
        if number in self._timelines:
            return self._timelines[number].person
        return self._born(number)

    def _born(self, number: int) -> Person:
        person = make_person(self.options.seed, number)
        return with_traits(person, self._traits[number], born_ms=self.born_ms) if number in self._traits else person

    def give_traits(self, number: int, traits: dict[str, Any]) -> None:
        """Make a member another person; whatever was changed by hand about them is forgotten. Raises ValueError."""
        with_traits(make_person(self.options.seed, number), traits, born_ms=self.born_ms)
        self._traits[number] = traits
        self._timelines.pop(number, None)
        self.course.replan(number)

    def people(self, *, limit: int | None = None) -> Iterator[Person]:
        """All members, by number."""
        return islice((self.person(number) for number in range(1, self.options.members + 1)), limit)

    def user_id(self, number: int) -> int:
        """The id under which clients know a member."""
        return ids.user_id(number)

    def timeline(self, number: int) -> Timeline:
        """A member's records."""
        if number not in self._timelines:
            person = self._born(number)
            days = min(self.options.days, person.history_days or self.options.days)
            self._timelines[number] = Timeline(person, person.home.local_day(self.born_ms) - days)
        timeline = self._timelines[number]
        timeline.recovery_delay_ms = int(self.options.recovery_delay_s * 1000)
        return timeline

    def quota(self, client_id: str) -> Quota:
        """A client's call quota."""
        return self.quotas.setdefault(client_id, Quota())

    def spend(self) -> Standing:
        """Take one call from the app's quota."""
        options = self.options
        return self.quota(options.client_id).spend(
            self.clock.now_ms(),
            per_minute=options.quota_minute,
            per_day=options.quota_day,
            is_sliding=options.rate_windows == "sliding",
        )

    def watch(self, number: int) -> None:
        """Tell the app of a member's news from now on."""
        self.course.watch(number)

    def notify(self, number: int, *, kind: str, record_id: str, trace_id: str = "") -> list[int]:
        """Send a notice, if the member has a live grant."""
        if self.is_quiet or not self.grants.is_granted(number):
            return []
        return self.sender.notify(self.user_id(number), kind=kind, record_id=record_id, trace_id=trace_id)

    def act(self, number: int, event: str, wish: dict[str, Any], *, at_ms: int) -> dict[str, list[Any]]:
        """Let something happen to a member: what changed, and the deliveries it caused. Raises Impossible, ValueError."""
        if event == "deauthorize":
            self.grants.revoke_member(number)
            return {"changed": [], "deliveries": []}
        if event not in EVENTS:
            raise ValueError(f"event must be one of {', '.join([*EVENTS, 'deauthorize'])}")
        if wish.get("resource", "sleep") not in ("cycle", "recovery", "sleep", "workout"):
            raise Impossible("no such resource")
        timeline = self.timeline(number)
        timeline.version += 1
        changes = EVENTS[event](timeline, at_ms, wish)
        self.course.replan(number)
        deliveries: list[int] = []
        if wish.get("webhooks", True):
            trace_id = self.sender.new_trace() if self.options.trace_ids == "shared" else ""
            for change in changes:
                if change.notice:
                    kind = f"{change.resource}.{change.notice}"
                    deliveries += self.notify(number, kind=kind, record_id=str(change.id), trace_id=trace_id)
        changed = [{"resource": change.resource, "id": change.id} for change in changes]
        self.course.told.appeared += [{"user_id": self.user_id(number), **each} for each in changed]
        self.course.told.deliveries += deliveries
        return {"changed": changed, "deliveries": deliveries}

    def play(self, name: str, *, with_members: bool = True) -> None:
        """Start a scenario. Raises BadScenario."""
        self.played = play(self, named(name), with_members=with_members)

    def change_options(self, values: dict[str, Any]) -> None:
        """Set options that were checked before."""
        self.options = replace(self.options, **values)


def world_of(request: Request) -> World:
    """The world that a request is made in."""
    return request.app.state.world
