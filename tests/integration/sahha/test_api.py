"""Sahha through the HTTP API: nothing of it is special there but what a provider declares."""

import hashlib
import hmac
from collections.abc import AsyncIterator

import orjson
import pytest

from tests.integration.api.conftest import Service, problem, serving
from tests.integration.harness import SAHHA_SECRET, bench, canonical
from tests.integration.sahha.conftest import ANN, Sahha

CONNECT = "/api/v1/sahha/connect/ann"
HOOK = "/v1/webhooks/sahha"


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with bench(database_url, days=12, has_sahha=True) as world, serving(world) as made:
        yield made


def signed(body: bytes) -> dict[str, str]:
    return {"x-signature": hmac.digest(SAHHA_SECRET.encode(), body, hashlib.sha256).hex(), "content-type": "application/json"}


async def test_a_backend_joins_a_member_under_the_id_that_sahha_has(service: Service) -> None:
    await Sahha(service.world).profile(ANN)
    answer = await service.post(CONNECT, json={"external_id": ANN})
    assert answer.status_code == 200
    assert answer.json() == {"user_id": "ann", "connected": True, "authorization_url": None}
    found = (await service.get("/v1/data/ann/profile?provider=sahha")).json()
    assert (found["state"], found["external_user_id"], found["scopes"]) == ("connected", ANN, [])


async def test_without_a_body_or_by_another_service_a_member_joins_too(service: Service) -> None:
    for path in (CONNECT, CONNECT, "/internal/auth/connect/ben?provider=sahha"):
        answer = await service.post(path)
        assert answer.json() == {"user_id": path.partition("connect/")[2].partition("?")[0], "connected": True, "authorization_url": None}
    own = await service.call("POST", "/api/v1/sahha/connect/cas", headers=service.token("cas"))
    assert own.json()["connected"] is True


@pytest.mark.parametrize("wanted", ["ann@mail.example", "a@b", "", "x" * 101, "a\nb", 7])
async def test_an_id_that_names_a_person_or_is_none_is_bad_input(service: Service, wanted: object) -> None:
    problem(await service.post(CONNECT, json={"external_id": wanted}), 422, None, "external_id")


async def test_only_a_backend_may_say_which_account_is_whose(service: Service) -> None:
    await Sahha(service.world).profile(ANN)
    problem(await service.call("POST", "/api/v1/sahha/connect/eve", headers=service.token("eve"), json={"external_id": ANN}), 403)
    assert (await service.get("/v1/data/eve/profile?provider=sahha")).json()["state"] == "not_connected"


async def test_an_account_of_another_user_is_a_conflict(service: Service) -> None:
    await service.post(CONNECT, json={"external_id": ANN})
    problem(await service.post("/api/v1/sahha/connect/ben", json={"external_id": ANN}), 409, "conflict")


async def test_a_source_joined_by_consent_takes_no_account_and_the_other_no_consent(service: Service) -> None:
    problem(await service.post("/api/v1/whoop/connect/ann", json={"external_id": ANN}), 422, None, "external_id")
    problem(await service.get("/v1/oauth/authorize?user_id=ann&provider=sahha"), 409, "conflict")


async def test_days_status_and_sync_are_as_every_sources(service: Service) -> None:
    await Sahha(service.world).profile(ANN)
    await service.post(CONNECT, json={"external_id": ANN})
    await service.world.work()
    answer = await service.get("/api/v1/sahha/daily-data/ann")
    assert answer.status_code == 200
    document = answer.json()
    assert document["activity"]["steps_count"] is not None
    assert set(document["sync"]["resources"]) == {"score", "biomarker", "archetype"}
    again = await service.call(
        "GET", "/api/v1/sahha/daily-data/ann", headers={**(await service.key("read")), "if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    days = (await service.get(f"/api/v1/sahha/days/ann?start={document['date']}&end={document['date']}")).json()["days"]
    assert [d["date"] for d in days] == [document["date"]]
    status = (await service.get("/api/v1/sahha/sync-status/ann")).json()
    assert (status["state"], set(status["resources"])) == ("ok", {"score", "biomarker", "archetype"})
    await service.world.step(minutes=5, webhooks=False)
    synced = await service.post("/api/v1/sahha/sync/ann?wait=false", json={"data_types": ["score"]})
    assert synced.status_code == 202
    problem(await service.post("/api/v1/sahha/sync/ann", json={"data_types": ["sleep"]}), 422, None, "data_types")


async def test_deliveries_are_answered_with_200_up_to_a_mebibyte(service: Service) -> None:
    await service.post(CONNECT, json={"external_id": ANN})
    body = orjson.dumps({"externalId": ANN, "id": "1", "padding": "x" * 200_000})
    answer = await service.client.post(HOOK, content=body, headers=signed(body))
    assert (answer.status_code, answer.content) == (200, b"")
    problem(await service.client.post(HOOK, content=body, headers={**signed(body), "x-signature": "0"}), 401, "bad_signature")
    problem(await service.client.post(HOOK, content=body, headers={**signed(body), "x-external-id": "u-2"}), 401, "bad_signature")
    large = orjson.dumps({"externalId": ANN, "padding": "x" * 1024 * 1024})
    problem(await service.client.post(HOOK, content=large, headers=signed(large)), 413)
    whoop = b"x" * (64 * 1024 + 1)
    problem(await service.client.post("/v1/webhooks/whoop", content=whoop), 413)


async def test_disconnecting_says_once_what_remains_at_sahha(service: Service) -> None:
    await service.post(CONNECT, json={"external_id": ANN})
    headers = await service.key("connect", "erase")
    answer = (await service.call("DELETE", f"{CONNECT}?data=erase", headers=headers)).json()
    assert (answer["was_connected"], answer["revoked"], answer["data"]) == (True, None, "erase")
    assert (answer["remains"]["provider"], answer["remains"]["external_user_id"]) == ("sahha", ANN)
    assert "remains" not in (await service.call("DELETE", f"{CONNECT}?data=erase", headers=headers)).json()


async def test_erasing_a_user_names_every_profile_that_remains(service: Service) -> None:
    await service.connected("ann")
    await service.post(CONNECT, json={"external_id": ANN})
    answer = (await service.call("DELETE", "/api/v1/users/ann", headers=await service.key("erase"))).json()
    assert [(r["provider"], r["external_user_id"]) for r in answer["remains"]] == [("sahha", ANN)]
    assert await service.world.rows("select 1 from wearbase.connection") == []


async def every(service: Service, path: str, **query: object) -> list[dict]:
    found, cursor = [], None
    while True:
        answer = await service.get(path, params={"provider": "sahha", **query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        found += answer.json()["records"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize(("kind", "resource"), [("scores", "score"), ("biomarkers", "biomarker"), ("archetypes", "archetype")])
async def test_its_records_are_listed_page_by_page_in_both_shapes_and_read_by_their_keys(
    service: Service, kind: str, resource: str
) -> None:
    await Sahha(service.world).profile(ANN)
    await service.post(CONNECT, json={"external_id": ANN})
    await service.world.work()
    stored = await service.world.rows(
        "select external_id, mapped, raw from wearbase.record where provider = 'sahha' and resource = %s", resource
    )
    assert len(stored) > 1
    ours, raw = await every(service, f"/v1/data/ann/{kind}", limit=2), await every(service, f"/v1/data/ann/{kind}", limit=200, shape="raw")
    assert canonical(raw) == canonical([s["raw"] for s in stored])
    assert canonical([{k: v for k, v in r.items() if k != "day"} for r in ours]) == canonical([s["mapped"] for s in stored])
    assert await every(service, f"/v1/data/ann/{resource}", limit=200) == ours
    for one in stored[:3]:
        answer = await service.get(f"/v1/data/ann/{kind}/{one['external_id']}?provider=sahha&shape=raw")
        assert answer.json() == one["raw"]
    week = (await service.get(f"/internal/data/{kind}/ann?provider=sahha&days=90")).json()["records"]
    assert canonical(week) == canonical(ours)


async def test_a_source_lists_only_what_it_has(service: Service) -> None:
    error = problem(await service.get("/v1/data/ann/sleep?provider=sahha"), 422, "invalid_field", "kind")
    assert "scores, biomarkers, archetypes" in error["message"]
    problem(await service.get("/v1/data/ann/scores"), 422, "invalid_field", "kind")
    problem(await service.get("/internal/data/scores/ann"), 422, "invalid_field", "kind")
    problem(await service.get("/v1/data/ann/scores/nothing/2026-01-01?provider=sahha"), 404, "not_found")
