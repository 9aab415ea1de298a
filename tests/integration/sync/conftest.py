"""A wearbase and a simulated cloud for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.harness import Bench, bench


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[Bench]:
    async with bench(database_url) as made:
        yield made
