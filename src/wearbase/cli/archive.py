"""`wear user export`."""

import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp
from typing import Annotated, BinaryIO

import typer

from wearbase import __version__
from wearbase.cli import words
from wearbase.cli.exits import Code, Stop
from wearbase.cli.output import emit, say
from wearbase.cli.session import Choice, choose, opened, run
from wearbase.read.archive import Archive
from wearbase.store.audit import trail
from wearbase.sync.remote.archives import archives


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
    """Writes beside the file first, under a name of its own, so that what was broken off never looks whole."""
    try:
        unfinished, name = mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)  # 0600
        try:
            with os.fdopen(unfinished, "wb") as file:
                size = await _write(choice, user_id, file)
            os.link(name, path)  # fails if somebody made it meanwhile
        finally:
            os.unlink(name)
    except OSError as error:
        raise Stop(f"{path} cannot be written: {error.strerror}.") from error
    return size


async def _write(choice: Choice, user_id: str, file: BinaryIO) -> int:
    """How many bytes it took."""
    async with opened(choice) as running:
        beside = await archives(running.engine, user_id)
        async with running.db.transaction() as tx:
            await trail.write(tx, "exported", user_id=user_id, now=running.clock.now())
        archive = Archive(running.db, running.clock, version=__version__, units=running.engine.combining.units)
        async for piece in archive.of(user_id, beside=beside):
            file.write(piece)
    return file.tell()
