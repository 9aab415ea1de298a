"""Reads scenario files. A file that is wrong anywhere is refused as a whole."""

import re
import tomllib
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any

from wearbase_sim.faults.switched import Faults
from wearbase_sim.members.changes import EVENTS
from wearbase_sim.members.person import make_person, with_traits
from wearbase_sim.options import Options, coerce

# `+01:30` and `+2d 01:30` count from the start; `07:45` is a member's clock, `2d 07:45` two days later;
# `wake`, `wake+00:10` and `2d wake` are about the end of the member's next night.
WHEN = re.compile(r"(?P<plus>\+)?(?:(?P<days>\d+)d)? ?(?:(?P<wake>wake)(?:(?P<sign>[+-])(?=\d))?)?(?:(?P<hours>\d\d):(?P<minutes>\d\d))?")
WHAT = ("event", "fault", "options", "clear", "speed")
TOP = {"title", "about", "options", "members", "steps", "until"}


class BadScenario(ValueError):
    """A scenario cannot be played as it is written."""


@dataclass(frozen=True, slots=True)
class When:
    """An instant as a scenario names it."""

    text: str
    is_after_start: bool
    days: int
    is_wake: bool
    minutes: int


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a scenario does; `members` is empty for all."""

    when: When
    what: str
    value: Any
    members: tuple[int, ...]
    wish: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story: how the cloud behaves, who the members are, and what happens when."""

    name: str
    title: str
    about: str
    options: dict[str, Any] = field(default_factory=dict)
    members: dict[int, dict[str, Any]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    until: When | None = None


@cache
def names() -> tuple[str, ...]:
    """The scenarios that come with the simulator."""
    found = [entry.name for entry in files("wearbase_sim.scenarios").iterdir() if entry.name.endswith(".toml")]
    return tuple(sorted(name.removesuffix(".toml") for name in found))


@cache
def named(name: str) -> Scenario:
    """A scenario that comes with the simulator. Raises BadScenario."""
    if name not in names():
        raise BadScenario(f"no such scenario; there are {', '.join(names())}")
    return read(name, (files("wearbase_sim.scenarios") / f"{name}.toml").read_text())


def read(name: str, text: str) -> Scenario:
    """A scenario from TOML. Raises BadScenario."""
    try:
        found = tomllib.loads(text)
        if unknown := set(found) - TOP:
            raise BadScenario(f"unknown: {', '.join(sorted(unknown))}")
        return Scenario(
            name=name,
            title=str(found.get("title", name)),
            about=str(found.get("about", "")).strip(),
            options=_options(found.get("options", {}), is_running=False),
            members=dict(_member(each) for each in found.get("members", ())),
            steps=tuple(_step(each) for each in found.get("steps", ())),
            until=when(str(found["until"])) if "until" in found else None,
        )
    except (tomllib.TOMLDecodeError, ValueError, TypeError, KeyError) as error:
        raise BadScenario(f"{name}: {error}") from error


def when(text: str) -> When:
    """An instant in the words of a scenario. Raises BadScenario."""
    found = WHEN.fullmatch(text.strip())
    if not found or not (found["hours"] or found["wake"]) or (found["plus"] and found["wake"]):
        raise BadScenario(f"{text!r} is not a time: +hh:mm, +2d hh:mm, hh:mm, 2d hh:mm, wake, wake+hh:mm or 2d wake")
    minutes = int(found["hours"] or 0) * 60 + int(found["minutes"] or 0)
    return When(
        text=text,
        is_after_start=bool(found["plus"]),
        days=int(found["days"] or 0),
        is_wake=bool(found["wake"]),
        minutes=-minutes if found["sign"] == "-" else minutes,
    )


def _options(values: dict[str, Any], *, is_running: bool) -> dict[str, Any]:
    known = {spec.name: spec for spec in fields(Options) if spec.metadata["live"] or not is_running}
    if unknown := set(values) - set(known):
        raise BadScenario(f"no such option: {', '.join(sorted(unknown))}")
    made = {name: coerce(known[name], value) for name, value in values.items()}
    Options(**made)
    return made


def _member(values: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    traits = {name: value for name, value in values.items() if name != "number"}
    number = int(values["number"])
    with_traits(make_person(0, number), traits, born_ms=0)
    return number, traits


def _step(values: dict[str, Any]) -> Step:
    what = [name for name in WHAT if name in values]
    if len(what) != 1:
        raise BadScenario(f"a step has one of {', '.join(WHAT)}, not {sorted(values)}")
    numbers = values.get("member", [])
    return Step(
        when=when(str(values["at"])),
        what=what[0],
        value=_checked(what[0], values),
        members=() if numbers == "all" else tuple(int(each) for each in (numbers if isinstance(numbers, list) else [numbers])),
        wish={name: value for name, value in values.items() if name not in ("at", "member", *WHAT)},
    )


def _checked(what: str, values: dict[str, Any]) -> Any:
    value = values[what]
    if what == "event" and value not in (*EVENTS, "deauthorize"):
        raise BadScenario(f"no such event: {value}")
    if what == "fault":
        more = {name: part for name, part in values.items() if name not in ("at", "member", "fault")}
        Faults(0).add({"name": value, **more})
    return _options(value, is_running=True) if what == "options" else value
