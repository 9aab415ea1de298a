"""Tasks that are told to stop do.

A cancellation can get lost. The driver may tell of the statement that it broke off instead; and `asyncio.wait_for` of Python 3.11,
on which driver and pool wait, passes over one that comes at the same moment as what is waited for.
"""

import asyncio
from collections.abc import Collection
from typing import Any

AGAIN_AFTER_S = 0.5


def end_if_cancelled(error: Exception | None = None) -> None:
    """Raises CancelledError in a task that was told to stop."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


async def cancel(tasks: Collection["asyncio.Task[Any]"], *, patience_s: float = 5.0) -> int:
    """Tells tasks to stop until they do, and waits for that as long; how many have not. Not for tasks that must finish something."""
    loop = asyncio.get_running_loop()
    give_up, left = loop.time() + patience_s, {task for task in tasks if not task.done()}
    while left and loop.time() < give_up:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_AFTER_S)
    return len(left)
