"""`wear`: parse, call, print."""

import sys
import traceback
from types import TracebackType
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from wearbase import __version__
from wearbase.cli import archive, doctor, keys, members, pull, servers
from wearbase.cli.custody import copies, trail
from wearbase.cli.exits import Code, Stop, code_of
from wearbase.cli.output import tell
from wearbase.cli.showing import budgets, grants, status
from wearbase.cli.sources import new_provider
from wearbase.domain.errors import WearbaseError

LEADING = "wear: "


class Commands(TyperGroup):
    """Ends a failed command with one line on standard error and a code that says what to do."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Stop as stop:
            tell(LEADING + stop.message, style="red")
            raise typer.Exit(stop.code) from stop
        except WearbaseError as error:
            tell(LEADING + error.message, style="red")
            raise typer.Exit(code_of(error)) from error
        except KeyboardInterrupt as interrupt:
            tell(LEADING + "interrupted", style="red")
            raise typer.Exit(Code.INTERRUPTED) from interrupt


class Wear(typer.Typer):
    """Typer without its own report of a defect, which would show values."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        sys.excepthook = report_defect
        return typer.main.get_command(self)(*args, **kwargs)


def report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """One line for what nobody foresaw: where, and of which kind; the text of an error may hold a secret."""
    place = traceback.extract_tb(trace)[-1:] if trace else []
    where = f" in {place[0].name} ({place[0].filename.rpartition('/')[2]}, line {place[0].lineno})" if place else ""
    tell(f"{LEADING}a defect of wearbase: {kind.__name__}{where}. Nothing more was done.", style="red")


app = Wear(
    cls=Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="wearbase: a home for your wearable data.",
)  # fmt: skip


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"wearbase {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    demo: Annotated[bool, typer.Option("--demo", help="Work on the demo's data.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")] = False,
) -> None:
    """wearbase: a home for your wearable data."""
    ctx.obj = demo


app.command("up")(servers.up)
app.command("connect")(members.join)
app.command("link")(members.link)
app.command("status")(status.show_status)
app.command("day")(status.show_day)
app.command("pull")(pull.pull)
app.command("disconnect")(members.leave)
members.user.command("export")(archive.export_user)
app.add_typer(members.user, name="user")
app.add_typer(keys.keys, name="keys")
app.command("budget")(budgets.show_budget)
app.command("grants")(grants.show_grants)
app.command("doctor")(doctor.doctor)
app.command("api")(servers.api)
app.command("worker")(servers.worker)
app.command("new-provider")(new_provider.new_provider)
app.add_typer(keys.db, name="db")
app.add_typer(trail.audit, name="audit")
app.command("backup")(copies.backup)
app.command("restore")(copies.restore)
app.command(
    "sim", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)(servers.sim)
