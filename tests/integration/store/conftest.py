"""A database object on each server in turn, and on the embedded one alone."""

from collections.abc import AsyncIterator

import pytest

from wearbase.store.postgres.database import Database


@pytest.fixture
async def any_db(any_database_url: str, is_pooled: bool) -> AsyncIterator[Database]:
    db = Database(any_database_url, size=6, is_pooled=is_pooled)
    await db.open()
    yield db
    await db.close()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    db = Database(database_url, size=6)
    await db.open()
    yield db
    await db.close()
