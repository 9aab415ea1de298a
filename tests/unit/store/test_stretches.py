"""A long answer is taken in at a stretch, and never waited for while others could have their turn."""

import socket
from collections.abc import Generator

from psycopg.waiting import READY_R, WAIT_R, WAIT_RW

from wearbase.store.postgres.stretches import MOST_PIECES, at_a_stretch


def reading(here: socket.socket, pieces: int) -> Generator[int, int, int]:
    """Sends, then reads so many pieces, each after it was told that there is one."""
    assert (yield WAIT_RW)
    for _ in range(pieces):
        assert (yield WAIT_R) == READY_R
        here.recv(1)
    return pieces


def waits(there: int, pieces: int) -> list[int]:
    """What is asked of the event loop for an answer of so many pieces, of which some are there."""
    here, peer = socket.socketpair()
    with here, peer:
        peer.send(b"x" * there)

        def to_the_end() -> Generator[int, int, None]:
            assert (yield from at_a_stretch(reading(here, pieces), here.fileno())) == pieces
            yield 0

        gen = to_the_end()
        asked = [next(gen)]
        while asked[-1]:
            if asked[-1] == WAIT_R and not there:
                peer.send(b"y")
            asked.append(gen.send(READY_R))
        return asked[:-1]


def test_what_is_there_is_read_without_a_turn_of_the_loop() -> None:
    assert waits(there=5, pieces=5) == [WAIT_RW]


def test_what_is_not_there_is_waited_for() -> None:
    assert waits(there=0, pieces=2) == [WAIT_RW, WAIT_R, WAIT_R]


def test_after_so_many_pieces_others_have_their_turn() -> None:
    assert waits(there=MOST_PIECES + 3, pieces=MOST_PIECES + 3) == [WAIT_RW, WAIT_R]
