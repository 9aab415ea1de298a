"""What a member prefers holds for every stored day, at once; and stored days say what their parts say, whatever came in which order."""

from datetime import date, timedelta
from random import Random
from typing import Any

import orjson
import pytest

from tests.integration.api.conftest import Service, problem, serving
from tests.integration.parts import sahha_connected, sahha_says
from wearbase.domain.combining import Combining
from wearbase.providers.registry import PROVIDERS
from wearbase.sync import combine

PATH = "/api/v1/users/ann/preferences"


async def prefer(service: Service, body: dict[str, Any]) -> Any:
    return await service.call("PUT", PATH, headers=await service.key("connect"), json=body)


async def combined(service: Service, day: date) -> dict[str, Any]:
    return (await service.get(f"/api/v1/health/ann?date={day}")).json()["combined"]


async def two_sources(service: Service) -> date:
    await service.connected()
    day = date.fromisoformat(await service.today())
    await sahha_connected(service.world, "ann")
    for n in range(3):
        await sahha_says(service.world, "ann", day - timedelta(days=n), asleep_min=400 + n, hrv_rmssd_ms=30 + n)
    return day


async def test_nothing_said_is_the_default(service: Service) -> None:
    assert (await service.get(PATH)).json() == {
        "user_id": "ann", "precedence": {}, "units": {}, "default_precedence": {"*": ["whoop", "sahha"]},
    }  # fmt: skip


async def test_what_an_app_shows_things_in_is_kept_as_said(service: Service) -> None:
    wanted = {"precedence": {}, "units": {"distance": "mi", "energy": "kj"}, "display": {"clock": "12h", "theme": "dark"}}
    assert (await prefer(service, wanted)).json() | wanted == (await service.get(PATH)).json()
    assert (await prefer(service, {"units": {"energy": "kj"}})).json()["units"] == {"energy": "kj"}
    assert "display" not in (await service.get(PATH)).json()
    for bad in ({"theme": "blue"}, {"clock": "13h"}, {"font": "x"}):
        problem(await prefer(service, {"display": bad}), 422)


async def test_every_stored_day_is_combined_anew(service: Service) -> None:
    day = await two_sources(service)
    before = await service.get(f"/api/v1/health/ann?date={day}")
    wanted = {"precedence": {"asleep_s": ["sahha", "whoop"]}, "units": {"temperature": "f"}}
    answer = await prefer(service, wanted)
    assert answer.json() == {"user_id": "ann", **wanted, "default_precedence": {"*": ["whoop", "sahha"]}}
    assert (await service.get(PATH)).json() == answer.json()
    for n in range(3):
        found = await combined(service, day - timedelta(days=n))
        assert (found["asleep_s"]["source"], found["asleep_s"]["value"]) == ("sahha", (400 + n) * 60)
        assert found["asleep_s"]["others"][0]["source"] == "whoop"
        assert found["hrv_rmssd_ms"]["source"] == "whoop"
    assert (await service.get(f"/api/v1/health/ann?date={day}")).headers["etag"] != before.headers["etag"]
    stored = await service.world.rows("select body from wearbase.health_document where day = %s", day)
    assert orjson.loads(stored[0]["body"])["combined"] == await combined(service, day)
    await prefer(service, {})
    assert await combined(service, day) == before.json()["combined"]


async def test_a_wish_holds_for_what_comes_later_and_for_days_not_stored_so(service: Service) -> None:
    day = await two_sources(service)
    await prefer(service, {"precedence": {"*": ["sahha"]}})
    await sahha_says(service.world, "ann", day, asleep_min=500)
    assert (await combined(service, day))["asleep_s"]["value"] == 30_000
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("delete from wearbase.health_document")
    found = await combined(service, day)
    assert (found["asleep_s"]["source"], found["hrv_rmssd_ms"]["source"]) == ("sahha", "sahha")


@pytest.mark.parametrize(
    ("precedence", "named"),
    [
        ({"sleep": ["whoop"]}, "asleep_s"), ({"asleep_s": ["fitbit"]}, "whoop, sahha"), ({"*": ["whoop", "whoop"]}, "each once"),
        ({"asleep_s": ["whoop", "Sahha"]}, "whoop, sahha"), ({"asleep_s": []}, "give sources among whoop, sahha, or leave it out"),
    ],
)  # fmt: skip
async def test_a_bad_order_is_refused_and_changes_nothing(service: Service, precedence: Any, named: str) -> None:
    await prefer(service, {"precedence": {"asleep_s": ["sahha"]}})
    error = problem(await prefer(service, {"precedence": precedence}), 422, "invalid_field", "precedence")
    assert named in error["message"]
    assert (await service.get(PATH)).json()["precedence"] == {"asleep_s": ["sahha"]}


async def test_other_fields_of_a_wrong_form(service: Service) -> None:
    problem(await prefer(service, {"units": {"temperature": "k"}}), 422, "invalid_field")
    problem(await prefer(service, {"units": {"speed": "kn"}}), 422, "invalid_field")
    problem(await prefer(service, {"precedence": {"asleep_s": []}}), 422, "invalid_field")
    problem(await prefer(service, {"order": {}}), 422, "invalid_field")


async def test_the_deployments_order_holds_without_a_wish_also_for_what_is_stored(service: Service) -> None:
    day = await two_sources(service)
    engine = service.world.engine
    object.__setattr__(engine, "combining", Combining.of(PROVIDERS.values(), "asleep_s=sahha"))
    async with serving(service.world) as other:
        assert (await combined(other, day))["asleep_s"]["source"] == "sahha"
        assert (await combined(other, day))["hrv_rmssd_ms"]["source"] == "whoop"
        await prefer(other, {"precedence": {"asleep_s": ["whoop"]}})
        assert (await combined(other, day))["asleep_s"]["source"] == "whoop"


@pytest.mark.parametrize("seed", range(3))
async def test_after_changes_in_any_order_the_documents_are_what_the_parts_say(service: Service, seed: int) -> None:
    day = await two_sources(service)
    chance = Random(seed)
    for _ in range(12):
        some = day - timedelta(days=chance.randrange(4))
        match chance.randrange(4):
            case 0:
                await sahha_says(service.world, "ann", some, asleep_min=chance.randrange(300, 500), periodicity="intraday")
            case 1:
                await sahha_says(service.world, "ann", some, steps=chance.randrange(9_000), readiness=chance.random())
            case 2:
                await prefer(service, {"precedence": chance.choice([{}, {"*": ["sahha"]}, {"asleep_s": ["sahha"]}])})
            case 3:
                await service.world.step(hours=3)
                await service.world.deliver()
                await service.world.work()
    columns = "select day, made_of, revision, body, places, sources from wearbase.health_document order by day"
    stored = await service.world.rows(columns)
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("delete from wearbase.health_document")
        await combine.rebuild_all(tx, service.world.engine.combining, "ann", now=service.world.clock.now())
    assert await service.world.rows(columns) == stored
    parts = await service.world.rows("select day, provider, body from wearbase.day_document")
    assert {(p["day"], p["provider"]) for p in parts} == {(s["day"], name) for s in stored for name in s["sources"]}


async def test_erasing_a_user_takes_the_preferences_and_the_documents(service: Service) -> None:
    await two_sources(service)
    await prefer(service, {"units": {"mass": "lb"}})
    await service.delete("/api/v1/users/ann", headers=await service.key("erase"))
    for table in ("health_document", "preference"):
        assert await service.world.rows(f"select 1 from wearbase.{table}") == []
    assert (await service.get(PATH)).json()["units"] == {}
