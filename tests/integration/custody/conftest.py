"""A whole wearbase in one process, to look after."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.harness import Bench, bench


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[Bench]:
    async with bench(database_url, days=5) as made:
        yield made
