"""A reader who waits: every source that may know more is asked, side by side, within one deadline."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from wearbase.sync import ask
from wearbase.sync.engine import Engine


@dataclass(frozen=True, slots=True)
class Wanted:
    """Why a source is asked: nobody had looked for long, or it has no part of the day."""

    is_idle: bool
    is_missing: bool


async def bring(engine: Engine, user_id: str, day: date, wanted: Mapping[str, Wanted], *, at_most_s: float | None = None) -> dict[str, str]:
    """Returns when each is served or has failed, or that long after; the states of those that are not done, by source.

    Without a time of its own it takes `SOURCE_DEADLINE`.

    What is not done goes on: it is noted in the database. Raises DatabaseUnavailable.
    """
    at_most_s = engine.source_deadline.total_seconds() if at_most_s is None else at_most_s
    tasks = {name: asyncio.create_task(_bring(engine, user_id, name, day, why, at_most_s=at_most_s)) for name, why in wanted.items()}
    if not tasks:
        return {}
    try:
        done, _ = await asyncio.wait(tasks.values(), timeout=at_most_s)
        states = {name: task.result() if task in done else "running" for name, task in tasks.items()}
    finally:
        for task in tasks.values():
            task.cancel()
    return {name: state for name, state in states.items() if state is not None}


async def _bring(engine: Engine, user_id: str, provider: str, day: date, why: Wanted, *, at_most_s: float) -> str | None:
    loop = asyncio.get_running_loop()
    give_up = loop.time() + at_most_s
    ticket = await ask.wake(engine, user_id, provider) if why.is_idle else None
    if ticket is None and why.is_missing:
        ticket = await ask.missing_day(engine, user_id, provider, day)
    if ticket is None:
        return None
    outcome = await ask.watch(engine, ticket, at_most_s=give_up - loop.time())
    if outcome.is_done:
        return None
    if not outcome.has_worker:
        return "unavailable"
    return None if outcome.waits_until else "running"  # a want of calls is in the store
