"""The keys that seal stored tokens: a new one, and sealing everything again with it."""

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from wearbase.app.parts import Parts
from wearbase.cli.exits import Stop
from wearbase.cli.members import AsJson
from wearbase.cli.output import console, emit, is_watched, say, tell
from wearbase.cli.session import Choice, choose, opened, run
from wearbase.store.audit import trail
from wearbase.store.sealed import kms
from wearbase.store.sealing import KeyRing
from wearbase.sync import ask
from wearbase.sync.upkeep.resealing import Resealed, RingUse, can_open, named, reseal_all, ring_use, started_last


def new_ring_key(
    aws_kms: Annotated[str | None, typer.Option(metavar="KEY", help="Wrap it by this key of AWS KMS (id, ARN or alias).")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key for TOKEN_ENCRYPTION_KEYS and print it; nothing is stored."""
    made = kms.new_wrapped_key(aws_kms) if aws_kms else KeyRing.new_key_text()
    if as_json:
        return emit({"key": made})
    say(made)
    tell("Give it to every process as the last of TOKEN_ENCRYPTION_KEYS and restart them; then as the first; then: wear keys rotate")
    return None


def rotate_ring(ctx: typer.Context, *, as_json: bool) -> None:
    """Seals every stored token again with the first key of the ring."""
    run(_rotate(choose(ctx), as_json=as_json))


async def _rotate(choice: Choice, *, as_json: bool) -> None:
    async with opened(choice) as running:
        await _check_others(running)
        done = await _with_progress(running)
        use = await ring_use(running.db, running.place.keys)
        async with running.db.transaction() as tx:
            await trail.write(tx, "sealing_keys_rotated", details={"resealed": done.resealed}, now=running.clock.now())
    if as_json:
        emit({"resealed": done.resealed, "unreadable": done.unreadable, "left": done.left, "keys": use.by_key, "unused_keys": use.unused})
    else:
        _say(done, use)
    if done.unreadable:
        raise Stop(f"{done.unreadable} values cannot be opened by any key at hand and are as they were. Add the key that sealed them.")
    if done.left > 0:
        raise Stop(f"{done.left} values are still sealed by an older key: a process has an older ring. Restart it, then rotate again.")


async def _check_others(running: Parts) -> None:
    """Raises Stop if what is sealed now would be closed to the processes that run."""
    seen = await started_last(running.db)
    if seen is not None and not can_open(running.place.keys, seen) and await ask.has_worker(running.engine):
        raise Stop(
            f"The first of these keys was not given to {named(seen)}: it could open nothing that is sealed now. Nothing was done."
            " Give the key to every process, restart them, then rotate."
        )


async def _with_progress(running: Parts) -> Resealed:
    if not is_watched():
        return await reseal_all(running.db, running.place.keys)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console(is_error=True), transient=True) as progress:
        task = progress.add_task("Sealing again", total=None)
        return await reseal_all(
            running.db, running.place.keys, on_step=lambda done, total: progress.update(task, completed=done, total=max(done, total))
        )


def _say(done: Resealed, use: RingUse) -> None:
    say(f"{done.resealed} values were sealed again with the first key.")
    for key in use.unused:
        say(f"Key {key} seals nothing any more: once every process has the newest key first, take it out of TOKEN_ENCRYPTION_KEYS.")
    if len(use.by_key) == 1:
        say("There is one key in the ring. To change it: wear keys new")
