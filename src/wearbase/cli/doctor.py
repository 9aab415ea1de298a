"""`wear doctor`: what is wrong, and what to do about it."""

import os
import stat
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import typer
from rich.text import Text

from wearbase import __version__
from wearbase.app.parts import Parts
from wearbase.cli.examining import Finding, of_identity, of_others, of_sahha, of_service, of_sources
from wearbase.cli.exits import Code, Stop
from wearbase.cli.members import AsJson
from wearbase.cli.output import console, emit, plain, say
from wearbase.cli.session import OWNERS, Choice, choose, opened, owners_in_vain, run
from wearbase.domain.errors import DatabaseUnavailable, SettingsError, WearbaseError
from wearbase.settings import LOOPBACK, Settings
from wearbase.settings.advice import advice
from wearbase.store import survey
from wearbase.store.postgres import migrate
from wearbase.store.postgres.embedded import default_data_dir, is_made, is_running
from wearbase.store.postgres.embedded.account import database_account
from wearbase.store.sealed.rings import given_ring
from wearbase.store.survey import ServerFacts
from wearbase.sync import ask
from wearbase.sync.upkeep.resealing import is_given, named, ring_use, started_last

WORRYING_SKEW_S, BROKEN_SKEW_S = 2.0, 60.0
STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Check settings, database, credentials, addresses, clock and worker. Ends with 1 if anything fails."""
    found = list(_examine(ctx))
    has_failed = any(finding.level == "fail" for finding in found)
    if as_json:
        emit({"version": __version__, "ok": not has_failed, "findings": [asdict(finding) for finding in found]})
    else:
        for finding in found:
            _print(finding)
    if has_failed:
        raise typer.Exit(Code.FAILED)


def _print(finding: Finding) -> None:
    line = Text.assemble((f"{finding.level:<5}", STYLES[finding.level]), plain(f"{finding.name:<15} {finding.text}"))
    console().print(line, soft_wrap=True)
    if finding.todo:
        say(f"{'':21}{finding.todo}", style="dim")


def _examine(ctx: typer.Context) -> Iterator[Finding]:
    try:
        choice = choose(ctx)
    except SettingsError as error:
        yield Finding("fail", "settings", error.message)
        return
    if (bad := _bad_ring(choice.settings)) is not None:
        yield Finding("fail", "settings", bad)
        return
    env_file = " and .env" if Path(".env").is_file() else ""
    yield Finding("ok", "settings", f"{choice.settings.environment}, from the environment{env_file}{' (demo)' if choice.is_demo else ''}")
    for told in advice(choice.settings):
        yield Finding("warn", "settings", f"{told.setting}: {told.text}", told.todo)
    yield from _source(choice)
    yield from _addresses(choice)
    if choice.settings.has_sahha and not choice.is_demo:
        yield from of_sahha(choice.settings)
    if not choice.is_demo:
        yield from of_others(choice.settings)
    yield from run(_of_identity(choice.settings))
    yield from _folder(choice.settings)
    absent = None if ctx.obj else _absent(choice)
    yield from [absent] if absent else _database(choice)


def _bad_ring(settings: Settings) -> str | None:
    try:
        if (given := settings.token_encryption_keys) is not None:
            given_ring(given.get_secret_value())
    except SettingsError as error:
        return error.message
    return None


def _source(choice: Choice) -> Iterator[Finding]:
    if choice.is_demo:
        yield Finding("ok", "whoop", "the demo's simulator stands in", "for your own data set WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET")
    elif choice.settings.has_whoop:
        yield Finding("ok", "whoop", "credentials are set")
    elif choice.settings.has_whoop_service:
        yield Finding("ok", "whoop", f"comes from the service at {choice.settings.whoop_service_url}")
    else:
        yield Finding("warn", "whoop", "no credentials", "set WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET (developer-dashboard.whoop.com)")


def _addresses(choice: Choice) -> Iterator[Finding]:
    """What WHOOP sends browsers and deliveries to."""
    settings = choice.settings
    if choice.is_demo or not settings.has_whoop:
        return
    for url in settings.whoop_redirects:
        yield _address(
            "redirect", url, "register exactly this redirect with your WHOOP app, or set WHOOP_REDIRECT_URL to the one registered"
        )
    webhook = f"{settings.base_url}/v1/webhooks/whoop"
    parts = urlsplit(webhook)
    if parts.scheme != "https" or parts.hostname in LOOPBACK:
        todo = "set PUBLIC_URL to the https address of this server; until then data comes by the timetable only"
        yield Finding("warn", "webhook", f"WHOOP cannot deliver to {webhook}", todo)
    else:
        yield Finding("ok", "webhook", webhook, "register it with your WHOOP app, model version v2")


def _address(name: str, url: str, todo: str) -> Finding:
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc or parts.fragment:
        return Finding("fail", name, f"{url!r} is not an address a browser can be sent to", todo)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        return Finding("fail", name, f"{url} is not https", todo)
    return Finding("ok", name, url, todo)


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir or default_data_dir()
    if settings.database_url is not None:
        if settings.token_encryption_keys is None:
            todo = "set TOKEN_ENCRYPTION_KEYS if more than one machine serves this database"
            yield Finding("warn", "token keys", f"kept in {folder} on this machine", todo)
        else:
            yield Finding("ok", "token keys", "TOKEN_ENCRYPTION_KEYS, which a backup of the database does not hold: keep a copy apart")
        return
    if not folder.exists():
        yield Finding("ok", "data folder", f"{folder} will be made")
        return
    found = folder.stat()
    if found.st_uid not in (os.geteuid(), database_account().uid):
        yield Finding("fail", "data folder", f"{folder} belongs to another user", "run as that user, or set DATA_DIR")
    elif stat.S_IMODE(found.st_mode) & 0o077:
        yield Finding("warn", "data folder", f"{folder} can be read by others", f"chmod 700 {folder}")
    else:
        yield Finding("ok", "data folder", f"{folder}, private")


def _absent(choice: Choice) -> Finding | None:
    """Where nobody asked for one, none is made, and no demo started. One with data of ours is opened for as long as this takes."""
    folder = choice.settings.data_dir or default_data_dir()
    if choice.settings.database_url is not None or (is_running(folder) if choice.is_demo else is_made(folder)):
        return None
    return Finding("warn", "database", f"none runs in {folder}, and none was started", "start it with: wear up")


def _database(choice: Choice) -> Iterator[Finding]:
    """The given database is looked at before anything is changed there; the embedded one is ours to start."""
    settings = choice.settings
    try:
        if settings.database_url is not None:
            found = survey.facts(settings.database_url.get_secret_value(), schema=settings.database_schema)
            yield from _server(settings, found)
            if found.revision != migrate.head():
                return
            for name, role in owners_in_vain(settings).items():
                yield Finding("warn", "role", f"{name}: {OWNERS}", f"give servers and workers that of {role}")
        yield from run(_inside(choice))
    except SettingsError as error:
        yield Finding("fail", "settings", error.message)
    except DatabaseUnavailable as error:
        yield Finding("fail", "database", error.message, "check DATABASE_URL, the network, and that the server runs")
    except (WearbaseError, Stop) as error:
        yield Finding("fail", "database", error.message)


def _server(settings: Settings, found: ServerFacts) -> Iterator[Finding]:
    is_old = found.version < 15
    yield Finding("fail" if is_old else "ok", "database", f"PostgreSQL {found.version}", "15 or newer is needed" if is_old else None)
    if found.encoding not in (None, "UTF8"):
        todo = "make another: create database ... encoding 'UTF8' template template0"
        yield Finding("fail", "database", f"its encoding is {found.encoding}, and must be UTF8", todo)
        return
    if found.is_pooled:
        if settings.database_direct_url is None:
            todo = "set DATABASE_DIRECT_URL to the server itself; without it workers look once a second instead of being woken"
            yield Finding("warn", "pooler", "DATABASE_URL goes through a transaction-mode pooler", todo)
        else:
            yield Finding("ok", "pooler", "in front of the database; DATABASE_DIRECT_URL goes around it for waking and migrations")
    head = migrate.head()
    if found.revision == head:
        yield Finding("ok", "schema", f"revision {head}, the newest")
    elif found.is_set_aside:
        text = "a restore is under way or was broken off; what was there is kept under another name"
        yield Finding("fail", "schema", text, "wait, or run wear restore FILE again: without --replace it only puts that back")
    else:
        yield Finding("fail", "schema", f"revision {found.revision or 'none'}; this program needs {head}", "run: wear db upgrade")


async def _inside(choice: Choice) -> list[Finding]:
    async with opened(choice) as running:
        found = survey.facts(running.place.url, schema=choice.settings.database_schema)
        own = [] if choice.settings.database_url else list(_server(choice.settings, found))
        services = [await of_service(remote) for remote in running.engine.remotes.values()]
        sources = await of_sources(running.engine, is_demo=choice.is_demo)
        own_keys = [await _keys(running), await _ring(running)]
        return [*own, _clock(found), await _worker(running, choice), *own_keys, *sources, *services]


def _clock(found: ServerFacts) -> Finding:
    apart = abs(found.seconds_ahead)
    text = f"{apart:.1f} s from the database's"
    if apart < WORRYING_SKEW_S:
        return Finding("ok", "clock", text)
    todo = "set this machine's clock by NTP; deliveries are refused when it is more than 5 minutes off"
    return Finding("fail" if apart >= BROKEN_SKEW_S else "warn", "clock", text, todo)


async def _of_identity(settings: Settings) -> list[Finding]:
    return [finding async for finding in of_identity(settings)]


async def _worker(running: Parts, choice: Choice) -> Finding:
    if await ask.has_worker(running.engine):
        return Finding("ok", "worker", "alive")
    todo = "start it with: wear up" if choice.settings.database_url is None else "start one with: wear worker"
    return Finding("warn", "worker", "none is running, so nothing is fetched", todo)


async def _keys(running: Parts) -> Finding:
    now = running.clock.now()
    live = [k for k in await running.key_book.list() if k.revoked_at is None and (k.expires_at is None or k.expires_at > now)]
    soon = [k.prefix for k in live if k.expires_at is not None and k.expires_at < now + timedelta(days=14)]
    if soon:
        return Finding("warn", "keys", f"ending within two weeks: {', '.join(soon)}", "make new ones: wear keys rotate PREFIX")
    count = len(live) + (running.settings.service_api_key is not None)
    if not count:
        return Finding("warn", "keys", "there is no service key", "make one: wear keys create --name NAME --scope read")
    return Finding("ok", "keys", f"{count} live")


async def _ring(running: Parts) -> Finding:
    """Whether every stored token can be opened, and which key could go."""
    use = await ring_use(running.db, running.place.keys)
    if use.unknown:
        todo = "add the key that sealed them to TOKEN_ENCRYPTION_KEYS; without it these members must connect again"
        return Finding("fail", "sealed", f"{use.unknown} stored values cannot be opened by any key at hand", todo)
    seen = await started_last(running.db)
    if seen is not None and not is_given(running.place.keys, seen):
        text = f"{named(seen)} was given other keys, or in another order"
        return Finding("warn", "sealed", text, "give every process the same TOKEN_ENCRYPTION_KEYS, and restart those that had others")
    if use.to_reseal:
        return Finding("warn", "sealed", f"{use.to_reseal} stored values are sealed by an older key", "run: wear keys rotate")
    if use.unused:
        todo = "take them out of TOKEN_ENCRYPTION_KEYS once every process has the newest key first"
        return Finding("ok", "sealed", f"all by the newest key; unused: {', '.join(use.unused)}", todo)
    return Finding("ok", "sealed", f"{sum(use.by_key.values())} stored values, all by the newest key")
