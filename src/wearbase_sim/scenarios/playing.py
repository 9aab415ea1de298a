"""Plays a scenario: every step gets its instant and waits on the agenda, whatever moves the clock there."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from wearbase_sim.clock import iso
from wearbase_sim.members.body.rest import has_night
from wearbase_sim.members.zones import DAY_MS, MINUTE_MS
from wearbase_sim.options import Options
from wearbase_sim.scenarios.reading import Scenario, Step, When

if TYPE_CHECKING:
    from wearbase_sim.world import World

LABEL = "scenario"


@dataclass
class Played:
    """A scenario that is being played, and how far it is."""

    scenario: Scenario
    started_ms: int
    until_ms: int
    steps: list[dict[str, Any]] = field(default_factory=list)

    def shown(self, now_ms: int) -> dict[str, Any]:
        """As the control API tells it."""
        return {
            "name": self.scenario.name,
            "title": self.scenario.title,
            "started_at": iso(self.started_ms),
            "until": iso(self.until_ms),
            "is_over": now_ms >= self.until_ms,
            "steps": [{**step, "at": iso(step["at_ms"])} for step in self.steps],
        }


def with_scenario(options: Options, scenario: Scenario) -> Options:
    """Options with a scenario's where nothing else was asked for."""
    untouched = {spec.name for spec in fields(Options) if getattr(options, spec.name) == spec.default}
    return replace(options, **{name: value for name, value in scenario.options.items() if name in untouched})


def play(world: "World", scenario: Scenario, *, with_members: bool = True) -> Played:
    """Start a scenario now, in place of the one before. Options that cannot change while running are left as they are."""
    world.faults.clear()
    world.course.agenda.drop(LABEL)
    live = {spec.name for spec in fields(Options) if spec.metadata["live"]}
    world.change_options({name: value for name, value in scenario.options.items() if name in live})
    for number, traits in scenario.members.items() if with_members else ():
        if number <= world.options.members:
            world.give_traits(number, traits)
    played = Played(scenario, world.clock.now_ms(), world.clock.now_ms())
    for step in scenario.steps:
        for number in _numbers(world, step):
            _plan(world, played, step, number)
    played.steps.sort(key=lambda step: step["at_ms"])
    ends = [step["at_ms"] for step in played.steps]
    ends += [instant(world, scenario.until, 1)] if scenario.until else []
    played.until_ms = max([played.started_ms, *ends])
    return played


def instant(world: "World", when: When, number: int) -> int:
    """The instant that is meant for a member, from now on."""
    now_ms, home = world.clock.now_ms(), world.person(number).home
    if when.is_wake:
        return next_wake_ms(world, number, now_ms + when.days * DAY_MS) + when.minutes * MINUTE_MS
    if when.is_after_start:
        return now_ms + when.days * DAY_MS + when.minutes * MINUTE_MS
    today = home.local_day(now_ms)
    at_ms = home.midnight_ms(today) + when.minutes * MINUTE_MS
    day = today if at_ms > now_ms else today + 1
    return home.midnight_ms(day + when.days) + when.minutes * MINUTE_MS


def next_wake_ms(world: "World", number: int, after_ms: int) -> int:
    """When the provider has a member's next night."""
    timeline = world.timeline(number)
    day = timeline.person.home.local_day(after_ms)
    ahead = [night for night in timeline.nights(day - 1, day + 15) if night.sleep and night.visible_ms > after_ms]
    natural = [night for night in ahead if has_night(timeline.person, night.day)]
    return natural[0].visible_ms if natural else after_ms + DAY_MS


def _numbers(world: "World", step: Step) -> tuple[int, ...]:
    """Whom a step is about: an event each member on their own; everything else all at once, by the first one's clock."""
    if step.what == "event":
        return step.members or tuple(range(1, world.options.members + 1))
    return step.members or (1,)


def _plan(world: "World", played: Played, step: Step, number: int) -> None:
    at_ms = max(instant(world, step.when, number), played.started_ms)
    value = step.value if isinstance(step.value, str) else ""
    shown = {"at_ms": at_ms, "when": step.when.text, "what": step.what, "value": value, "is_done": False}
    shown["user_id"] = world.user_id(number) if step.members or step.what == "event" else None
    played.steps.append(shown)
    do = _DOING[step.what]

    def act(when_ms: int) -> None:
        shown["is_done"] = True
        do(world, step, number, when_ms)

    world.course.agenda.plan(at_ms, act, label=LABEL)


def _event(world: "World", step: Step, number: int, at_ms: int) -> None:
    world.course.attempt(number, step.value, step.wish, at_ms=at_ms)


def _fault(world: "World", step: Step, number: int, at_ms: int) -> None:
    about = {"user_id": world.user_id(number)} if step.members else {}
    world.faults.add({"name": step.value, **step.wish, **about})


def _options(world: "World", step: Step, number: int, at_ms: int) -> None:
    world.change_options(step.value)


def _clear(world: "World", step: Step, number: int, at_ms: int) -> None:
    world.faults.clear(name=step.value if isinstance(step.value, str) else "")


def _speed(world: "World", step: Step, number: int, at_ms: int) -> None:
    world.clock.run(float(step.value))


_DOING: dict[str, Callable[["World", Step, int, int], None]] = {
    "event": _event,
    "fault": _fault,
    "options": _options,
    "clear": _clear,
    "speed": _speed,
}
