"""A storm of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.storm.driver import Storm, storm
from wearbase.providers.whoop import client
from wearbase.transport import grants


@pytest.fixture(autouse=True)
def _closer_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pages, so that more can happen between two of them. And short waits in real time, for the storm's clock stands still."""
    monkeypatch.setattr(client, "PAGE_SIZE", 5)
    monkeypatch.setattr(grants, "WAIT_FOR_OTHERS_S", 0.1)


@pytest.fixture
async def weather(database_url: str) -> AsyncIterator[Storm]:
    async with storm(database_url) as made:
        yield made
