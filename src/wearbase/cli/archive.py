"""`wear user export`."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from wearbase import __version__
from wearbase.cli import words
from wearbase.cli.exits import Code, Stop
from wearbase.cli.output import emit, say
from wearbase.cli.session import Choice, choose, opened, run
from wearbase.read.archive import Archive
from wearbase.store.audit import trail


def export_user(
    ctx: typer.Context,
    user_id: Annotated[str, typer.Argument(metavar="USER")],
    to: Annotated[Path | None, typer.Option(help="The file to write.", dir_okay=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Write everything that is stored about a user into a ZIP: records, days, consents, preferences; no tokens."""
    choice, user_id = choose(ctx), words.user(user_id)
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in user_id)
    path = to or Path(f"wearbase-{name}-{datetime.now(UTC):%Y-%m-%d}.zip")
    if path.exists():
        raise Stop(f"{path} is there already. Name another file with --to.", Code.USAGE)
    size = run(_export(choice, user_id, path))
    if as_json:
        return emit({"user_id": user_id, "file": str(path), "bytes": size})
    return say(f"Everything stored about {user_id} is in {path} ({size / 1_000_000:.1f} MB). It holds health data: keep it safe.")


async def _export(choice: Choice, user_id: str, path: Path) -> int:
    """Writes beside the file first, so that what was broken off never looks whole."""
    unfinished = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            async with opened(choice) as running:
                async with running.db.transaction() as tx:
                    await trail.write(tx, "exported", user_id=user_id, now=running.clock.now())
                archive = Archive(running.db, running.clock, version=__version__, units=running.engine.combining.units)
                async for piece in archive.of(user_id):
                    file.write(piece)
            size = file.tell()
        os.link(unfinished, path)  # fails if somebody made it meanwhile
    except OSError as error:
        raise Stop(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
    return size
