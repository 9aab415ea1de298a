"""Trends: one quantity from every source, against the member's own usual range."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.integration.api.conftest import Service, problem
from tests.integration.api.test_health import counted
from tests.integration.parts import sahha_connected, sahha_says
from wearbase.domain.baselines import baseline


async def trend(service: Service, metric: str, start: date, end: date) -> dict[str, Any]:
    answer = await service.get(f"/api/v1/trends/ann?metric={metric}&start={start}&end={end}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def stored(service: Service, metric: str) -> dict[date, float]:
    rows = await service.world.rows("select day, value from wearbase.metric where metric = %s and provider = 'whoop'", metric)
    return {row["day"]: row["value"] for row in rows}


async def test_the_series_the_baselines_and_the_position(service: Service) -> None:
    await service.connected()
    end = date.fromisoformat(await service.today())
    found = await trend(service, "hrv_rmssd_ms", end - timedelta(days=9), end)
    values = await stored(service, "hrv_rmssd_ms")
    assert (found["metric"], found["unit"]) == ("hrv_rmssd_ms", "ms")
    assert [p["value"] for p in found["series"]] == [values.get(end - timedelta(days=n)) for n in range(9, -1, -1)]
    usual = baseline(values, end)
    shown = {b["days"]: b for b in found["baselines"]}
    assert shown[30] == {"days": 30, "count": usual.count, "median": usual.median, "low": usual.low, "high": usual.high}
    assert usual.median is not None
    assert shown[7]["count"] == 7
    assert shown[90]["median"] is None  # of thirty days of history
    newest = found["position"]
    assert newest["position"] == usual.position(values[end])
    assert newest["from_median"] == values[end] - usual.median
    assert found["source_changes"] == []


async def test_a_gap_stays_a_gap(service: Service) -> None:
    await service.connected()
    end = date.fromisoformat(await service.today())
    hole = end - timedelta(days=2)
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("delete from wearbase.metric where day = %s", [hole])
    points = {p["day"]: p for p in (await trend(service, "asleep_s", end - timedelta(days=4), end))["series"]}
    assert len(points) == 5
    assert points[hole.isoformat()]["value"] is None
    assert points[hole.isoformat()]["source"] is None
    assert points[hole.isoformat()]["position"] is None
    assert points[end.isoformat()]["value"] > 0


async def test_what_still_runs_is_left_out(service: Service) -> None:
    await service.connected()
    end = date.fromisoformat(await service.today())
    series = (await trend(service, "strain", end - timedelta(days=1), end))["series"]
    assert series[1]["value"] is None
    assert series[0]["value"] is not None


async def test_a_change_of_the_source_is_marked(service: Service) -> None:
    await service.connected()
    end = date.fromisoformat(await service.today())
    days = [end - timedelta(days=n) for n in range(5, -1, -1)]
    await sahha_connected(service.world, "ann")
    for day in days[2:4]:
        await sahha_says(service.world, "ann", day, asleep_min=400)
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("delete from wearbase.metric where provider = 'whoop' and day = any(%s)", [days[2:4]])
    found = await trend(service, "asleep_s", days[0], end)
    assert [p["source"] for p in found["series"]] == ["whoop", "whoop", "sahha", "sahha", "whoop", "whoop"]
    assert found["source_changes"] == [
        {"day": days[2].isoformat(), "from": "whoop", "to": "sahha"}, {"day": days[4].isoformat(), "from": "sahha", "to": "whoop"},
    ]  # fmt: skip


async def test_a_members_wish_decides_whose_value_it_is(service: Service) -> None:
    await service.connected()
    end = date.fromisoformat(await service.today())
    await sahha_connected(service.world, "ann")
    await sahha_says(service.world, "ann", end, asleep_min=400)
    assert (await trend(service, "asleep_s", end, end))["series"][0]["source"] == "whoop"
    headers = await service.key("connect")
    answer = await service.call("PUT", "/api/v1/users/ann/preferences", headers=headers, json={"precedence": {"asleep_s": ["sahha"]}})
    assert answer.status_code == 200
    point = (await trend(service, "asleep_s", end, end))["series"][0]
    assert (point["source"], point["value"]) == ("sahha", 24_000)


async def test_the_two_statistics_of_hrv_are_two_series(service: Service) -> None:
    await sahha_connected(service.world, "ann")
    end = service.world.clock.now().date()
    for n in range(20):
        await sahha_says(service.world, "ann", end - timedelta(days=n), hrv_sdnn_ms=60 + n)
    sdnn, rmssd = [await trend(service, f"hrv_{kind}_ms", end, end) for kind in ("sdnn", "rmssd")]
    assert sdnn["baselines"][1]["count"] == 19
    assert rmssd["baselines"][1]["count"] == 0
    assert rmssd["series"][0]["value"] is None
    assert rmssd["position"] is None


async def test_nobody_has_nothing(service: Service) -> None:
    found = await trend(service, "strain", date(2026, 11, 1), date(2026, 11, 3))
    assert [p["value"] for p in found["series"]] == [None, None, None]
    assert found["baselines"][1] == {"days": 30, "count": 0, "median": None, "low": None, "high": None}


async def test_an_unknown_metric_is_refused_and_the_known_are_named(service: Service) -> None:
    for metric in ("sleep", "hrv_ms", "", "sleep_start_at", "asleep_s;"):
        error = problem(
            await service.get(f"/api/v1/trends/ann?metric={metric}&start=2026-11-01&end=2026-11-02"), 422, "invalid_field", "metric"
        )
        assert "hrv_rmssd_ms, hrv_sdnn_ms" in error["message"]


@pytest.mark.parametrize(("query", "field"), [
    ("start=2026-11-02&end=2026-11-01", "end"), ("start=2025-01-01&end=2026-11-01", "end"), ("start=x&end=2026-11-01", "start"),
    ("end=2026-11-01", "start"),
])  # fmt: skip
async def test_a_range_of_a_wrong_form(service: Service, query: str, field: str) -> None:
    problem(await service.get(f"/api/v1/trends/ann?metric=strain&{query}"), 422, "invalid_field", field)


async def test_it_is_one_query(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await service.connected()
    path = "/api/v1/trends/ann?metric=strain&start=2025-12-01&end=2026-11-17"
    await service.get(path)
    assert len(await counted(service, monkeypatch, path)) == 1
