"""`wear status` and `day`."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
import typer

from wearbase.access.users import name_for_logs
from wearbase.cli import words
from wearbase.cli.exits import Code, Stop
from wearbase.cli.members import AsJson, Provider
from wearbase.cli.output import NONE, ago, console, emit, say, table, tell, utc
from wearbase.cli.session import Choice, choose, note_read, opened, run
from wearbase.cli.showing import days
from wearbase.providers.registry import PROVIDERS
from wearbase.read.members import members
from wearbase.read.status import SourceStatus, rfc3339, status
from wearbase.sync import ask

LOOK_WAIT_S = 3.0  # to bring a member current at whom nobody had looked for long
STATE_STYLES = {"ok": "green", "idle": "green", "failing": "red", "needs_reauthorization": "red", "unavailable": "red", "stale": "yellow"}


def show_status(
    ctx: typer.Context,
    user_id: Annotated[str | None, typer.Argument(metavar="[USER]")] = None,
    provider: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    as_json: AsJson = False,
) -> None:
    """How everybody stands, or one user resource by resource."""
    choice = choose(ctx)
    if user_id is None:
        run(_everybody(choice, provider, as_json=as_json))
    else:
        run(_one(choice, words.user(user_id), provider, as_json=as_json))


async def _everybody(choice: Choice, provider: str | None, *, as_json: bool) -> None:
    async with opened(choice) as running:
        await note_read(running)
        found = [m for m in await members(running.db) if provider in (None, m.provider)]
        now = running.clock.now()
    if as_json:
        return emit({"is_demo": choice.is_demo, "members": [_times_as_text(asdict(m)) for m in found]})
    note_demo(choice)
    if not found:
        return say("Nobody is connected yet: wear connect USER")
    made = table("user", "source", "state", "last success", "days", "failing", "in history", "open deliveries")
    for m in found:
        numbers = (str(m.days_stored), str(m.failing or NONE), str(m.in_backfill or NONE), str(m.open_deliveries or NONE))
        made.add_row(m.user_id, m.provider, m.state, ago(m.last_success_at, now=now), *numbers)
    console().print(made)
    return None


def _times_as_text(row: dict[str, Any]) -> dict[str, Any]:
    return {name: utc(content) if isinstance(content, datetime) else content for name, content in row.items()}


async def _one(choice: Choice, user_id: str, provider: str | None, *, as_json: bool) -> None:
    sources = {}
    async with opened(choice) as running:
        await note_read(running, user_id)
        for name in [provider] if provider else running.engine.combining.sources:
            await ask.wake(running.engine, user_id, name)
            sources[name] = await status(running.db, running.clock, user_id, name)
        now, log_name = running.clock.now(), name_for_logs(running.engine.keys, user_id)
    if as_json:
        emit(
            {
                "user_id": user_id,
                "log_name": log_name,
                "is_demo": choice.is_demo,
                "sources": {name: _shown(found) for name, found in sources.items()},
            }
        )
    else:
        note_demo(choice)
        for name, found in sources.items():
            _print(user_id, name, found, now=now)
        say(f"In the log: user {log_name}", style="dim")
    if all(found.state in ("not_connected", "needs_reauthorization") for found in sources.values()):
        states = ", ".join(f"{name}: {found.state.replace('_', ' ')}" for name, found in sources.items())
        raise Stop(f"{user_id} has no working connection ({states}): wear connect {user_id}", Code.NOT_CONNECTED)


def _shown(found: SourceStatus) -> dict[str, Any]:
    connection = found.connection
    return {
        "state": found.state,
        "not_granted": found.not_granted,
        "connected_at": rfc3339(connection.connected_at) if connection and connection.is_live else None,
        "scopes": connection.scopes if connection else [],
        "resources": found.resources,
        "open_deliveries": found.open_deliveries,
        "parked_deliveries": found.parked_deliveries,
        "parked_records": [_times_as_text(p) for p in found.parked_records],
        "days_stored": found.days_stored,
    }


def _print(user_id: str, name: str, found: SourceStatus, *, now: datetime) -> None:
    say(f"{user_id} · {name} · {found.state.replace('_', ' ')} · {found.days_stored} days stored", style=STATE_STYLES.get(found.state))
    if found.connection is None:
        return
    if (declared := PROVIDERS.get(name)) is not None and declared.caveat is not None:
        say(declared.label, style="yellow")
    made = table("resource", "state", "last success", "next due", "records", "calls", "history", "error")
    for resource, r in found.resources.items():
        times = (ago(r["last_success_at"], now=now), ago(r["next_due_at"], now=now))
        numbers = (str(r["records_synced"]), str(r["api_calls"]))
        made.add_row(resource, r["state"].replace("_", " "), *times, *numbers, _history(r["backfill"], now=now), _why(r, now=now))
    console().print(made)
    say(f"Deliveries: {found.open_deliveries} open, {found.parked_deliveries} parked. Records parked: {len(found.parked_records)}")
    for parked in found.parked_records:
        say("  " + " · ".join(str(part) for part in parked.values() if part is not None))


def _history(found: dict[str, Any], *, now: datetime) -> str:
    """How far the reading of history is, and what holds it up."""
    if not found["is_running"]:
        return (found["from"] or NONE)[:10]
    held_up = f"; {_plain(found['error'])}, again {ago(found['next_due_at'], now=now)}" if found["error"] else ""
    return f"running, {found['pages']} pages{held_up}"


def _why(resource: dict[str, Any], *, now: datetime) -> str:
    """What is wrong with a resource, and when it is tried again."""
    if not resource["error"] or resource["state"] == "not_granted":
        return NONE
    return f"{_plain(resource['error'])}, again {ago(resource['retry_at'], now=now)}"


def _plain(code: str) -> str:
    return code.replace("_", " ")


def show_day(
    ctx: typer.Context,
    user_id: Annotated[str, typer.Argument(metavar="USER")],
    date: Annotated[str | None, typer.Argument(metavar="[DATE]", help="YYYY-MM-DD; the member's today if left out.")] = None,
    provider: Provider = "whoop",
    as_json: AsJson = False,
) -> None:
    """One day of a user, from what is stored."""
    run(_day(choose(ctx), words.user(user_id), provider, date, as_json=as_json))


async def _day(choice: Choice, user_id: str, provider: str, text: str | None, *, as_json: bool) -> None:
    if provider not in PROVIDERS:
        raise Stop(f"There is no source named {provider!r}; known are {', '.join(PROVIDERS)}.", Code.USAGE)
    wanted = words.day(text) if text else None
    async with opened(choice) as running:
        await note_read(running, user_id)
        await ask.take_look(running.engine, user_id, provider, at_most_s=LOOK_WAIT_S)
        found = await status(running.db, running.clock, user_id, provider)
        offset_min = found.connection.utc_offset_min if found.connection else None
        today = (running.clock.now() + timedelta(minutes=offset_min or 0)).date()
        answer = await running.reader.day(user_id, provider, wanted or today)
    document = orjson.loads(answer.body)
    if as_json:
        emit(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    else:
        note_demo(choice)
        _print_day(document)
    if not answer.has_document and found.state in ("not_connected", "needs_reauthorization"):
        raise Stop(f"{user_id} is not connected to {provider}: wear connect {user_id}", Code.NOT_CONNECTED)


def _print_day(document: dict[str, Any]) -> None:
    say(f"{document['user_id']} · {document['date']} · {document['sync']['state'].replace('_', ' ')}", style="bold")
    if empty := days.why_empty(document):
        return say(f"No data: {empty}.")
    for section in days.sections(document):
        say()
        console().print(section)
    return None


def note_demo(choice: Choice) -> None:
    """Says, beside the data, that it is invented."""
    if choice.is_demo:
        tell("Demo: a simulated source, an invented member.", style="yellow")
