"""The second source on the app's page of a day."""

from collections.abc import AsyncIterator
from datetime import date

import pytest

from tests.integration.api.conftest import Service, serving
from tests.integration.harness import bench
from tests.integration.parts import sahha_connected, sahha_says


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with bench(database_url, days=12, has_sahha=True) as world, serving(world) as made:
        yield made


async def test_the_second_sources_scores_are_named_as_its_own(service: Service) -> None:
    await service.connected()
    today = date.fromisoformat(await service.today())
    await sahha_connected(service.world, "ann")
    assert (await service.get("/api/v1/app/ann/day")).json()["sahha"] is None
    await sahha_says(service.world, "ann", today, readiness=0.62)
    page = (await service.get("/api/v1/app/ann/day")).json()
    assert [(s["name"], s["score"], s["score_as_sent"], s["state"]) for s in page["sahha"]["scores"]] == [("readiness", 62, 0.62, "high")]
    assert page["sahha"]["at"] == f"{today}T06:00:00.000Z"
    assert page["day"]["recovery"]["score"] is not None
    assert set(page["sources"]) == {"whoop", "sahha"}
