"""`wear grants`: whose tokens the provider refuses, and an operator's word that it means it."""

from typing import Annotated

import typer

from wearbase.cli.members import AsJson, Provider
from wearbase.cli.output import emit, say
from wearbase.cli.session import Choice, choose, opened, run
from wearbase.cli.showing.budgets import clock
from wearbase.store.work import grants_care
from wearbase.sync.upkeep import alarm


def show_grants(
    ctx: typer.Context,
    provider: Provider = "whoop",
    give_up: Annotated[bool, typer.Option("--give-up", help="The refusals are real: these members must connect again.")] = False,
    as_json: AsJson = False,
) -> None:
    """How many members' tokens the provider refuses; when there are many at once, nobody is disconnected for it."""
    run(_grants(choose(ctx), provider, give_up=give_up, as_json=as_json))


async def _grants(choice: Choice, provider: str, *, give_up: bool, as_json: bool) -> None:
    async with opened(choice) as running:
        app = running.engine.app(provider)
        given_up = await alarm.believe(running.engine, app) if give_up else 0
        async with running.db.connection() as tx:
            refused = len(await grants_care.refused_users(tx, app.name))
            since = await grants_care.alarm_since(tx, app.name, app.key)
    if as_json:
        return emit({"provider": provider, "refused": refused, "alarm_since": since, "given_up": given_up})
    if give_up:
        say(f"{given_up} members must connect again; what is stored of them stays.")
    say(f"Refused and not given up: {refused}")
    if since is not None:
        say(f"Since {clock(since)} too many are refused at once to be believed. They are tried again, at last hourly.", style="red")
        say("If the provider has ended these grants for good: wear grants --give-up")
    return None
