"""Days and records read back: ranges, pages, shapes, the internal copy."""

from urllib.parse import quote

import pytest

from tests.integration.api.conftest import Service, problem
from tests.integration.harness import RESOURCES, canonical

KINDS = {"recovery": "recovery", "sleep": "sleep", "workouts": "workout", "cycles": "cycle"}


async def every(service: Service, path: str, **query) -> list[dict]:
    found, cursor = [], None
    while True:
        answer = await service.get(path, params={**query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        found += answer.json()["records"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


async def test_days_of_a_range_are_there_in_order_and_whole(service: Service) -> None:
    await service.connected()
    answer = await service.get("/api/v1/whoop/days/ann?start=2026-11-01&end=2026-11-07")
    body = answer.json()
    assert (body["user_id"], body["start"], body["end"]) == ("ann", "2026-11-01", "2026-11-07")
    assert [d["date"] for d in body["days"]] == [f"2026-11-0{n}" for n in range(1, 8)]
    single = (await service.get("/api/v1/whoop/daily-data/ann?date=2026-11-03")).json()
    assert body["days"][2] == single


@pytest.mark.parametrize("kind", KINDS)
async def test_pages_hold_every_record_once_in_both_shapes(service: Service, kind: str) -> None:
    account = await service.connected()
    raw = await every(service, f"/v1/data/ann/{kind}", limit=7, shape="raw")
    assert canonical(raw) == canonical(await service.world.truth(account, KINDS[kind]))
    ours = await every(service, f"/v1/data/ann/{kind}", limit=200)
    assert len(ours) == len(raw)
    assert "score_state" in ours[0]
    identity = "cycle_id" if kind == "recovery" else "id"
    one = await service.get(f"/v1/data/ann/{kind}/{ours[3][identity]}")
    assert one.json() == ours[3]
    assert (await service.get(f"/v1/data/ann/{kind}/{ours[3][identity]}?shape=raw")).json() == raw[3]


async def test_dates_are_local_days_and_instants_are_half_open(service: Service) -> None:
    await service.connected()
    workouts = await every(service, "/v1/data/ann/workouts", limit=200)
    first = workouts[-1]
    assert first in await every(service, "/v1/data/ann/workouts", start=first["start_at"])
    assert first not in await every(service, "/v1/data/ann/workouts", end=first["start_at"])
    local = await every(service, "/v1/data/ann/workouts", start="2026-11-10", end="2026-11-10")
    utc = await every(service, "/v1/data/ann/workouts", start="2026-11-10T05:00:00Z", end="2026-11-11T00:00:00-05:00")
    assert local == utc
    # a plus sign that nobody escaped
    plus = await service.get("/v1/data/ann/workouts?start=2026-11-10T10:30:00+05:30&limit=200")
    assert plus.json()["records"] == await every(service, "/v1/data/ann/workouts", start="2026-11-10T05:00:00Z", limit=200)


BAD_QUERIES = [
    ("/v1/data/ann/sleep?start=9999-12-31T23:59:59-12:00", "start"),
    ("/v1/data/ann/sleep?start=0001-01-01T00:00:00%2B14:00", "start"),
    ("/v1/data/ann/cycles?end=9999-12-31T23:59:59-01:00", "end"),
    ("/v1/data/ann/sleep?start=0001-01-01", "start"),
    ("/v1/data/ann/sleep?end=9999-12-31", "end"),
    ("/v1/data/ann/sleep?limit=0", "limit"),
    ("/v1/data/ann/sleep?limit=201", "limit"),
    ("/v1/data/ann/sleep?limit=many", "limit"),
    ("/v1/data/ann/sleep?start=yesterday", "start"),
    ("/v1/data/ann/sleep?start=2026-11-10T00:00:00", "start"),
    ("/v1/data/ann/sleep?start=2026-11-10&end=2026-11-01", "end"),
    ("/v1/data/ann/sleep?end=9999-12-31", "end"),
    ("/v1/data/ann/sleep?shape=other", "shape"),
    ("/v1/data/ann/steps", "kind"),
    (f"/v1/data/{quote('a b')}/sleep", "user_id"),
    ("/internal/data/sleep/ann?days=0", "days"),
    ("/internal/data/sleep/ann?days=91", "days"),
    ("/internal/data/sleep/ann?days=x", "days"),
    ("/internal/data/days/ann?start=2026-11-01", "end"),
    ("/api/v1/whoop/days/ann?start=2026-11-02&end=2026-11-01", "end"),
    ("/api/v1/whoop/days/ann?start=2025-11-01&end=2026-11-02", "end"),
    ("/api/v1/whoop/days/ann?start=2026-11-01", "end"),
    ("/api/v1/whoop/days/ann?start=1793491200&end=2026-11-01", "start"),
    ("/api/v1/WHOOP/days/ann?start=2026-11-01&end=2026-11-01", "provider"),
]


@pytest.mark.parametrize(("path", "field"), BAD_QUERIES)
async def test_a_query_of_a_wrong_form_names_the_field(service: Service, path: str, field: str) -> None:
    problem(await service.get(path), 422, "invalid_field", field)


@pytest.mark.parametrize("cursor", ["x", "!!!", "bnVsbA", "WzEsMl0", "WyIyMDI2LTExLTAxIiwieCJd", "W251bGwsIngAIl0"])
async def test_a_cursor_that_was_not_made_here(service: Service, cursor: str) -> None:
    problem(await service.get("/v1/data/ann/sleep", params={"cursor": cursor}), 400, "bad_request", "cursor")


@pytest.mark.parametrize(
    "path", ["/v1/data/ann/sleep/none", "/v1/data/ann/sleep/%00", "/v1/data/ann/sleep/" + "x" * 101, "/v1/nothing", "/"]
)
async def test_what_is_not_there(service: Service, path: str) -> None:
    problem(await service.get(path), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/fitbit/days/ann?start=2026-11-01&end=2026-11-01", "/api/v1/fitbit/sync-status/ann", "/api/v1/fitbit/daily-data/ann",
    ],
)  # fmt: skip
async def test_the_address_of_an_unknown_source_is_not_there_and_those_there_are_are_named(service: Service, path: str) -> None:
    assert "whoop, oura, sahha" in problem(await service.get(path), 404, "not_found")["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/data/ann/sleep", "/v1/data/ann/sleep/1", "/v1/data/ann/profile", "/internal/auth/status/ann", "/internal/data/sleep/ann",
        "/internal/data/days/ann?start=2026-11-01&end=2026-11-01", "/v1/oauth/authorize?user_id=ann",
    ],
)  # fmt: skip
async def test_an_unknown_source_of_a_query_is_a_wrong_field_and_those_there_are_are_named(service: Service, path: str) -> None:
    answer = await service.get(f"{path}{'&' if '?' in path else '?'}provider=fitbit")
    error = problem(answer, 422, "invalid_field", "provider")
    assert "whoop, oura, sahha" in error["details"][0]["message"]


async def test_a_source_that_nobody_can_be_connected_to_here(service: Service) -> None:
    answer = await service.get("/v1/oauth/authorize?user_id=ann&provider=sahha")
    assert problem(answer, 422, "invalid_field", "provider")["message"].endswith("there are: whoop.")
    answer = await service.post("/internal/auth/connect/ann?provider=sahha")
    assert problem(answer, 422, "invalid_field", "provider")["message"].endswith("there are: whoop.")
    assert problem(await service.post("/api/v1/sahha/connect/ann"), 404, "not_found")["message"].endswith("there are: whoop.")


async def test_a_user_never_seen_has_nothing_and_is_no_error(service: Service) -> None:
    assert (await service.get("/v1/data/nobody/sleep")).json() == {"records": [], "next_cursor": None}
    assert (await service.get("/internal/data/sleep/nobody")).json() == {"records": [], "next_cursor": None}
    profile = (await service.get("/v1/data/nobody/profile")).json()
    assert (profile["state"], profile["external_user_id"]) == ("not_connected", None)
    assert (await service.get("/internal/auth/status/nobody")).json()["connected"] is False
    days = (await service.get("/api/v1/whoop/days/nobody?start=2026-11-01&end=2026-11-02")).json()["days"]
    assert [d["sync"]["state"] for d in days] == ["not_connected"] * 2


async def test_the_copy_for_another_service_is_conditional(service: Service) -> None:
    await service.connected()
    path = "/internal/data/days/ann?start=2026-11-01&end=2026-11-05"
    answer = await service.get(path)
    body = answer.json()
    assert body["state"] == "ok"
    assert [d["document"]["date"] for d in body["days"]] == [f"2026-11-0{n}" for n in range(1, 6)]
    assert all(d["revision"] for d in body["days"])
    headers = {**(await service.key("read")), "if-none-match": answer.headers["etag"]}
    assert (await service.get(path, headers=headers)).status_code == 304
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.day_document set revision = 'other' where day = '2026-11-03'")
    assert (await service.get(path, headers=headers)).status_code == 200


async def test_recent_records_for_another_service(service: Service) -> None:
    await service.connected()
    for kind in KINDS:
        week = (await service.get(f"/internal/data/{kind}/ann?days=7")).json()["records"]
        assert 0 < len(week) < 30


async def test_a_look_is_remembered_behind_the_answer(service: Service) -> None:
    await service.connected()
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.connection set looked_at = '2026-11-01'")
    await service.get("/api/v1/whoop/daily-data/ann?date=2026-11-17")
    assert service.services.looks._writing is not None
    await service.services.looks._writing
    looked = await service.world.rows("select looked_at from wearbase.connection")
    assert looked[0]["looked_at"] == service.world.clock.now()
    await service.get("/api/v1/whoop/daily-data/ann?date=2026-11-17")
    assert service.services.looks._writing.done(), "nothing more to write within the hour"


def test_the_kinds_are_the_resources() -> None:
    assert set(KINDS.values()) == set(RESOURCES)
