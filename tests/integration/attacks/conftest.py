"""One service for all tests of a file: what they do to it is part of the attack."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog

from tests.integration.attacks.arena import Arena, arena


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(module_database_url: str) -> AsyncIterator[Arena]:
    async with arena(module_database_url) as made:
        yield made


@pytest.fixture
def quiet() -> None:
    """Without a line for each of thousands of requests. The fixture of all tests ends it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
