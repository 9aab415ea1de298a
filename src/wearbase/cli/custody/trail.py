"""`wear audit`: the trail of who did what, to be looked at elsewhere."""

import csv
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeAlias

import orjson
import typer

from wearbase.cli import words
from wearbase.cli.exits import Code, Stop
from wearbase.cli.members import AsJson
from wearbase.cli.output import emit, say
from wearbase.cli.session import Choice, choose, opened, run
from wearbase.store.audit import carrying
from wearbase.store.audit import trail as store
from wearbase.store.audit.trail import Entry, Wanted

Write: TypeAlias = Callable[[Sequence[Entry]], None]

PRUNED_AT_ONCE = 5_000
COLUMNS = ("id", "at", "action", "credential", "member", "provider", "route", "count", "details", "number")

audit = typer.Typer(no_args_is_help=True, help="Who did what: every change, and by whom members' data was read.")


AsTable = Annotated[bool, typer.Option("--csv", help="A table instead of lines of JSON.")]


@audit.command("export")
def export(
    ctx: typer.Context,
    since: Annotated[str | None, typer.Option(help="From then on: 7d, 12h or 2026-01-01. All there is if left out.")] = None,
    until: Annotated[str | None, typer.Option(help="Before then: 1h or 2026-02-01. Until now if left out.")] = None,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Of one user alone.")] = None,
    as_csv: AsTable = False,
    as_json: Annotated[bool, typer.Option("--json", help="Lines of JSON, as without it.")] = False,
) -> None:
    """Write the trail to standard output, oldest line first: one JSON document a line, or a table."""
    if as_csv and as_json:
        raise Stop("Give --json or --csv, not both.", Code.USAGE)
    run(_export(choose(ctx), since, until, user, write=_table if as_csv else _lines))


@audit.command("carry")
def carry(
    ctx: typer.Context,
    after: Annotated[int, typer.Argument(metavar="[NUMBER]", min=0, help="The number of the last line that you have.")] = 0,
    as_csv: AsTable = False,
) -> None:
    """Write what has come after a line, to be called again and again: each line comes once, when it changes no more."""
    run(_carry(choose(ctx), after, write=_table if as_csv else _lines))


@audit.command("prune")
def prune(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Take away lines that are older than AUDIT_RETENTION_DAYS: for the owner, where the service's own role may not."""
    pruned = run(_prune(choose(ctx)))
    if as_json:
        return emit({"pruned": pruned})
    return say(f"{pruned} lines of the trail were older than AUDIT_RETENTION_DAYS and are gone.")


async def _prune(choice: Choice) -> int:
    pruned, keep = 0, timedelta(days=choice.settings.audit_retention_days)
    async with opened(choice) as running:
        while keep:
            async with running.db.transaction() as tx:
                if not await store.may_prune(tx):
                    raise Stop("This role of the database may take no line away: DATABASE_URL must be the owner's.")
                some = await store.prune(tx, before=running.clock.now() - keep, most=PRUNED_AT_ONCE)
            pruned += some
            if some < PRUNED_AT_ONCE:
                break
    return pruned


async def _export(choice: Choice, since: str | None, until: str | None, user: str | None, *, write: Write) -> None:
    async with opened(choice) as running:
        now, member = running.clock.now(), None
        user_id = words.user(user) if user is not None else None
        wanted = Wanted(since=_at(since, now=now), until=_at(until, now=now) or now)
        async with running.db.transaction() as tx:
            if user_id is not None:
                member = await store.pseudonym(tx, user_id)
                if member is None:
                    raise Stop(f"The trail knows nobody by the name {user_id}: never seen, or erased.")
            await store.write(tx, "trail_exported", user_id=user_id, now=now)
        await _write(store.entries(running.db, replace(wanted, member=member)), write)


async def _carry(choice: Choice, after: int, *, write: Write) -> None:
    async with opened(choice) as running:
        now = running.clock.now()
        async with running.db.transaction() as tx:
            await store.write(tx, "trail_exported", details={"after": after}, now=now)
        await _write(carrying.following(running.db, after=after, now=now), write)


async def _write(lines: AsyncIterator[Sequence[Entry]], write: Write) -> None:
    if write is _table:
        csv.writer(sys.stdout).writerow(COLUMNS)
    async for some in lines:
        write(some)
    sys.stdout.flush()


def _at(text: str | None, *, now: datetime) -> datetime | None:
    return words.since(text, now=now) if text else None


def _lines(entries: Sequence[Entry]) -> None:
    for entry in entries:
        sys.stdout.write(orjson.dumps(_shown(entry)).decode() + "\n")


def _table(entries: Sequence[Entry]) -> None:
    rows = csv.writer(sys.stdout)
    for entry in entries:
        shown = _shown(entry) | {"details": orjson.dumps(entry.details).decode()}
        rows.writerow([shown[name] for name in COLUMNS])


def _shown(entry: Entry) -> dict[str, Any]:
    at = entry.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {name: getattr(entry, name) for name in COLUMNS} | {"at": at, "member": str(entry.member) if entry.member else None}
