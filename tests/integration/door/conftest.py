"""A service whose door has limits, and whose time stands still there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.integration.api.conftest import Service, serving
from tests.integration.harness import Bench, bench
from wearbase.api.door.pace import Buckets
from wearbase.api.door.rules import DoorRules


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[Bench]:
    async with bench(database_url) as made:
        yield made


@asynccontextmanager
async def guarded(world: Bench, **rules: object) -> AsyncIterator[Service]:
    """The service behind a door with these rules; no second passes there, however slow the machine is."""
    async with serving(world, door=DoorRules(**rules)) as service:  # type: ignore[arg-type]
        pace, turns = service.services.pace, service.services.turns
        for buckets in (pace._services, pace._members, pace._failures, turns._paces):
            stop(buckets)
        yield service


def stop(buckets: Buckets) -> None:
    buckets._clock = lambda: 1_000.0
