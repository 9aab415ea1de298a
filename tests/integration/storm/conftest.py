"""A storm of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.storm.driver import Storm, storm
from wearbase.transport import grants


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh left by a dead worker is waited for in real time, while the clock of the storm stands still."""
    monkeypatch.setattr(grants, "WAIT_FOR_OTHERS_S", 0.1)


@pytest.fixture
async def weather(database_url: str) -> AsyncIterator[Storm]:
    async with storm(database_url) as made:
        yield made
