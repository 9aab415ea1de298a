"""`wear pull`: asks for data and stays until it is there."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from wearbase.app.parts import Parts
from wearbase.cli import words
from wearbase.cli.exits import Code, Stop
from wearbase.cli.members import AsJson, Provider
from wearbase.cli.output import Bar, History, emit, instant, say, shown, tell, utc
from wearbase.cli.session import Choice, choose, opened, require_source, run
from wearbase.read.status import SourceStatus, status
from wearbase.sync import ask
from wearbase.sync.ask import Outcome, Ticket
from wearbase.sync.worker import Worker

LOOK_EVERY_S = 0.1
PATIENCE = timedelta(seconds=90)  # for calls, or for a failed read of history: longer waits are told instead


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be pulled."""

    user_id: str
    provider: str
    resources: Sequence[str] | None
    since: datetime | None


def pull(
    ctx: typer.Context,
    user_id: Annotated[str, typer.Argument(metavar="USER")],
    since: Annotated[str | None, typer.Option(help="Also the history from then on: 7d, 12h, 1y or 2026-01-01.")] = None,
    resource: Annotated[list[str] | None, typer.Option(help="Only this; may be repeated.")] = None,
    provider: Provider = "whoop",
    as_json: AsJson = False,
) -> None:
    """Fetch what is new, and history if asked; stays until it is stored."""
    run(_pull(choose(ctx), (words.user(user_id), provider, resource, since), as_json=as_json))


async def _pull(choice: Choice, said: tuple[str, str, list[str] | None, str | None], *, as_json: bool) -> None:
    user_id, provider, resources, since = said
    async with opened(choice) as running:
        require_source(running, choice, provider)
        wish = Wish(user_id, provider, resources or None, words.since(since, now=running.clock.now()) if since else None)
        if choice.is_demo and not await ask.has_worker(running.engine):
            raise Stop("The demo's WHOOP is simulated and is there only while `wear up` runs. Start it first.")
        ticket = await _ask(running, wish)
        before = await status(running.db, running.clock, user_id, provider)
        outcome = await _stay(running, wish, ticket, before=before)
        found, now = await status(running.db, running.clock, user_id, provider), running.clock.now()
    answer = _answer(wish, outcome, before=before, after=found)
    if wish.since is not None:
        answer["history_errors"] = _history_held_up(outcome, before=before, after=found, now=now)
    if as_json:
        emit(answer)
    else:
        _say(answer)
    if found.state == "needs_reauthorization":
        raise Stop(f"{user_id} must connect {provider} again: wear connect {user_id}", Code.NOT_CONNECTED)
    if answer["errors"]:
        raise Stop("Failed: " + ", ".join(f"{name} ({error})" for name, error in answer["errors"].items()))
    if outcome.waits_until is not None:
        again = _clock(outcome.waits_until)
        raise Stop(f"The provider's calls are used up (wear budget). What was asked for is noted, and tried again from {again} on.")
    if held_up := answer.get("history_errors"):
        told = ", ".join(f"{name} ({error})" for name, error in held_up.items())
        raise Stop(f"What is new was read, the history not yet: {told}. It goes on by itself while a worker runs: wear status {user_id}")


async def _ask(running: Parts, wish: Wish) -> Ticket:
    ticket = await ask.sync(running.engine, wish.user_id, wish.provider, resources=wish.resources)
    if ticket is None:
        raise Stop(f"{wish.user_id} is not connected to {wish.provider}: wear connect {wish.user_id}", Code.NOT_CONNECTED)
    if wish.since is not None:
        await ask.backfill(running.engine, wish.user_id, wish.provider, since=wish.since, resources=wish.resources)
    return ticket


async def _stay(running: Parts, wish: Wish, ticket: Ticket, *, before: SourceStatus) -> Outcome:
    """Waits until it is all there, something has failed, or no call is to be had. Where no worker lives, one works here meanwhile."""
    stop, own = asyncio.Event(), None
    total = (running.clock.now() - wish.since).days + 1 if wish.since else None
    try:
        with shown("History" if wish.since else "Pulling", total=total) as bar:
            while True:
                outcome = await ask.look(running.engine, ticket)
                if not outcome.has_worker and own is None:
                    own = asyncio.create_task(Worker(running.engine).run(stop))
                if own is not None and own.done():
                    own.result()
                if await _is_over(running, wish, outcome, bar, before=before):
                    return outcome
                await asyncio.sleep(LOOK_EVERY_S)
    finally:
        stop.set()
        if own is not None:
            await own


async def _is_over(running: Parts, wish: Wish, outcome: Outcome, bar: Bar, *, before: SourceStatus) -> bool:
    found, now = await status(running.db, running.clock, wish.user_id, wish.provider), running.clock.now()
    bar.set(History.of(found), note=_note(outcome))
    if found.state in ("needs_reauthorization", "not_connected") or outcome.errors:
        return True
    if outcome.waits_until is not None and outcome.waits_until > now + PATIENCE:
        return True
    if wish.since is not None and outcome.is_done and _history_held_up(outcome, before=before, after=found, now=now):
        return True
    waits_for_history = wish.since is not None and any(found.resources[r]["backfill"]["is_running"] for r in outcome.synced)
    return outcome.is_done and not waits_for_history


def _note(outcome: Outcome) -> str:
    if outcome.waits_until is not None:
        return f"waiting for calls until {_clock(outcome.waits_until)}"
    return "" if outcome.api_calls else "waiting for a turn"


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S} UTC"


def _history_held_up(outcome: Outcome, *, before: SourceStatus, after: SourceStatus, now: datetime) -> dict[str, str]:
    """Whose history has failed since it was asked for, or goes on only much later, and why."""
    found = {}
    for name in outcome.synced:
        was, history = before.resources[name]["backfill"], after.resources[name]["backfill"]
        next_at = instant(history["next_due_at"])
        has_failed = history["failures"] != was["failures"]
        if history["error"] and (has_failed or (next_at is not None and next_at > now + PATIENCE)):
            found[name] = history["error"]
    return found


def _answer(wish: Wish, outcome: Outcome, *, before: SourceStatus, after: SourceStatus) -> dict[str, Any]:
    def gained(name: str, what: str) -> int:
        return after.resources[name][what] - before.resources[name][what]

    return {
        "user_id": wish.user_id,
        "provider": wish.provider,
        "synced": {name: gained(name, "records_synced") for name in outcome.synced},
        "total_api_calls": sum(gained(name, "api_calls") for name in outcome.synced),
        "days_stored": after.days_stored,
        "errors": outcome.errors,
        "waits_until": utc(outcome.waits_until),
    }


def _say(answer: dict[str, Any]) -> None:
    counts = ", ".join(f"{name} {count}" for name, count in answer["synced"].items())
    say(f"Read for {answer['user_id']}: {counts} ({answer['total_api_calls']} calls; {answer['days_stored']} days stored)")
    if not answer["total_api_calls"] and not answer["errors"]:
        tell("Nothing had to be read.")
