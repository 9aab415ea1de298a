"""The budget where an operator sees it: metrics that name no member."""

import re

from tests.integration.api.conftest import Service
from wearbase.sync.upkeep.forecast import forecast_all


async def told(service: Service) -> dict[str, float]:
    text = (await service.get("/metrics", headers=await service.key("ops"))).text
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line and not line.startswith("#")}


async def test_what_is_used_left_and_foretold_is_on_the_metrics_page(service: Service) -> None:
    assert (await told(service))['wearbase_budget_calls_used{provider="whoop",window="day"}'] == 0
    await service.world.connect("ann")
    await service.world.work()
    await forecast_all(service.world.engine)
    found = await told(service)
    spent = (await service.world.calls())["data"]
    assert found['wearbase_budget_calls_used{provider="whoop",window="day"}'] == spent > 0
    by_reason = {name: n for name, n in found.items() if name.startswith("wearbase_budget_calls_today")}
    assert sum(by_reason.values()) == spent
    assert any('reason="backfill"' in name for name in by_reason)
    assert found['wearbase_budget_forecast_needed{provider="whoop"}'] > 0
    assert found['wearbase_provider_paused{provider="whoop"}'] == 0
    assert not any(re.search(r"ann\b", name) for name in found)
