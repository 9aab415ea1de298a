"""Asking for fresh data: what came, what is still under way, and never a success that was a failure."""

from datetime import datetime

import pytest

from tests.integration.api.conftest import Service, problem, spend
from tests.integration.engine.test_limits import use_up
from tests.integration.harness import RESOURCES
from wearbase.store.work.due import Priority

SYNC = "/api/v1/whoop/sync/ann"
ROUTES = {"recovery": "recovery", "sleep": "activity/sleep", "workout": "activity/workout", "cycle": "cycle"}


async def fail(service: Service, *resources: str) -> None:
    for name in resources:
        await service.world.fault(f"/v2/{ROUTES[name]}", "status", status=500, count=None)


async def test_a_sync_counts_what_it_brought(service: Service) -> None:
    await service.connected()
    before = (await service.world.calls())["data"]
    async with service.working():
        answer = await service.post(SYNC)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body["synced"]) == set(RESOURCES)
    assert body["synced"]["cycle"] > 0
    assert body["total_api_calls"] == (await service.world.calls())["data"] - before == 4


async def test_only_what_was_asked_for(service: Service) -> None:
    await service.connected()
    async with service.working():
        body = (await service.post(SYNC, json={"data_types": ["sleep"]})).json()
    assert list(body["synced"]) == ["sleep"]
    assert body["total_api_calls"] == 1


async def test_a_range_of_days_in_the_members_time(service: Service) -> None:
    await service.connected()
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("delete from wearbase.record where start_at < '2026-11-10'")
    body = {"data_types": ["cycle"], "date_range": {"start": "2026-11-01", "end": "2026-11-05"}}
    async with service.working():
        answer = (await service.post(SYNC, json=body)).json()
    assert answer["synced"]["cycle"] >= 5
    days = await service.world.rows(
        "select distinct day from wearbase.record where resource = 'cycle' and day between '2026-11-01' and '2026-11-05'"
    )
    assert len(days) == 5


async def test_once_a_minute_for_a_member(service: Service) -> None:
    await service.connected()
    async with service.working():
        assert (await service.post(SYNC)).status_code == 200
        again = await service.post(SYNC)
        problem(again, 429, "too_many_requests")
        assert again.headers["retry-after"] == "60"
        await service.advance(minutes=1)
        assert (await service.post(SYNC)).status_code == 200


async def test_beyond_the_calls_of_persons_it_is_429_and_the_data_is_as_it_was(service: Service) -> None:
    await service.connected()
    day = f"/api/v1/whoop/daily-data/ann?date={await service.today()}"
    before = (await service.get(day)).content
    await spend(service, 40)
    await service.advance(minutes=10)
    async with service.working():
        for path in (SYNC, "/v1/pull/ann"):
            refused = await service.post(path)
            problem(refused, 429, "too_many_requests")
            assert 0 < int(refused.headers["retry-after"]) <= 3600
        assert (await service.get(day)).content == before
        await service.advance(hours=1)
        assert (await service.post(SYNC)).status_code == 200


async def test_one_sync_at_a_time_for_a_member(service: Service) -> None:
    await service.connected()
    async with service.working(), service.hanging():
        assert (await service.post(f"{SYNC}?wait=false")).status_code == 202
        await service.advance(minutes=1)
        again = await service.post(SYNC)
        problem(again, 429, "too_many_requests")
        assert again.headers["retry-after"] == "15"


async def test_whoever_does_not_wait_gets_202(service: Service) -> None:
    await service.connected()
    async with service.working():
        answer = await service.post(f"{SYNC}?wait=false")
    assert answer.status_code == 202
    assert answer.json()["state"] == "running"


async def test_without_a_worker_it_is_noted_and_said_without_waiting(service: Service) -> None:
    await service.connected()
    answer = await service.post(SYNC)
    assert answer.status_code == 202
    assert answer.json()["state"] == "unavailable"


@pytest.mark.usefixtures("impatient")
async def test_a_slow_provider_is_not_waited_for_to_the_end(service: Service) -> None:
    await service.connected()
    async with service.working(), service.hanging():
        answer = await service.post(SYNC)
    assert (answer.status_code, answer.json()["state"]) == (202, "running")


async def test_a_failure_is_never_an_empty_success(service: Service) -> None:
    await service.connected()
    await fail(service, *RESOURCES)
    async with service.working():
        error = problem(await service.post(SYNC), 502, "sync_failed")
    assert error["details"]["failed"] == dict.fromkeys(sorted(RESOURCES), "provider_unavailable")
    assert error["details"]["synced"] == {}


async def test_half_a_success_shows_both_halves(service: Service) -> None:
    await service.connected()
    await fail(service, "workout")
    async with service.working():
        error = problem(await service.post(SYNC), 502, "sync_failed")
    assert error["details"]["failed"] == {"workout": "provider_unavailable"}
    assert set(error["details"]["synced"]) == {"recovery", "sleep", "cycle"}
    assert error["details"]["total_api_calls"] >= 3


async def test_a_dead_grant_is_said_at_once(service: Service) -> None:
    await service.connected()
    async with service.world.engine.db.transaction() as tx:  # as after a refresh that was answered without a new refresh token
        await tx.execute("update wearbase.connection set refresh_token = null, token_expires_at = '2020-01-01'")
    async with service.working():
        answer = await service.post(SYNC)
        problem(answer, 409, "reauthorization_required")
        await service.advance(minutes=2)
        problem(await service.post(SYNC), 409, "reauthorization_required")
    assert (await service.get("/api/v1/whoop/sync-status/ann")).json()["state"] == "needs_reauthorization"


async def test_a_user_never_seen_cannot_be_synced(service: Service) -> None:
    problem(await service.post(SYNC), 409, "not_connected")
    problem(await service.post("/v1/pull/ann"), 409, "not_connected")


async def test_what_was_not_granted_is_null_and_refused_when_asked_for(service: Service) -> None:
    await service.connected()
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set error = 'missing_scope', due_at = null where resource = 'workout'")
    async with service.working():
        answer = (await service.post(SYNC)).json()
        assert (answer["synced"]["workout"], answer["not_granted"]) == (None, ["workout"])
        await service.advance(minutes=1)
        problem(await service.post(SYNC, json={"data_types": ["workout"]}), 409, "missing_scope")


async def test_nothing_granted_is_no_success(service: Service) -> None:
    await service.connected()
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set error = 'missing_scope', due_at = null")
    async with service.working():
        problem(await service.post(SYNC), 409, "missing_scope")


async def test_without_calls_it_is_said_at_once_when_they_are_asked_for_again(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    service.world.limit(per_day=300)
    await use_up(service.world, Priority.PERSON)
    async with service.working():
        answer = await service.post(SYNC)
        document = (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()
    assert answer.status_code == 202
    body = answer.json()
    assert (body["state"], body["total_api_calls"]) == ("waiting_for_calls", 0)
    assert datetime.fromisoformat(body["retry_at"]) > service.world.clock.now()
    assert document["sync"]["state"] == "stale"
    status = (await service.get("/api/v1/whoop/sync-status/ann")).json()
    assert {r["error"] for r in status["resources"].values()} == {"waiting_for_calls"}
    assert {r["state"] for r in status["resources"].values()} == {"waiting"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"data_types": ["steps"]}, "data_types"),
        ({"data_types": []}, "data_types"),
        ({"data_types": "sleep"}, "data_types"),
        ({"date_range": {"start": "2026-11-05", "end": "2026-11-01"}}, "end"),
        ({"date_range": {"start": "2025-11-01", "end": "2026-11-02"}}, "end"),
        ({"date_range": {"start": "2027-01-01", "end": "2027-01-02"}}, "date_range.start"),
        ({"date_range": {"start": "9999-12-30", "end": "2026-11-05"}}, "date_range.start"),
        ({"date_range": {"start": "0001-01-01", "end": "2026-11-05"}}, "date_range.start"),
        ({"date_range": {"start": "2026-11-05"}}, "date_range.end"),
        ({"date_range": {"start": 20261105, "end": "2026-11-06"}}, "date_range.start"),
        ({"date_range": {"start": "05.11.2026", "end": "2026-11-06"}}, "date_range.start"),
        ({"unknown": 1}, "unknown"),
    ],
)
async def test_a_body_of_a_wrong_form(service: Service, body: dict, field: str) -> None:
    problem(await service.post(SYNC, json=body), 422, "invalid_field", field)


async def test_a_body_that_is_not_json(service: Service) -> None:
    headers = {**(await service.key("sync")), "content-type": "application/json"}
    error = problem(await service.post(SYNC, content=b'{"data_types": ["secret-value', headers=headers), 422, "invalid_field")
    assert "secret-value" not in str(error)


async def test_a_pull_with_since_asks_for_history(service: Service) -> None:
    await service.connected()
    async with service.working():
        answer = await service.post("/v1/pull/ann", json={"resource_types": ["sleep"], "since": "2026-08-01"})
    body = answer.json()
    assert answer.status_code == 200, body
    assert body["backfilling"] is True
    assert list(body["synced"]) == ["sleep"]
    for since in ("2027-01-01", "2027-01-01T00:00:00Z"):
        problem(await service.post("/v1/pull/ann", json={"since": since}), 400, "bad_request", "since")
    for since in ("2026-08-01T00:00:00", "yesterday", 5):
        problem(await service.post("/v1/pull/ann", json={"since": since}), 422, "invalid_field", "since")
    problem(await service.post("/v1/pull/ann", json={"resource_types": ["steps"]}), 422, "invalid_field", "resource_types")


async def test_sync_status_shows_each_resource(service: Service) -> None:
    account = await service.connected()
    await service.world.event(account, "workout")
    await service.world.deliver()
    body = (await service.get("/api/v1/whoop/sync-status/ann")).json()
    assert (body["user_id"], body["provider"], body["state"]) == ("ann", "whoop", "ok")
    assert set(body["resources"]) == set(RESOURCES)
    assert body["resources"]["workout"]["open_deliveries"] == 1
    assert body["resources"]["sleep"]["open_deliveries"] == 0
    assert body["open_deliveries"] == 1
    assert body["days_stored"] > 20
    for resource in body["resources"].values():
        wanted = {
            "state",
            "status",
            "last_sync_at",
            "last_attempt_at",
            "last_success_at",
            "records_synced",
            "error",
            "next_due_at",
            "parked_records",
        }
        assert wanted <= set(resource)
    nobody = (await service.get("/api/v1/whoop/sync-status/nobody")).json()
    assert (nobody["state"], nobody["resources"], nobody["days_stored"]) == ("not_connected", {}, 0)
