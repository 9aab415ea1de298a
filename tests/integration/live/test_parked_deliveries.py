"""Deliveries that could not be understood, as an operator sees them: which and why, never what they said."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from tests.integration.api.conftest import Service, serving
from tests.integration.harness import SAHHA_SECRET, bench
from tests.integration.parts import ACCOUNT, sahha_connected

ANN = ACCOUNT.format("ann")


@pytest.fixture
async def ops(database_url: str) -> AsyncIterator[Service]:
    async with (
        bench(database_url, days=5, backfill_days=3, members=1, has_sahha=True) as world,
        serving(world, direct_url=database_url) as service,
    ):
        yield service


async def tell(ops: Service, **said: Any) -> None:
    raw = orjson.dumps({"externalId": ANN, **said})
    signature = hmac.digest(SAHHA_SECRET.encode(), raw, hashlib.sha256).hex()
    await ops.world.receiver.receive("sahha", {"x-signature": signature}, raw)


async def test_they_are_listed_and_counted_with_their_reason(ops: Service) -> None:
    await sahha_connected(ops.world, "ann")
    steps = {"category": "activity", "type": "steps", "startDateTime": "2026-11-16T00:00:00Z", "endDateTime": "2026-11-16T23:59:59Z"}
    with capture_logs() as logs:
        await tell(ops, id="b-1", **steps, unit="count", value="437.25 of them", valueType="integer")
        await tell(ops, id="l-1", logType="heart", dataLogs=[])
        await tell(ops, id="l-2", externalId="a-stranger", logType="heart", dataLogs=[])
        await ops.world.work()
        found = (await ops.get("/api/v1/ops/failing", headers=await ops.key("ops"))).json()
    told = found["parked_deliveries"]
    reason = told["newest"][0]["reason"]
    assert reason.endswith("At: value.")
    assert told["counts"] == [
        {"provider": "sahha", "reason": reason, "count": 1}, {"provider": "sahha", "reason": "unknown_member", "count": 1},
        {"provider": "sahha", "reason": "unknown_type", "count": 1},
    ]  # fmt: skip
    (row,) = told["newest"]
    assert (row["user_id"], row["provider"], row["external_id"]) == ("ann", "sahha", "b-1")
    assert row["received_at"] >= told["looked_back_to"] > "2026-11-18T"
    assert found["counts"]["parked"] == 0
    assert "437.25" not in str(found)
    assert "437.25" not in str(logs)


async def test_without_any_it_says_so(ops: Service) -> None:
    found = (await ops.get("/api/v1/ops/failing", headers=await ops.key("ops"))).json()
    assert found["parked_deliveries"] == {"looked_back_to": None, "counts": [], "newest": []}
