"""`wear budget`: what is left of the provider's calls, and who spent the others."""

import getpass
import socket
from datetime import UTC, datetime
from typing import Annotated, Any

import structlog
import typer

from wearbase.cli.members import AsJson, Provider
from wearbase.cli.output import console, emit, say, table, utc
from wearbase.cli.session import Choice, choose, opened, require_source, run
from wearbase.cli.showing.status import note_demo
from wearbase.read.budgets import as_document, standings
from wearbase.store.audit import trail
from wearbase.store.work import budget, due
from wearbase.store.work.budget import Standing
from wearbase.sync.engine import Engine

log = structlog.get_logger()

WARN_PERCENT, ALARM_PERCENT = 80, 95
REASONS = {
    "person": "asked for by a person", "day": "a missing day", "look": "an idle member looked at", "connect": "connecting",
    "delivery": "deliveries", "companion": "read with deliveries", "morning": "mornings", "timetable": "the timetable",
    "pending": "scores awaited", "idle": "idle members", "spare": "idle members, early", "backfill": "history",
    "token": "tokens", "disconnect": "disconnecting",
}  # fmt: skip


def show_budget(
    ctx: typer.Context,
    provider: Provider = "whoop",
    reopen: Annotated[str | None, typer.Option(metavar="SOURCE", help="Open this source's gate, which was closed wrongly.")] = None,
    as_json: AsJson = False,
) -> None:
    """What is left of the provider's calls, by whom the others were spent, and what the day's forecast leaves out."""
    if reopen is not None:
        run(_reopen(choose(ctx, quiet=False), reopen.lower(), as_json=as_json))
    else:
        run(_budget(choose(ctx), provider, as_json=as_json))


async def _reopen(choice: Choice, provider: str, *, as_json: bool) -> None:
    async with opened(choice) as running:
        require_source(running, choice, provider)
        until, count = await reopen(running.engine, provider, by=f"{getpass.getuser()}@{socket.gethostname()}")
    if as_json:
        emit({"provider": provider, "was_closed_until": utc(until), "resumed": count})
    elif until is None:
        say(f"The gate of {provider} was open; {count} resources that waited for calls are due now.")
    else:
        say(f"The gate of {provider} is open; it would have stayed closed until {clock(until)}. {count} resources that waited are due now.")


async def reopen(engine: Engine, provider: str, *, by: str) -> tuple[datetime | None, int]:
    """Lets calls go out again before the time that an answer, or an outage, had set; what waits is due at once.

    Until when it would have stayed closed, None if it was open; how many resources waited. The log says by whom.
    """
    app, now = engine.app(provider), engine.clock.now()
    async with engine.db.transaction() as tx:
        held = await budget.reopen(tx, app.name, app.key)
        count = await due.resume(tx, app.name, now=now)
        await trail.write(tx, "gate_reopened", provider=app.name, details={"resumed": count}, now=now)
    await engine.hint()
    until = max((at for at in held if at is not None and at > now), default=None)
    log.warning("gate reopened by hand", provider=provider, by=by, was_closed_until=until.isoformat() if until else None, resumed=count)
    return until, count


async def _budget(choice: Choice, provider: str, *, as_json: bool) -> None:
    async with opened(choice) as running:
        app = running.engine.app(provider)
        found, now = (await standings(running.db, running.clock, {app.name: (app.key, app.ceilings)}))[app.name], running.clock.now()
    if as_json:
        return emit({"provider": provider, **as_document(found)})
    note_demo(choice)
    say(f"Last minute: {found.minute_used} of {found.minute_limit} calls")
    style = "red" if found.used_percent >= ALARM_PERCENT else "yellow" if found.used_percent >= WARN_PERCENT else None
    say(
        f"Today: {found.day_used} of {found.day_limit} calls ({found.used_percent} %), until {clock(found.day_resets_at, now=now)}",
        style=style,
    )
    if found.elsewhere:
        say(f"Besides, {found.elsewhere} calls were made elsewhere with the same app.")
    say(f"Token calls so far, counted apart: {found.token_calls}")
    _say_what_holds(found, now=now)
    if found.by_reason:
        say()
        console().print(_by_reason(found))
    if found.forecast:
        say()
        for line in _forecast(found.forecast, found.thinned, now=now):
            say(line)
    return None


def clock(at: datetime, *, now: datetime | None = None) -> str:
    """A time of day, with the date where that is not today."""
    return f"{at:%H:%M} UTC" if at.date() == (now or datetime.now(UTC)).date() else f"{at:%H:%M} UTC on {at:%Y-%m-%d}"


def _say_what_holds(found: Standing, *, now: datetime) -> None:
    if found.closed_until:
        say(f"The provider has refused calls; the next go out at {clock(found.closed_until, now=now)}.", style="yellow")
    if found.paused_until:
        say(f"The provider does not answer; it is tried again at {clock(found.paused_until, now=now)}.", style="yellow")
    if found.alarm_since:
        since = clock(found.alarm_since, now=now)
        text = f"Since {since} the provider refuses the tokens of many members at once. Nobody is disconnected for it."
        say(text, style="red")


def _by_reason(found: Standing) -> Any:
    made = table("For", "Calls today", "Yesterday")
    for reason in sorted({*found.by_reason, *found.by_reason_before}, key=lambda r: -found.by_reason.get(r, 0)):
        made.add_row(REASONS.get(reason, reason), str(found.by_reason.get(reason, 0)), str(found.by_reason_before.get(reason, 0)))
    return made


def _forecast(told: dict[str, Any], thinned: dict[str, int], *, now: datetime) -> list[str]:
    """The forecast in words."""
    age_min = max(0, round((now - datetime.fromisoformat(told["made_at"])).total_seconds() / 60))
    lines = [f"The rest of the day needs about {told['needed']} calls; {told['left']} are left for it (foretold {age_min} min ago)."]
    if told["thinned"]:
        slots = ", ".join(told["thinned"])
        left_out = sum(thinned.values())
        lines.append(f"So that they suffice, the reads of {slots} are left out ({left_out} so far today); the mornings always stay.")
    if told["has_late_mornings"]:
        lines.append("Mornings that nothing announces are read at noon.")
    if not told["has_companions"]:
        lines.append("What has no events of its own is read in the mornings only.")
    if told["idle"]:
        lines.append(f"{told['idle']} members at whom nobody looks are visited every {told['idle_every_s'] / 86_400:g} days.")
    if not told["is_enough"]:
        lines.append("Even so they will not suffice: what waits is read tomorrow. Ask the provider for a larger quota.")
    return lines
