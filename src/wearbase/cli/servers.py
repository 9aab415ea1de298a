"""`wear up`, `api`, `worker` and `sim`."""

from typing import Annotated

import httpx2
import structlog
import typer

from wearbase import __version__
from wearbase.access.sessions import Sessions
from wearbase.app.http import listen
from wearbase.app.logs import configure_logging
from wearbase.app.parts import Parts, Place
from wearbase.app.running import serve, work
from wearbase.cli.demo import folder as demo
from wearbase.cli.demo import simulator
from wearbase.cli.demo.guide import guide
from wearbase.cli.demo.simulator import Simulator
from wearbase.cli.exits import Stop
from wearbase.cli.output import announce, tell
from wearbase.cli.session import OWNERS, Choice, owners_in_vain, placed, run_server, stoppable
from wearbase.domain.errors import WearbaseError
from wearbase.read.members import members
from wearbase.settings import Settings, load
from wearbase.settings.advice import advice

log = structlog.get_logger()

NAME = "wear up"
FIRST_KEY, FIRST_SCOPES = "first key", ("read", "sync", "connect")


def up(
    ctx: typer.Context,
    demo_asked: Annotated[bool, typer.Option("--demo", help="With a simulated WHOOP and an invented member.")] = False,
) -> None:
    """Start everything in one process, with a database of its own."""
    given = load()
    with stoppable():
        if demo.is_chosen(given, asked=demo_asked or bool(ctx.obj)):
            demo.check_address(given)
            _configure(given, is_demo=True)
            _up_demo(given)
        else:
            _configure(given)
            _up(given)


def api() -> None:
    """Answer HTTP; as many of these as wanted share DATABASE_URL."""
    settings = load()
    _configure(settings)
    with stoppable(), placed(Choice(settings, is_demo=False)) as where:
        _warn_of_owners(settings)
        settings, listener = listen(settings)
        run_server(serve(settings, where, listener, with_worker=False, beside=_say_ready))


def worker() -> None:
    """Fetch what is due; as many of these as wanted share DATABASE_URL."""
    settings = load()
    _configure(settings)
    with stoppable(), placed(Choice(settings, is_demo=False)) as where:
        _warn_of_owners(settings)
        run_server(work(settings, where, on_ready=lambda: announce("wearbase worker is ready")))


def sim(ctx: typer.Context) -> None:
    """Run the simulated WHOOP alone; its own options follow (wear sim --help)."""
    simulator.become(ctx.args)


def _configure(settings: Settings, *, is_demo: bool = False) -> None:
    is_loud = "log_level" in settings.model_fields_set
    configure_logging(settings if is_loud or not is_demo else settings.model_copy(update={"log_level": "warning"}))
    for told in [] if is_demo else advice(settings):
        log.warning("setting", setting=told.setting, leads_to=told.text, todo=told.todo)


def _warn_of_owners(settings: Settings) -> None:
    for name, role in owners_in_vain(settings).items():
        log.warning("setting", setting=name, leads_to=OWNERS, todo=f"give servers and workers that of {role}")


def _up(settings: Settings) -> None:
    with placed(Choice(settings, is_demo=False), as_server=NAME) as where:
        _warn_of_owners(settings)
        settings, listener = listen(settings)
        run_server(serve(settings, where, listener, with_worker=True, beside=_greet))
    announce("Stopped.")


def _up_demo(given: Settings) -> None:
    folder = demo.folder_of(given)
    with placed(Choice(demo.attached(given), is_demo=True), as_server=NAME) as where:
        given, listener = listen(given.model_copy(update={"host": demo.ADDRESS}))
        kept = demo.read(folder) or demo.new()
        kept = demo.remember(folder, kept, port=given.port, sim_port=simulator.free_port(kept.sim_port))
        settings = demo.settings_for(given, kept, folder)
        with simulator.simulated(kept, base_url=settings.base_url, log=folder / "simulator.log") as cloud:

            async def beside(running: Parts) -> None:
                await _greet_demo(running, cloud, kept)

            run_server(serve(settings, where, listener, with_worker=True, is_demo=True, beside=beside))
    announce("Stopped.")


async def _say_ready(running: Parts) -> None:
    announce(f"wearbase {__version__} is ready on {running.settings.base_url}")


async def _greet(running: Parts) -> None:
    """Where it is, where the data is, and a key to begin with."""
    await _say_ready(running)
    _say_place(running.place)
    settings = running.settings
    if not settings.has_source:
        announce("  Source    none: set WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET", style="yellow")
    for app in settings.apps():
        if app.provider.caveat is not None:
            announce(f"  Source    {app.provider.label}", style="yellow")
    if settings.service_api_key is not None:
        announce("  Key       SERVICE_API_KEY, as you have set it")
    elif any(key.revoked_at is None for key in await running.key_book.list()):
        announce("  Key       one that you have (wear keys list); another one: wear keys create --name NAME --scope read")
    else:
        made = await running.key_book.create(FIRST_KEY, FIRST_SCOPES)
        announce(f"  Key       {made.secret}", style="bold")
        announce("            shown this once: keep it. Send it as X-API-Key. More: wear keys create --name NAME --scope read")
    announce(f"  App       {await _sign_in(running) or f'{settings.base_url}/app/   (sign in: wear link USER)'}")
    announce(f"  Connect   wear connect USER        Docs  {settings.base_url}/docs")
    announce("  Stop with Ctrl-C.", style="dim")


async def _greet_demo(running: Parts, cloud: Simulator, kept: demo.Kept) -> None:
    """The same for the demo; what goes wrong with its member is told, and the server goes on."""
    await _say_ready(running)
    announce("  DEMO      a simulated WHOOP and an invented member; nothing here is real", style="bold yellow")
    _say_place(running.place)
    if running.settings.service_api_key is not None and demo.is_own_key(running.settings):
        announce(f"  Key       {kept.service_key}   (of this demo only)")
    else:
        announce("  Key       SERVICE_API_KEY, as you have set it")
    try:
        await guide(running, cloud, kept)
    except (Stop, WearbaseError, httpx2.HTTPError) as error:
        tell(f"The demo is not complete: {getattr(error, 'message', None) or type(error).__name__}", style="red")


async def _sign_in(running: Parts) -> str | None:
    """An address that signs in the only member there is; None if there are several, or none."""
    users = {row.user_id for row in await members(running.db, limit=3)}
    if len(users) != 1:
        return None
    made = await Sessions(running.db, running.clock).make_link(users.pop(), made_by=NAME)
    return f"{made.address(running.settings.base_url)}   (once, within ten minutes)"


def _say_place(where: Place) -> None:
    announce(f"  Data      {where.folder}  (a PostgreSQL of its own)" if where.is_embedded else "  Data      DATABASE_URL")
