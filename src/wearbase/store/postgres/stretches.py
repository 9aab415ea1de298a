"""A connection that takes in a long answer at a stretch, instead of asking the event loop for each piece of it."""

import select
from collections.abc import Generator
from typing import Any, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.waiting import READY_R, WAIT_R

Answer = TypeVar("Answer")

MOST_PIECES = 32  # of 16 KiB each, then others have their turn


class StretchConnection(AsyncConnection[TupleRow]):
    """libpq reads 16 KiB at once. A turn of the event loop for each costs more than the reading: a third of a read of a dozen days."""

    async def wait(self, gen: Generator[Any, Any, Answer], *args: Any, **options: Any) -> Answer:
        return await super().wait(at_a_stretch(gen, self.pgconn.socket), *args, **options)


def at_a_stretch(gen: Generator[Any, Any, Answer], fileno: int) -> Generator[Any, Any, Answer]:
    """The same waiting, but that nobody waits for what has already come."""
    poll = None
    try:
        wanted = next(gen)
        while True:
            wanted = gen.send((yield wanted))
            for _ in range(MOST_PIECES):
                if wanted != WAIT_R:
                    break
                if poll is None:
                    poll = select.poll()
                    poll.register(fileno, select.POLLIN)
                if not poll.poll(0):
                    break
                wanted = gen.send(READY_R)
    except StopIteration as done:
        return done.value
