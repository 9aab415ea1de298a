"""`wear backup` and `wear restore`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from wearbase.cli.exits import Code, Stop
from wearbase.cli.members import AsJson, Yes, confirm
from wearbase.cli.output import console, emit, is_watched, say, tell
from wearbase.cli.session import Choice, choose, run, stoppable
from wearbase.domain.errors import DatabaseUnavailable
from wearbase.settings import Settings
from wearbase.store.audit import carrying, trail
from wearbase.store.audit.acting import COMMAND_LINE, act_as
from wearbase.store.postgres import migrate, runtime_role
from wearbase.store.postgres.clock import DatabaseClock
from wearbase.store.postgres.copies import Carried, dump
from wearbase.store.postgres.copies import restore as put_back
from wearbase.store.postgres.database import Database, is_pooled
from wearbase.store.postgres.embedded import EmbeddedPostgres, default_data_dir
from wearbase.store.sealed.rings import given_ring, kept_ring
from wearbase.store.sealing import KeyRing

SINCE = "0010"  # the revision of the audit trail
File = Annotated[Path, typer.Argument(metavar="FILE")]


def backup(ctx: typer.Context, file: File, as_json: AsJson = False) -> None:
    """Copy everything stored into a new file, while everything runs. The keys that open the tokens are not in it."""
    choice = choose(ctx)
    with stoppable(), _direct(choice) as url:
        try:
            _require_owner(choice, url)
            run(_note(choice, url, "backup_made"))
        except DatabaseUnavailable as error:  # a copy may be made of a standby
            tell(f"Not written into the audit trail: {error.message} Note yourself that this copy was made.", style="yellow")
        with _bar("Backing up") as moved:
            made = dump(url, file.absolute(), schema=choice.settings.database_schema, on_table=moved)
    if as_json:
        return emit(
            {
                "file": str(made.path), "bytes": made.size, "tables": made.contents.tables, "revision": made.contents.revision,
                "postgresql": made.contents.server, "keys_included": False, "noted": made.is_noted,
            }
        )  # fmt: skip
    say(f"{made.path}: {made.contents.tables} tables, {made.size / 1_000_000:.1f} MB, read back and whole. Only you can read it.")
    say(f"Not in it: {_where_keys_are(choice.settings)}. Without these keys no stored token opens: keep a copy apart.")
    if not made.is_noted:
        tell("Not noted in the database, where nothing may be written: the alert on old backups does not see it.", style="yellow")
    return None


def restore(
    ctx: typer.Context,
    file: File,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the database holds, which is lost then.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty database, or in the place of what is there. Stop every server and worker first."""
    choice = choose(ctx)
    if replace and not yes:
        confirm("replace", "This replaces everything that the database holds by what is in the file.", named='"replace"')
    with stoppable(), _direct(choice) as url:
        with _bar("Restoring") as moved:
            schema, keys = choice.settings.database_schema, _ring(choice.settings) if replace else None
            found = put_back(url, file.absolute(), schema=schema, replace=replace, keys=keys, on_table=moved)
        migrate.upgrade(url, schema=choice.settings.database_schema)
        run(_note(choice, url, "restored", revision=found.revision))
    if as_json:
        return emit(
            {"tables": found.tables, "revision_was": found.revision, "revision": migrate.head(), "carried_over": _as_fields(found.carried)}
        )
    say(f"{found.tables} tables are restored, at revision {migrate.head()}.")
    _tell_carried(found.carried)
    tell("Everybody signs in again: sessions, links and operators' sessions are ended. Now check that the tokens open: wear doctor")
    return None


def _as_fields(carried: Carried | None) -> dict[str, int | bool] | None:
    """What was carried over; None where nothing was."""
    if carried is None or carried.problem is not None:
        return None
    return {
        "keys_ended": carried.keys_ended, "keys_added": carried.keys_added, "members_erased": carried.members_erased,
        "members_to_erase_unknown": carried.erased_unknown,
    }  # fmt: skip


def _tell_carried(carried: Carried | None) -> None:
    by_hand = "Before you start: revoke again the keys revoked since the backup, erase again whoever was erased (docs/operations.md)."
    if carried is None:
        return tell(f"There was nothing to carry over from. {by_hand}", style="yellow")
    if carried.problem is not None:
        return tell(f"Nothing was carried over from what was there: {carried.problem}. {by_hand}", style="yellow")
    keys = f"{carried.keys_ended} keys ended again, {carried.keys_added} made since the backup kept"
    say(f"Carried over from what was there: {keys}; {carried.members_erased} members erased again.")
    if carried.erased_unknown:
        missing = "without the keys for stored tokens nobody can tell whom"
        tell(f"Members were erased since the backup, and {missing}: erase them again (docs/operations.md).", style="yellow")
    return None


def _ring(settings: Settings) -> KeyRing | None:
    """The keys that know erased members again; none is made here. Raises SettingsError."""
    if settings.token_encryption_keys is not None:
        return given_ring(settings.token_encryption_keys.get_secret_value())
    folder = settings.data_dir or default_data_dir()
    return kept_ring(folder) if (folder / "token.keys").exists() else None


def _require_owner(choice: Choice, url: str) -> None:
    """Before anything is written. Raises Stop, DatabaseUnavailable."""
    if not runtime_role.may_copy(url, schema=choice.settings.database_schema):
        name = "DATABASE_URL" if choice.settings.database_direct_url is None else "DATABASE_DIRECT_URL"
        raise Stop(f"{name} must be the owner's: the role it names cannot read everything. Nothing was written.", Code.SETTINGS)


async def _note(choice: Choice, url: str, action: Literal["backup_made", "restored"], **details: str) -> None:
    """Writes down that everything was copied, or replaced. Raises DatabaseUnavailable."""
    schema = choice.settings.database_schema
    if migrate.revision_of(url, schema) < SINCE:
        tell("Not written into the audit trail: this database is from before there was one.", style="yellow")
        return
    db, clock = Database(url, size=1, schema=schema), DatabaseClock()
    act_as(COMMAND_LINE, route=choice.command)
    await db.open()
    try:
        await clock.sync(db)
        async with db.transaction() as tx:
            if action == "restored":
                await carrying.leap(tx, now=clock.now())
            await trail.write(tx, action, details=details, now=clock.now())
    finally:
        await db.close()


@contextmanager
def _direct(choice: Choice) -> Iterator[str]:
    """The database itself, as it is: nothing is migrated. Behind a pooler it needs its own address. Raises Stop."""
    settings = choice.settings
    if settings.database_url is None:
        with EmbeddedPostgres(settings.data_dir or default_data_dir(), log=lambda text: tell(text) if is_watched() else None) as embedded:
            yield embedded.start()
        return
    given = settings.database_direct_url or settings.database_url
    url = given.get_secret_value()
    if is_pooled(url):
        raise Stop("DATABASE_URL goes through a transaction-mode pooler: set DATABASE_DIRECT_URL to the server itself.", Code.SETTINGS)
    yield url


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    if not is_watched():
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("tables"))
    with Progress(*columns, console=console(is_error=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _where_keys_are(settings: Settings) -> str:
    if settings.token_encryption_keys is not None:
        return "TOKEN_ENCRYPTION_KEYS"
    return str((settings.data_dir or default_data_dir()) / "token.keys")
