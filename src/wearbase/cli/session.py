"""How a command gets at the data: which settings hold, and the parts on their database."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import typer
import uvloop

from wearbase.app.logs import configure_logging
from wearbase.app.parts import Parts, Place, parts, place
from wearbase.app.stopping import HARD_END
from wearbase.cli.demo import folder as demo
from wearbase.cli.exits import Code, Stop
from wearbase.cli.output import is_watched, tell
from wearbase.settings import Settings, load
from wearbase.store.audit import trail
from wearbase.store.audit.acting import COMMAND_LINE, act_as, actor
from wearbase.store.audit.trail import Read
from wearbase.store.postgres import runtime_role

T = TypeVar("T")
OWNERS = "it is the owner's address: whoever gets hold of it can change the audit trail"


@dataclass(frozen=True, slots=True)
class Choice:
    """The settings that hold, whether they are the demo's, and the command that was given."""

    settings: Settings
    is_demo: bool
    command: str = "wear"


def choose(ctx: typer.Context, *, quiet: bool = True) -> Choice:
    """The settings of a command: the demo's where `wear up` would run the demo. Raises SettingsError."""
    given = load()
    command = " ".join(["wear", *ctx.command_path.split()[1:]])
    choice = Choice(given, is_demo=False, command=command)
    if demo.is_chosen(given, asked=bool(ctx.obj)):
        choice = Choice(demo.attached(given), is_demo=True, command=command)
    level = "error" if quiet and given.log_level == "info" else given.log_level
    configure_logging(choice.settings.model_copy(update={"log_level": level}))
    return choice


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a short command's work; SIGTERM ends it as Ctrl-C does, so that nothing half-done is left behind."""
    with stoppable():
        return asyncio.run(work)


def run_server(work: Coroutine[Any, Any, T]) -> T:
    """Runs a server's work on uvloop. Raises KeyboardInterrupt if it was told twice to stop."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextmanager
def stoppable() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end a server in an orderly way before it has handlers of its own, and within a time once it has."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        HARD_END.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


@asynccontextmanager
async def opened(choice: Choice) -> AsyncIterator[Parts]:
    """The parts on the running database, or on one started for as long as this takes."""
    with placed(choice) as where:
        async with parts(choice.settings, where) as running:
            act_as(COMMAND_LINE, route=choice.command)
            yield running


async def note_read(running: Parts, user_id: str | None = None) -> None:
    """Writes down that a member's data, or everybody's, is about to be shown. Raises DatabaseUnavailable: then nothing is to be shown."""
    by, minute = actor(), running.clock.now().replace(second=0, microsecond=0)
    async with running.db.transaction() as tx:
        await trail.write_reads(tx, [Read(minute, by.credential, user_id, by.route or "", 1)])


@contextmanager
def placed(choice: Choice, *, as_server: str | None = None) -> Iterator[Place]:
    """The database of the choice."""
    with place(choice.settings, as_server=as_server, on_log=lambda text: tell(text) if is_watched() else None) as where:
        yield where


def owners_in_vain(settings: Settings) -> dict[str, str]:
    """Settings that hold the owner's address, each with a role that was granted what servers need. Raises DatabaseUnavailable."""
    given = {"DATABASE_URL": settings.database_url, "DATABASE_DIRECT_URL": settings.database_direct_url}
    found = {
        name: runtime_role.in_vain(url.get_secret_value(), schema=settings.database_schema)
        for name, url in given.items()
        if url is not None
    }
    return {name: roles[0] for name, roles in found.items() if roles}


def require_source(running: Parts, choice: Choice, provider: str) -> None:
    """Raises Stop if this source is not set up here."""
    if provider in running.engine.apps:
        return
    if choice.is_demo:
        raise Stop(f"There is no source named {provider!r} in the demo; start it with: wear up", Code.SETTINGS)
    name = provider.upper()
    if provider in running.engine.remotes:
        raise Stop(
            f"{name} comes from the service at {running.engine.remotes[provider].url}: do this there, or by the API here.", Code.SETTINGS
        )
    raise Stop(f"{name}_CLIENT_ID and {name}_CLIENT_SECRET are not set: there is no source named {provider!r} here.", Code.SETTINGS)
