"""`wear keys` and `wear db`."""

from datetime import datetime
from typing import Annotated, Any

import typer

from wearbase.access.caller import IN_FULL
from wearbase.access.keys import ENVIRONMENT
from wearbase.cli import words
from wearbase.cli.custody.ring import new_ring_key, rotate_ring
from wearbase.cli.exits import Code, Stop
from wearbase.cli.members import AsJson
from wearbase.cli.output import ago, console, emit, say, table, tell, utc
from wearbase.cli.session import Choice, choose, opened, placed, run
from wearbase.cli.showing.status import note_demo
from wearbase.store.keys import StoredKey
from wearbase.store.postgres import migrate, runtime_role

keys = typer.Typer(no_args_is_help=True, help="Service keys, which other programs send as X-API-Key; and the keys that seal stored tokens.")
db = typer.Typer(no_args_is_help=True, help="The database.")


@keys.command("create")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Option(help="Who will use it.")],
    scope: Annotated[list[str], typer.Option(help="read, sync, connect, erase or ops; may be repeated.")],
    expires: Annotated[str | None, typer.Option(help="How long it is good: 90d, 1y. For ever if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once."""
    run(_create(choose(ctx), name, scope, expires, as_json=as_json))


async def _create(choice: Choice, name: str, scopes: list[str], expires: str | None, *, as_json: bool) -> None:
    lifetime = words.length(expires) if expires else None
    async with opened(choice) as running:
        until = running.clock.now() + lifetime if lifetime else None
        made = await running.key_book.create(name, [part for scope in scopes for part in scope.split(",")], until)
    if as_json:
        return emit({**_shown(made.stored), "key": made.secret})
    note_demo(choice)
    say(made.secret)
    if "connect" in made.stored.scopes and (lacks := [scope for scope in IN_FULL if scope not in made.stored.scopes]):
        tell(f"It lacks {' and '.join(lacks)}: so do the members' tokens that it makes, and sign-in links it makes none.")
    tell("It is shown this once. End it with: wear keys revoke " + made.stored.prefix)
    return None


@keys.command("list")
def show(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Every key of this database, without its secret."""
    run(_list(choose(ctx), as_json=as_json))


async def _list(choice: Choice, *, as_json: bool) -> None:
    async with opened(choice) as running:
        found, now = await running.key_book.list(), running.clock.now()
    if as_json:
        return emit({"keys": [_shown(key) for key in found]})
    note_demo(choice)
    if not found:
        return say("There is no key in the database: wear keys create --name NAME --scope read")
    made = table("prefix", "name", "scopes", "state", "made", "last used", "expires")
    for key in found:
        times = (ago(at, now=now) for at in (key.created_at, key.last_used_at, key.expires_at))
        made.add_row(key.prefix, key.name, ", ".join(key.scopes), _state(key, now=now), *times)
    console().print(made)
    return None


@keys.command("revoke")
def revoke(
    ctx: typer.Context,
    id_or_prefix: Annotated[str, typer.Argument(metavar="ID|PREFIX|environment")],
    keep_members: Annotated[
        bool, typer.Option("--keep-members", help="Members stay signed in by what it made: the key is not stolen.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End a key, and the members' tokens, links and sessions that it made; every server refuses them within five seconds.

    Of SERVICE_API_KEY (environment) only these: the key itself ends when the setting is changed, which comes first.
    """
    if keep_members and id_or_prefix == ENVIRONMENT:
        raise Stop("The key of SERVICE_API_KEY ends when the setting is changed; members stay signed in.", Code.USAGE)
    run(_revoke(choose(ctx), id_or_prefix, keep_members=keep_members, as_json=as_json))


async def _revoke(choice: Choice, id_or_prefix: str, *, keep_members: bool, as_json: bool) -> None:
    async with opened(choice) as running:
        count = await running.key_book.revoke(id_or_prefix, keeps_members=keep_members)
    if as_json:
        return emit({"revoked": count})
    if id_or_prefix == ENVIRONMENT:
        return say("What the key of SERVICE_API_KEY made for members until now has ended. The key itself ends when the setting is changed.")
    made = "Members stay signed in." if keep_members else "Members' tokens and sessions that it made have ended, too."
    return say(f"{'The key is' if count == 1 else f'{count} keys are'} revoked. {made}")


@keys.command("rotate")
def rotate(
    ctx: typer.Context,
    id_or_prefix: Annotated[str | None, typer.Argument(metavar="[ID|PREFIX]")] = None,
    grace: Annotated[str | None, typer.Option(help="The old key ends after so long: 24h, 7d. Never by itself if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Of a service key: make one with the same name and scopes; the old one goes on working. Without one: seal stored tokens again."""
    if id_or_prefix is not None:
        return run(_rotate(choose(ctx), id_or_prefix, grace, as_json=as_json))
    if grace is not None:
        raise Stop("--grace is of a service key: name it.", Code.USAGE)
    return rotate_ring(ctx, as_json=as_json)


async def _rotate(choice: Choice, id_or_prefix: str, grace: str | None, *, as_json: bool) -> None:
    lasts = words.length(grace) if grace else None
    async with opened(choice) as running:
        made, old = await running.key_book.rotate(id_or_prefix, grace=lasts)
        now = running.clock.now()
    if as_json:
        return emit({**_shown(made.stored), "key": made.secret, "replaces": str(old.id), "old_expires_at": utc(old.expires_at)})
    say(made.secret)
    ends = f"The old one ends {ago(old.expires_at, now=now)}." if lasts and old.expires_at else ""
    tell(f"It is shown this once. {ends or f'When everybody uses it: wear keys revoke {old.prefix} --keep-members'}")
    return None


keys.command("new")(new_ring_key)


@db.command("upgrade")
def upgrade(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Bring the database to the newest schema."""
    choice = choose(ctx)
    with placed(choice):
        head = migrate.head()
    if as_json:
        emit({"revision": head})
    else:
        say(f"The database is at revision {head}, the newest.")


@db.command("grant")
def grant(ctx: typer.Context, role: Annotated[str, typer.Argument(metavar="ROLE")], as_json: AsJson = False) -> None:
    """Let a role of the database run servers and workers, without the owner's rights: it can change neither tables nor the audit trail."""
    choice = choose(ctx)
    with placed(choice) as where:
        runtime_role.grant(where.direct_url or where.url, role, schema=choice.settings.database_schema)
    if as_json:
        return emit({"role": role, "revision": migrate.head()})
    say(f"{role} may run wear api and wear worker: give these its address as DATABASE_URL.")
    return tell("The owner's address is for wear db upgrade, backup, restore and audit prune alone (docs/operations.md).")


def _state(key: StoredKey, *, now: datetime) -> str:
    if key.prefix == ENVIRONMENT:
        return f"what it had made ended {ago(key.revoked_at, now=now)}"
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "live"


def _shown(key: StoredKey) -> dict[str, Any]:
    times = {name: utc(getattr(key, name)) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    return {"id": str(key.id), "prefix": key.prefix, "name": key.name, "scopes": key.scopes, **times}
