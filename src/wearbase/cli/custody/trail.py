"""`wear audit`: the trail of who did what, to be looked at elsewhere."""

import csv
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

import orjson
import typer

from wearbase.cli import words
from wearbase.cli.exits import Code, Stop
from wearbase.cli.session import Choice, choose, opened, run
from wearbase.store.audit import trail as store
from wearbase.store.audit.trail import Entry, Wanted

Write: TypeAlias = Callable[[Sequence[Entry]], None]

COLUMNS = ("id", "at", "action", "credential", "member", "provider", "route", "count", "details")

audit = typer.Typer(no_args_is_help=True, help="Who did what: every change, and by whom members' data was read.")


@audit.command("export")
def export(
    ctx: typer.Context,
    since: Annotated[str | None, typer.Option(help="From then on: 7d, 12h or 2026-01-01. All there is if left out.")] = None,
    until: Annotated[str | None, typer.Option(help="Before then: 1h or 2026-02-01. Until now if left out.")] = None,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Of one user alone.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="A table instead of lines of JSON.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Lines of JSON, as without it.")] = False,
) -> None:
    """Write the trail to standard output, oldest line first: one JSON document a line, or a table."""
    if as_csv and as_json:
        raise Stop("Give --json or --csv, not both.", Code.USAGE)
    run(_export(choose(ctx), since, until, user, write=_table if as_csv else _lines))


async def _export(choice: Choice, since: str | None, until: str | None, user: str | None, *, write: Write) -> None:
    async with opened(choice) as running:
        now = running.clock.now()
        member = None
        if user is not None:
            async with running.db.connection() as tx:
                member = await store.pseudonym(tx, words.user(user))
            if member is None:
                raise Stop(f"The trail knows nobody by the name {user}: never seen, or erased.")
        wanted = Wanted(since=_at(since, now=now), until=_at(until, now=now), member=member)
        if write is _table:
            csv.writer(sys.stdout).writerow(COLUMNS)
        lines = 0
        async for some in store.entries(running.db, wanted):
            write(some)
            lines += len(some)
        async with running.db.transaction() as tx:
            await store.write(tx, "trail_exported", details={"lines": lines}, now=now)
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
