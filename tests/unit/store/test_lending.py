"""A connection that is long in coming: a database that is away is told from a machine that has too much to do."""

import time
from typing import Any

import pytest
from psycopg_pool import PoolTimeout

from wearbase.domain.errors import DatabaseUnavailable
from wearbase.store.postgres.database import Database


class Connection:
    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(self, *_: object) -> None: ...


class Pool:
    """Gives nothing so many times; meanwhile somebody else may be answered."""

    def __init__(self, db: Database, *, fails: int, answers_others: bool) -> None:
        self._db, self._fails, self._answers_others = db, fails, answers_others
        self.asked = 0
        self.returned: list[Any] = []

    async def getconn(self) -> Connection:
        self.asked += 1
        if self.asked <= self._fails:
            if self._answers_others:
                self._db._answered_at = time.monotonic()
            raise PoolTimeout
        return Connection()

    async def putconn(self, connection: Any) -> None:
        self.returned.append(connection)


def with_pool(*, fails: int, answers_others: bool) -> tuple[Database, Pool]:
    db = Database("postgresql:///none")
    db._pool = pool = Pool(db, fails=fails, answers_others=answers_others)  # type: ignore[assignment]
    return db, pool


async def test_while_others_are_answered_it_is_tried_once_more() -> None:
    db, pool = with_pool(fails=1, answers_others=True)
    async with db.connection() as connection:
        assert isinstance(connection, Connection)
    assert (pool.asked, pool.returned, db._is_away) == (2, [connection], False)


@pytest.mark.parametrize(("answers_others", "asked"), [(False, 1), (True, 2)])
async def test_where_nobody_is_answered_or_it_fails_twice_the_database_is_away(answers_others: bool, asked: int) -> None:
    db, pool = with_pool(fails=9, answers_others=answers_others)
    with pytest.raises(DatabaseUnavailable):
        async with db.connection():
            pytest.fail("there was none")
    assert (pool.asked, pool.returned, db._is_away) == (asked, [], True)
