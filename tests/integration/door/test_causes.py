"""Which request brought about a visit is in the worker's log under the request's own id, and goes with the visit."""

from typing import Any

import structlog

from tests.integration.api.conftest import ENV_KEY, Service, serving
from tests.integration.harness import Bench

PHONE_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def told(world: Bench) -> list[dict[str, Any]]:
    """What the log says of the visits that are due."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        await world.work()
    return [dict(line) for line in logs]


async def settled(service: Service) -> int:
    account = await service.connected()
    await service.world.step(minutes=2, webhooks=False)
    return account


async def test_a_persons_sync_is_named_by_the_visit_that_serves_it_and_by_none_after(world: Bench) -> None:
    async with serving(world) as service:
        await settled(service)
        asked = await service.post("/api/v1/whoop/sync/ann", headers={"x-api-key": ENV_KEY, "x-request-id": PHONE_ID})
        assert (asked.status_code, asked.headers["x-request-id"]) == (202, PHONE_ID)
        visited = [line for line in await told(world) if line["event"] == "visited"]
        assert [line["requests"] for line in visited] == [[PHONE_ID]]
        await world.step(hours=12, webhooks=False)
        assert [line for line in await told(world) if line["event"] == "visited"] == []
        assert {s["cause"] for s in await world.rows("select cause from wearbase.sync_state")} == {None}


async def test_every_delivery_is_named_by_the_visit_that_settles_it_and_by_what_fails_in_it(world: Bench) -> None:
    async with serving(world) as service:
        account = await settled(service)
        await world.event(account, "workout")
        await world.event(account, "workout", minutes=30)
        answers = [await service.post("/v1/webhooks/whoop", headers=headers, content=body) for headers, body in world.deliveries]
        assert [answer.status_code for answer in answers] == [204, 204]
        ids = sorted(answer.headers["x-request-id"] for answer in answers)
        await world.fault("/v2/activity/workout", "status", status=503, count=1)
        lines = await told(world)
        assert {line["event"] for line in lines if line.get("requests") == ids} >= {"visited", "resource failed"}
