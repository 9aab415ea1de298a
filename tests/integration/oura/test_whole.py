"""Oura from consent to the health document, through the same engine as every source, without a line of the engine for it."""

from datetime import date, timedelta

import pytest

from tests.integration.oura.conftest import EXAMPLES, MEMBER, World
from wearbase.sync.disconnect import disconnect

DAY = date(2026, 5, 14)
NIGHT = EXAMPLES["sleep"]["night"]


async def test_consent_pages_day_and_health_document(world: World) -> None:
    connected = await world.connect()
    assert connected.missing_scopes == []
    await world.worker.drain()
    states = await world.states()
    assert {name: s["error"] for name, s in states.items()} == dict.fromkeys(states)
    stored = await world.rows("select resource, count(*) as n from wearbase.record where deleted_at is null group by 1")
    assert {s["resource"]: s["n"] for s in stored} == {name: len(EXAMPLES[name]) - (name == "readiness") for name in states}
    day = await world.day(DAY)
    assert day["sleep"]["hrv_rmssd_ms"] == 47
    assert [nap["type"] for nap in day["naps"]] == ["sleep"]
    found = (await world.get(f"/api/v1/health/ann?date={DAY}")).json()
    assert found["sources"]["oura"]["state"] == "ok"
    assert found["sources"]["oura"]["data"]["activity"]["steps"] == 9134
    assert found["combined"]["hrv_rmssd_ms"] == {
        "value": 47, "unit": "ms", "source": "oura", "is_running": False, "others": [], "near": [],
    }  # fmt: skip
    assert found["combined"]["oura_readiness_score"]["value"] == 82


async def test_it_says_wherever_it_is_named_that_nobody_has_tried_it(world: World) -> None:
    sources = (await world.get("/api/v1/health/sources/ann")).json()["sources"]
    assert sources["oura"]["title"] == "Oura (documented shape only, never connected)"
    assert set(sources) == {"whoop", "oura", "sahha"}


async def test_reading_it_all_again_changes_nothing(world: World) -> None:
    await world.connect()
    await world.worker.drain()
    sql = "select resource, external_id, revision_at from wearbase.record order by 1, 2"
    before = await world.rows(sql)
    world.clock.advance(timedelta(hours=24))
    await world.worker.drain()
    assert any("daily_readiness" in request for request in world.oura.requests)
    assert await world.rows(sql) == before


async def test_a_delivery_brings_the_newer_copy_by_its_id(world: World) -> None:
    await world.connect()
    await world.worker.drain()
    world.oura.documents["sleep"][NIGHT["id"]] = {**NIGHT, "average_hrv": 51}
    world.clock.advance(timedelta(minutes=5))
    await world.tell("update", "sleep", NIGHT["id"])
    await world.worker.drain()
    assert (await world.day(DAY))["sleep"]["hrv_rmssd_ms"] == 51
    assert [d["state"] for d in await world.rows("select state from wearbase.delivery")] == ["settled"]


async def test_a_deletion_takes_the_record_away_without_a_read(world: World) -> None:
    await world.connect()
    await world.worker.drain()
    asked = len(world.oura.requests)
    world.clock.advance(timedelta(minutes=5))
    await world.tell("delete", "sleep", NIGHT["id"])
    await world.worker.drain()
    assert (await world.day(DAY))["sleep"] is None
    assert world.oura.requests[asked:] == []


async def test_a_delivery_for_somebody_unknown_or_of_another_kind_is_taken_and_touches_nobody(world: World) -> None:
    await world.connect()
    await world.worker.drain()
    asked = len(world.oura.requests)
    world.clock.advance(timedelta(minutes=5))
    await world.tell("update", "sleep", NIGHT["id"], user_id="somebody-else")
    await world.tell("update", "meal", "m-1", user_id=MEMBER)
    await world.worker.drain()
    assert world.oura.requests[asked:] == []


async def test_a_single_use_refresh_token_is_spent_once_a_day(world: World) -> None:
    await world.connect()
    await world.worker.drain()
    assert world.oura.pairs == 1
    world.clock.advance(timedelta(hours=25))
    await world.worker.drain()
    assert world.oura.pairs == 2
    assert {s["error"] for s in (await world.states()).values()} == {None}


@pytest.mark.parametrize("tells_scopes", [True, False])
async def test_a_scope_that_was_not_granted_costs_its_own_kind_and_no_token(world: World, tells_scopes: bool) -> None:
    """Told with the tokens, it is not even asked for; untold, all that is known is that Oura refuses."""
    world.oura.scopes.remove("spo2")
    world.oura.tells_scopes = tells_scopes
    connected = await world.connect()
    assert connected.missing_scopes == (["spo2"] if tells_scopes else [])
    await world.worker.drain()
    states = await world.states()
    assert states["oxygen"]["error"] == ("missing_scope" if tells_scopes else "access_denied")
    assert any("daily_spo2" in request for request in world.oura.requests) is not tells_scopes
    assert {s["error"] for name, s in states.items() if name != "oxygen"} == {None}
    assert world.oura.pairs == 1


async def test_disconnecting_revokes(world: World) -> None:
    await world.connect()
    await world.worker.drain()
    await disconnect(world.engine, "ann", "oura", erase=False)
    await world.worker.drain()
    assert world.oura.is_revoked
    assert (await world.day(DAY))["sleep"]["id"] == NIGHT["id"]


async def test_the_address_for_deliveries_answers_ouras_question(world: World) -> None:
    answer = await world.client.get("/v1/webhooks/oura?verification_token=ours&challenge=c-1")
    assert (answer.status_code, answer.json()) == (200, {"challenge": "c-1"})
    for query in ("", "?verification_token=theirs&challenge=c-1", "?challenge=c-1"):
        refused = await world.client.get(f"/v1/webhooks/oura{query}")
        assert refused.status_code == 401
        assert "c-1" not in refused.text
    assert (await world.client.get("/v1/webhooks/whoop?verification_token=ours")).status_code == 405
