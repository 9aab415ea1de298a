"""The day document: stored bytes, conditional, and fetched on the spot when a recent day is missing."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from tests.integration.api.conftest import Service, problem, spend

ROUTES = {"recovery": "recovery", "sleep": "activity/sleep", "workout": "activity/workout", "cycle": "cycle"}


async def test_connect_work_read(service: Service) -> None:
    await service.connected()
    day = await service.today()
    answer = await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
    assert answer.status_code == 200
    document = answer.json()
    assert document["user_id"] == "ann"
    assert document["date"] == day
    assert document["recovery"]["score"] is not None
    assert document["data_source"] == "database"
    assert document["sync"]["state"] == "ok"
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == answer.num_bytes_downloaded
    assert answer.headers["cache-control"] == "private, no-cache"


async def test_without_a_date_it_is_the_members_today(service: Service) -> None:
    await service.connected()
    offset = (await service.world.rows("select utc_offset_min from wearbase.connection"))[0]["utc_offset_min"]
    today = (service.world.clock.now() + timedelta(minutes=offset)).date()
    assert (await service.get("/api/v1/whoop/daily-data/ann")).json()["date"] == today.isoformat()


async def test_an_unchanged_document_is_304_and_a_changed_state_is_not(service: Service) -> None:
    await service.connected()
    path = f"/api/v1/whoop/daily-data/ann?date={await service.today()}"
    first = await service.get(path)
    headers = {**(await service.key("read")), "if-none-match": first.headers["etag"]}
    again = await service.get(path, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    weak = {**headers, "if-none-match": f'"other", W/{first.headers["etag"]}'}
    assert (await service.get(path, headers=weak)).status_code == 304
    assert (await service.get(path, headers={**headers, "if-none-match": '"other"'})).status_code == 200
    await service.world.mark()
    changed = await service.get(path, headers=headers)
    assert changed.status_code == 200
    assert changed.json()["sync"]["state"] == "running"


async def test_the_etag_changes_when_midnight_makes_a_future_day_today(service: Service) -> None:
    await service.connected()
    offset = (await service.world.rows("select utc_offset_min from wearbase.connection"))[0]["utc_offset_min"]
    local = service.world.clock.now() + timedelta(minutes=offset)
    tomorrow = local.date() + timedelta(days=1)
    service.world.clock.advance(datetime.combine(tomorrow, time.min, tzinfo=UTC) - local - timedelta(minutes=5))
    await service.world.mark()
    await service.world.work()
    path = f"/api/v1/whoop/daily-data/ann?date={tomorrow}"
    before = await service.get(path)
    assert before.json()["sync"]["no_data_reason"] == "future"
    service.world.clock.advance(timedelta(minutes=10))
    after = await service.get(path)
    assert after.json()["sync"]["no_data_reason"] is None
    assert after.json()["sync"]["not_yet"] is True
    assert after.json()["sync"]["state"] == before.json()["sync"]["state"]
    assert after.headers["etag"] != before.headers["etag"]


async def test_a_user_never_seen_is_not_connected(service: Service) -> None:
    answer = await service.get("/api/v1/whoop/daily-data/nobody?date=2026-11-17")
    assert answer.status_code == 200
    document = answer.json()
    assert document["sync"]["state"] == "not_connected"
    assert document["sync"]["no_data_reason"] == "not_connected"
    assert document["recovery"] is None
    assert document["workouts"] == []


@pytest.mark.parametrize("user_id", ["a b", "ä", "x" * 129, "a%00b", "ann%0a", "%20", "a,b", "a%2525"])
async def test_a_user_id_of_a_wrong_form(service: Service, user_id: str) -> None:
    answer = await service.get(f"/api/v1/whoop/daily-data/{user_id}")
    problem(answer, 422, "invalid_field", "user_id")


@pytest.mark.parametrize(
    "text", ["2026-13-01", "20261117", "yesterday", "2026-11-17T00:00:00Z", "2026-1-1", "", "2026-W47-1", "１０26-11-17"]
)
async def test_a_date_of_a_wrong_form(service: Service, text: str) -> None:
    problem(await service.get("/api/v1/whoop/daily-data/ann", params={"date": text}), 422, "invalid_field", "date")


async def test_an_unknown_source(service: Service) -> None:
    problem(await service.get("/api/v1/fitbit/daily-data/ann"), 404, "not_found")


async def test_a_missing_recent_day_is_fetched_on_the_spot(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    async with service.working():
        answer = await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
        document = answer.json()
        assert document["sleep"] is not None
        assert document["data_source"] == "whoop_api"
        assert document["sync"]["state"] == "ok"
        again = (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()
        assert again["data_source"] == "database"


async def test_without_a_worker_it_says_so_at_once(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    answer = await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
    assert answer.json()["sync"]["state"] == "unavailable"


@pytest.mark.usefixtures("impatient")
async def test_a_slow_provider_leaves_it_running(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    async with service.working(), service.hanging():
        answer = await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
    assert answer.json()["sync"]["state"] == "running"


async def test_a_day_that_was_read_and_is_empty_costs_no_call(service: Service) -> None:
    await service.connected()
    before = (await service.world.calls())["total"]
    today = date.fromisoformat(await service.today())
    async with service.working():
        for day in (today + timedelta(days=1), today + timedelta(days=3), today - timedelta(days=200)):
            assert (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()["recovery"] is None
    assert (await service.world.calls())["total"] == before


async def test_the_open_day_is_asked_for_at_most_every_fifteen_minutes(service: Service) -> None:
    await service.connected()
    service.world.clock.advance(timedelta(hours=20))  # past midnight; the provider's own clock stays
    offset = (await service.world.rows("select utc_offset_min from wearbase.connection"))[0]["utc_offset_min"]
    today = (service.world.clock.now() + timedelta(minutes=offset)).date()
    path = f"/api/v1/whoop/daily-data/ann?date={today}"
    calls = [(await service.world.calls())["data"]]
    async with service.working():
        for _ in range(3):
            document = (await service.get(path)).json()
            assert document["sync"]["not_yet"] is True
            calls.append((await service.world.calls())["data"])
        assert calls[1] > calls[0]
        assert calls[1:] == [calls[1]] * 3
        await service.advance(minutes=16)
        await service.get(path)
        assert (await service.world.calls())["data"] > calls[3]


async def test_a_failing_provider_is_not_asked_again_by_every_reader(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    for route in ROUTES:
        await service.world.fault(f"/v2/{ROUTES[route]}", "status", status=500, count=None)
    async with service.working():
        first = await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
        assert first.json()["sync"]["state"] in ("stale", "running")
        calls = (await service.world.calls())["total"]
        for _ in range(5):
            await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
        assert (await service.world.calls())["total"] == calls


async def idle(service: Service) -> tuple[int, str]:
    """Nobody has looked for four days, and nothing was brought meanwhile; the account, and a day that is stored but out of date."""
    account = await service.connected()
    day = await service.today()
    await service.world.event(account, "rescore")
    await service.advance(days=4)
    await service.world.sim.post("/control/clock", json={"advance_s": 4 * 86_400, "wait": True, "webhooks": False})
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set due_at = due_at + interval '30 days', backfill_due_at = null")
    return account, day


async def test_a_member_at_whom_nobody_looked_is_current_in_the_first_answer(service: Service) -> None:
    account, day = await idle(service)
    async with service.working():
        answer = await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
        document = answer.json()
        assert (document["data_source"], document["sync"]["state"]) == ("whoop_api", "ok")
        await service.world.same_as_truth("ann", account)
        calls = (await service.world.calls())["data"]
        again = (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()
        assert (again["data_source"], again["recovery"]) == ("database", document["recovery"])
        assert (await service.world.calls())["data"] == calls


async def test_a_missing_day_of_an_idle_member_comes_with_the_rest(service: Service) -> None:
    await idle(service)
    day = date.fromisoformat((await service.world.rows("select max(day) as day from wearbase.day_document"))[0]["day"].isoformat())
    async with service.working():
        document = (await service.get(f"/api/v1/whoop/daily-data/ann?date={day + timedelta(days=2)}")).json()
    assert document["recovery"] is not None
    assert {s["reason"] for s in (await service.world.states()).values()} == {"timetable"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/whoop/days/ann?start=2026-11-10&end=2026-11-22",
        "/v1/data/ann/recovery",
        "/internal/data/days/ann?start=2026-11-10&end=2026-11-22",
        "/internal/data/cycles/ann?days=7",
    ],
)
async def test_every_read_brings_an_idle_member_current(service: Service, path: str) -> None:
    account, _ = await idle(service)
    async with service.working():
        answer = await service.get(path)
        assert answer.status_code == 200
        await service.world.same_as_truth("ann", account)
        assert (await service.get(path)).content == answer.content


async def test_the_status_wakes_an_idle_member_only_for_the_member(service: Service) -> None:
    await idle(service)
    path = "/api/v1/whoop/sync-status/ann"
    assert (await service.get(path)).json()["resources"]["sleep"]["reason"] == "timetable"
    answer = await service.get(path, headers=service.token("ann"))
    assert answer.json()["resources"]["sleep"]["reason"] == "look"


async def test_an_idle_member_is_answered_at_once_without_a_worker(service: Service) -> None:
    _, day = await idle(service)
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("delete from wearbase.worker")
    answer = await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
    assert answer.json()["sync"]["state"] == "unavailable"
    assert answer.json()["recovery"] is not None


@pytest.mark.usefixtures("impatient")
async def test_an_idle_member_of_a_slow_provider_is_answered_from_the_database(service: Service) -> None:
    _, day = await idle(service)
    async with service.working(), service.hanging():
        answer = await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
    assert answer.json()["sync"]["state"] == "running"
    assert answer.json()["recovery"] is not None


async def test_a_missing_day_beyond_the_calls_of_persons_is_answered_from_the_database(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    await spend(service, 40)
    calls = (await service.world.calls())["data"]
    async with service.working():
        answer = await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")
        assert answer.json()["recovery"] is None
        assert (await service.world.calls())["data"] == calls
        await service.advance(hours=1)
        assert (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()["recovery"] is not None
