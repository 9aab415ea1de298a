"""What the page shows, as values: one section per part of the page, so that only what changed is sent."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from wearbase_sim.faults.catalogue import NAMED
from wearbase_sim.members.changes import EVENTS
from wearbase_sim.members.person import Person
from wearbase_sim.page import lanes
from wearbase_sim.scenarios.reading import named, names
from wearbase_sim.world import World

MEMBERS_SHOWN = 60
ROWS = 50
Section = Callable[[World, int], Any]


def snapshot(world: World, number: int) -> dict[str, Any]:
    """Every section, as seen while a member is chosen."""
    return {name: make(world, number) for name, make in SECTIONS.items()}


def _about(world: World, number: int) -> dict[str, Any]:
    options = world.options
    return {
        "seed": options.seed,
        "count": options.members,
        "cap": options.member_cap,
        "client_id": options.client_id,
        "webhook_url": list(options.webhook_url),
        "retry_minutes": [minutes * options.webhook_retry_scale for minutes in options.webhook_retry_minutes],
        "events": [*EVENTS, "deauthorize"],
        "faults": [{"name": name, "text": fault["text"], "delay_s": fault.get("delay_s")} for name, fault in NAMED.items()],
        "scenario": world.played.scenario.name if world.played else None,
    }


def _clock(world: World, number: int) -> dict[str, Any]:
    # The page moves its own hands, so this differs only when the clock is set.
    at_ms, wall_ms, speed = world.clock.hands()
    return {"at_ms": at_ms, "wall_ms": wall_ms, "speed": speed}


def _members(world: World, number: int) -> list[dict[str, Any]]:
    shown = list(world.people(limit=MEMBERS_SHOWN))
    if number > MEMBERS_SHOWN:
        shown.append(world.person(number))
    return [_member(world, person) for person in shown]


def _member(world: World, person: Person) -> dict[str, Any]:
    is_granted = world.grants.is_granted(person.number)
    recovery = lanes.newest_recovery(world.timeline(person.number), world.clock.now_ms())
    return {
        "number": person.number,
        "user_id": person.user_id,
        "name": person.name,
        "granted": is_granted,
        "was_granted": person.number in world.consented,
        "score": recovery and recovery["score"],
        "state": recovery and recovery["state"],
        "calibrating": bool(recovery and recovery["calibrating"]),
        "story": person.story,
    }


def _chosen(world: World, number: int) -> dict[str, Any]:
    now_ms, timeline = world.clock.now_ms(), world.timeline(number)
    live = [grant for grant in world.grants.by_member.get(number, ()) if grant.is_live]
    newest = live[-1] if live else None
    return {
        **_member(world, world.person(number)),
        "token_until_ms": newest.expires_ms if newest else None,
        "scopes": len([scope for scope in newest.scope if scope != "offline"]) if newest else 0,
        "offline": bool(newest and "offline" in newest.scope),
        "lanes": lanes.lanes(timeline, now_ms),
    }


def _quota(world: World, number: int) -> dict[str, Any]:
    options, now_ms = world.options, world.clock.now_ms()
    limits = {"per_minute": options.quota_minute, "per_day": options.quota_day}
    minute, day = world.quota(options.client_id).left(now_ms, **limits, is_sliding=options.rate_windows == "sliding")
    shown = {}
    for name, limit, (left, reset_s) in (("minute", options.quota_minute, minute), ("day", options.quota_day, day)):
        shown[name] = {"left": left, "limit": limit, "reset_s": reset_s if left < limit else None}
    return shown


def _calls(world: World, number: int) -> dict[str, Any]:
    calls = world.calls
    return {"total": calls.kinds.total(), "most": calls.most_in_minute, "last": list(islice(reversed(calls.last), ROWS))}


def _deliveries(world: World, number: int) -> list[dict[str, Any]]:
    newest = islice(reversed(world.sender.deliveries.values()), ROWS)
    return [delivery.shown() for delivery in newest]


def _faults(world: World, number: int) -> list[dict[str, Any]]:
    return world.faults.listed()


def _scenarios(world: World, number: int) -> list[dict[str, Any]]:
    playing = world.played
    is_over = bool(playing and world.clock.now_ms() >= playing.until_ms)
    current = playing.scenario.name if playing else None
    found = [named(name) for name in names()]
    return [{"name": each.name, "about": each.about, "is_playing": each.name == current, "is_over": is_over} for each in found]


SECTIONS: dict[str, Section] = {
    "about": _about,
    "clock": _clock,
    "members": _members,
    "chosen": _chosen,
    "quota": _quota,
    "calls": _calls,
    "deliveries": _deliveries,
    "faults": _faults,
    "scenarios": _scenarios,
}
