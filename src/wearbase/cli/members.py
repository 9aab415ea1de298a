"""`wear connect`, `disconnect` and `user erase`."""

import asyncio
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import httpx2
import typer

from wearbase.access.sessions import Sessions
from wearbase.app.parts import Parts
from wearbase.cli import words
from wearbase.cli.exits import Code, Stop
from wearbase.cli.output import emit, is_watched, say, tell, utc
from wearbase.cli.session import Choice, choose, opened, require_source, run
from wearbase.providers.registry import PROVIDERS
from wearbase.read.status import status
from wearbase.sync import ask, connect, disconnect
from wearbase.sync import join as join_by_account
from wearbase.sync.connect import Started
from wearbase.sync.disconnect import Ended
from wearbase.sync.remote import ending
from wearbase.sync.worker import Worker

LOOK_EVERY_S = 0.25
TELL_PATIENCE_S = 10.0
Provider = Annotated[str, typer.Option(help="The source.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

user = typer.Typer(no_args_is_help=True, help="Everything about one user.")


def join(
    ctx: typer.Context,
    user_id: Annotated[str, typer.Argument(metavar="USER")],
    provider: Provider = "whoop",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    external_id: Annotated[str | None, typer.Option(help="The user's id at a source joined by account; else a new one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Connect a user: prints the address of the consent page, and waits until it has been answered.

    At a source joined by account nobody need be asked.
    """
    choice, user_id = choose(ctx), words.user(user_id)
    by_account = PROVIDERS[provider].joined_by == "account" if provider in PROVIDERS else False
    if by_account:
        run(_join(choice, user_id, provider, external_id, as_json=as_json))
    elif external_id is not None:
        raise Stop(f"{provider} is joined by the member's consent, and tells whose account it is: no --external-id.", Code.USAGE)
    else:
        run(_consent(choice, user_id, provider, no_browser=no_browser, as_json=as_json))


async def _join(choice: Choice, user_id: str, provider: str, external_id: str | None, *, as_json: bool) -> None:
    async with opened(choice) as running:
        require_source(running, choice, provider)
        joined = await join_by_account.join(running.engine, user_id, provider, external_id=external_id)
    if as_json:
        return emit({"user_id": user_id, "provider": provider, "external_user_id": joined.external_user_id, "connected": True})
    return say(f"{user_id} is connected to {provider} as {joined.external_user_id}. History is being read: wear status {user_id}")


async def _consent(choice: Choice, user_id: str, provider: str, *, no_browser: bool, as_json: bool) -> None:
    async with opened(choice) as running:
        require_source(running, choice, provider)
        began = running.clock.now()
        started = await connect.begin(running.engine, user_id, provider)
        if PROVIDERS[provider].caveat is not None:
            tell(PROVIDERS[provider].label, style="yellow")
        show = tell if as_json else say  # with --json standard output is for the one document at the end
        show(f"Open this address and allow access, within {started.expires_in_s // 60} minutes:")
        show(started.authorization_url)
        if not await _answers(running):
            address = running.settings.base_url
            if as_json:
                _emit(started, provider, is_connected=False)
            raise Stop(
                f"Nothing answers on {address}, so the consent cannot come back. Start `wear up`, then connect again.", Code.NOT_CONNECTED
            )
        if not no_browser and not as_json and is_watched():
            webbrowser.open(started.authorization_url)
        is_connected = await _wait(running, started, provider, since=began)
    if as_json:
        _emit(started, provider, is_connected=is_connected)
    if not is_connected:
        raise Stop("The consent was not given in time. Start again.", Code.NOT_CONNECTED)
    if not as_json:
        say(f"{user_id} is connected to {provider}. History is being read: wear status {user_id}")


def _emit(started: Started, provider: str, *, is_connected: bool) -> None:
    emit({"user_id": started.user_id, "provider": provider, "authorization_url": started.authorization_url, "connected": is_connected})


async def _answers(running: Parts) -> bool:
    """Whether our server answers where the provider will send the browser."""
    try:
        async with httpx2.AsyncClient(timeout=3, trust_env=False) as client:
            return (await client.get(f"{running.settings.base_url}/health/live")).is_success
    except httpx2.HTTPError:
        return False


async def _wait(running: Parts, started: Started, provider: str, *, since: datetime) -> bool:
    """Whether the connection was made while the consent was good."""
    if is_watched():
        tell("Waiting for the consent ... (Ctrl-C stops waiting)", style="dim")
    give_up = asyncio.get_running_loop().time() + started.expires_in_s
    while asyncio.get_running_loop().time() < give_up:
        found = await status(running.db, running.clock, started.user_id, provider)
        if found.connection and found.connection.is_live and found.connection.connected_at >= since:
            return True
        if await connect.peek(running.engine, started.state) is None:  # consumed: connected a moment later, or refused
            await asyncio.sleep(2 * LOOK_EVERY_S)
            found = await status(running.db, running.clock, started.user_id, provider)
            return bool(found.connection and found.connection.is_live and found.connection.connected_at >= since)
        await asyncio.sleep(LOOK_EVERY_S)
    return False


def link(ctx: typer.Context, user_id: Annotated[str, typer.Argument(metavar="USER")], as_json: AsJson = False) -> None:
    """Print an address that signs a user in to the phone app, once, within ten minutes."""
    choice, user_id = choose(ctx), words.user(user_id)
    run(_link(choice, user_id, as_json=as_json))


async def _link(choice: Choice, user_id: str, *, as_json: bool) -> None:
    async with opened(choice) as running:
        made = await Sessions(running.db, running.clock).make_link(user_id, made_by="command line")
        is_answered = await _answers(running)
    address = made.address(choice.settings.base_url)
    if as_json:
        return emit({"user_id": user_id, "url": address, "expires_at": utc(made.expires_at)})
    say(f"Open this address within ten minutes to see the data of {user_id}; it works once:")
    say(address)
    if not is_answered:
        tell(f"Nothing answers on {choice.settings.base_url} at the moment. Start `wear up`.", style="yellow")
    return None


def leave(
    ctx: typer.Context,
    user_id: Annotated[str, typer.Argument(metavar="USER")],
    provider: Provider = "whoop",
    erase: Annotated[bool, typer.Option("--erase", help="Erase what is stored, too.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Disconnect a user: revokes at the provider, erases the tokens; keeps the records unless told to erase them."""
    choice, user_id = choose(ctx), words.user(user_id)
    if erase and not yes:
        confirm(user_id, f"This erases everything that {provider} told about {user_id}.")
    run(_leave(choice, user_id, provider, erase=erase, as_json=as_json))


async def _leave(choice: Choice, user_id: str, provider: str, *, erase: bool, as_json: bool) -> None:
    async with opened(choice) as running:
        require_source(running, choice, provider)
        ended = await disconnect.disconnect(running.engine, user_id, provider, erase=erase)
        is_told = await _tell_provider(running, [ended])
    if as_json:
        emit(
            {
                "user_id": user_id,
                "provider": provider,
                "was_connected": ended.had_connection,
                "revoked": _known(is_told, [ended]),
                "erased": erase,
                **_remaining([ended]),
            }
        )
    if not ended.had_connection and not erase:
        raise Stop(f"{user_id} was not connected to {provider}.", Code.NOT_CONNECTED)
    if not as_json:
        say(f"{user_id} is no longer connected to {provider}; its records are {'erased' if erase else 'kept'}.")
        _say_what_remains([ended])
        if not is_told and not ended.is_unrevoked:
            say(f"{provider} has not been told yet; a worker goes on trying for a day.", style="yellow")


async def _tell_provider(running: Parts, ended: Sequence[Ended]) -> bool:
    """Whether the provider knows by now; done here if no worker lives."""
    if not await ask.has_worker(running.engine):
        await Worker(running.engine).drain()
    told = [await disconnect.until_revoked(running.engine, one, at_most_s=TELL_PATIENCE_S) for one in ended]
    return all(told)


def _known(is_told: bool, ended: Sequence[Ended]) -> bool | None:
    """Whether the providers know; None where there was nothing to tell."""
    return is_told if any(one.had_grant for one in ended) else None


@user.command("erase")
def erase_user(
    ctx: typer.Context, user_id: Annotated[str, typer.Argument(metavar="USER")], yes: Yes = False, as_json: AsJson = False
) -> None:
    """Erase a user everywhere: connections, tokens, records, days."""
    choice, user_id = choose(ctx), words.user(user_id)
    if not yes:
        confirm(user_id, f"This ends every connection of {user_id} and erases everything stored about them. There is no way back.")
    run(_erase(choice, user_id, as_json=as_json))


async def _erase(choice: Choice, user_id: str, *, as_json: bool) -> None:
    async with opened(choice) as running:
        erased = await ending.erase_user(running.engine, user_id)
        ended, unfinished = erased.here.ended, [one.provider for one in erased.there if one.answer is None]
        is_told = await _tell_provider(running, ended)
    if as_json:
        revoked = _known(is_told, ended)
        here = erased.here
        counts = {"days": here.days, "records": here.records, "at": utc(here.at), "connections_ended": len(ended)}
        more = {**_remaining(ended), **({"unfinished": unfinished} if unfinished else {})}
        emit({"user_id": user_id, "erased": True, **counts, "revoked": revoked, **more})
    else:
        say(f"Nothing is stored about {user_id} any more: {erased.here.days} days and {erased.here.records} records are erased.")
        for name in unfinished:
            say(f"The service of {name} could not be told; a worker goes on trying until it is erased there, too.", style="yellow")
        _say_what_remains(ended)


def _remaining(ended: Sequence[Ended]) -> dict[str, list[dict[str, str]]]:
    """What stays at the providers, and of which account there; nothing where nothing does."""
    found = [asdict(one.remains) for one in ended if one.remains]
    return {"remains": found} if found else {}


def _say_what_remains(ended: Sequence[Ended]) -> None:
    for one in ended:
        if one.remains:
            say(f"{one.remains.text} Its id there: {one.remains.external_user_id}", style="yellow")


def confirm(word: str, warning: str, *, named: str = "the user's id") -> None:
    """Returns if a person types the word, the user's id or another. Raises Stop."""
    if not sys.stdin.isatty():
        raise Stop(f"{warning} Without a terminal, say so with --yes.", Code.USAGE)
    tell(warning, style="bold")
    if typer.prompt(f"Type {named} to go on", err=True) != word:
        raise Stop("Nothing was done.")
