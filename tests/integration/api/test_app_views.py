"""What the app's pages are given: true to the day documents, one range for every reader, nothing made up."""

from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from tests.integration.api.conftest import ENV_KEY, Service, problem
from wearbase.store.member import views as store
from wearbase.store.postgres import database


async def page(service: Service, name: str, **params: Any) -> dict[str, Any]:
    answer = await service.get(f"/api/v1/app/ann/{name}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def earlier(day: str, days: int) -> str:
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()


async def test_a_day_is_the_day_document_and_the_sources_are_those_of_the_sources_route(service: Service) -> None:
    await service.connected()
    today = await service.today()
    for day in (today, earlier(today, 3)):
        found = await page(service, "day", date=day)
        document = (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()
        assert found["day"] == document
        assert found["sources"] == (await service.get("/api/v1/health/sources/ann")).json()["sources"]
        assert (found["date"], found["today"]) == (day, today)
    assert (await page(service, "day"))["date"] == today


async def test_usual_ranges_and_histories_are_those_of_the_trends(service: Service) -> None:
    await service.connected()
    today = await service.today()
    day = earlier(today, 1)
    found = await page(service, "day", date=day)
    assert {"recovery_score_percent", "hrv_rmssd_ms", "strain", "asleep_s", "sleep_need_s"} <= set(found["usual"])
    for metric in ("recovery_score_percent", "strain", "asleep_s"):
        params = {"metric": metric, "start": earlier(day, 13), "end": day}
        trend = (await service.get("/api/v1/trends/ann", params=params)).json()
        last = trend["series"][-1]
        usual = found["usual"][metric]
        assert (usual["low"], usual["high"]) == (last["usual_low"], last["usual_high"])
        assert usual["low"] is not None
        assert found["recent"][metric] == [[p["day"], p["value"]] for p in trend["series"]]


async def test_what_runs_is_neither_in_the_histories_nor_in_the_ranges(service: Service) -> None:
    await service.connected()
    found = await page(service, "day")
    assert found["day"]["cycle"]["is_open"]
    assert found["day"]["cycle"]["strain"] is not None
    assert found["recent"]["strain"][-1] == [found["today"], None]


async def test_the_strip_and_the_month_say_what_the_documents_say(service: Service) -> None:
    await service.connected()
    today = await service.today()
    strip = (await page(service, "day", date=earlier(today, 2)))["strip"]
    assert [cell["day"] for cell in strip] == [earlier(today, n) for n in range(7, 0, -1)]
    assert [cell["day"] for cell in (await page(service, "day"))["strip"]][-1] == today
    month = await page(service, "month", month=today[:7])
    assert len(month["days"]) == 30
    cells = {cell["day"]: cell for cell in month["days"]}
    assert all(cells[c["day"]] == c for c in strip)
    for day in [earlier(today, n) for n in range(5)]:
        recovery = (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()["recovery"]
        assert cells[day]["recovery"] == (recovery or {}).get("score")
        assert cells[day]["state"] == ("value" if (recovery or {}).get("score") is not None else "none")
    assert {c["state"] for c in month["days"] if c["day"] > today} == {"future"}
    problem(await service.get("/api/v1/app/ann/month", params={"month": "2026-13"}), 422, "invalid_field", "month")
    problem(await service.get("/api/v1/app/ann/month", params={"month": "0000-01"}), 422, "invalid_field", "month")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("jsonb_set(jsonb_set(body, '{recovery,score}', 'null'), '{recovery,score_state}', '\"PENDING_SCORE\"')", "pending"),
        ("jsonb_set(jsonb_set(body, '{recovery,score}', 'null'), '{recovery,score_state}', '\"UNSCORABLE\"')", "none"),
        ("jsonb_set(body, '{recovery}', 'null')", "pending"),
        ("jsonb_set(jsonb_set(body, '{recovery}', 'null'), '{sleep}', 'null')", "none"),
        ("jsonb_set(body, '{recovery,score}', '0')", "value"),
    ],
)
async def test_a_recovery_that_is_not_scored_is_pending_or_none_and_never_zero(service: Service, change: str, state: str) -> None:
    await service.connected()
    async with service.world.engine.db.transaction() as tx:
        sql = f"""update wearbase.day_document d set body = (select {change}::text from (select d.body::jsonb as body) x)
                   where day = %s"""
        await tx.execute(sql, (await service.today(),))  # type: ignore[arg-type]
    cell = (await page(service, "day"))["strip"][-1]
    assert cell == {"day": await service.today(), "recovery": 0 if state == "value" else None, "state": state}


async def test_an_empty_day_keeps_its_reason_and_names_the_next_with_data(service: Service) -> None:
    await service.connected()
    today = await service.today()
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("delete from wearbase.day_document where day between %s and %s", (earlier(today, 12), earlier(today, 10)))
    for day in (earlier(today, 11), earlier(today, 500), (date.fromisoformat(today) + timedelta(days=1)).isoformat()):
        found = await page(service, "day", date=day)
        document = (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()
        assert found["day"] == document
        assert document["sync"]["no_data_reason"] in ("gap", "too_old", "before_history", "future")
    found = await page(service, "day", date=earlier(today, 11))
    assert (found["previous_day_with_data"], found["next_day_with_data"]) == (earlier(today, 13), earlier(today, 9))
    assert found["last_day"] == today
    stored = await service.world.rows("select min(day) as first, count(*) as n from wearbase.day_document")
    assert (found["first_day"], found["history"]["days_stored"]) == (stored[0]["first"].isoformat(), stored[0]["n"])


async def test_somebody_never_seen_has_empty_pages_and_no_zeros(service: Service) -> None:
    found = await page(service, "day")
    assert found["day"]["sync"]["no_data_reason"] == "not_connected"
    assert (found["usual"], found["recent"], found["sahha"], found["first_day"]) == ({}, {}, None, None)
    assert {cell["state"] for cell in found["strip"]} == {"none"}
    empty = await page(service, "workouts")
    assert (empty["workouts"], empty["next"]) == ([], None)
    assert empty["week"] | {"from": None} == {
        "from": None, "count": 0, "duration_s": 0, "zones_s": None, "without_zones": 0,
        "usual_s": {"low": None, "high": None, "median": None, "count": 0},
    }  # fmt: skip


async def test_history_says_how_far_it_has_come(service: Service) -> None:
    await service.world.connect("ann")
    before = (await page(service, "day"))["history"]
    assert before["is_running"]
    assert before["days_wanted"] == 60
    await service.world.work()
    after = (await page(service, "day"))["history"]
    assert not after["is_running"]
    assert after["days_stored"] > before["days_stored"]
    assert after["calls"] == sum(r["api_calls"] for r in (await service.world.status()).values())


async def test_workouts_come_page_by_page_without_gap_or_repetition(service: Service) -> None:
    await service.connected()
    seen, cursor = [], None
    while True:
        found = await page(service, "workouts", limit=3, **({"before": cursor} if cursor else {}))
        seen += found["workouts"]
        cursor = found["next"]
        if cursor is None:
            break
    stored = await service.world.stored("ann", "workout")
    assert sorted(w["id"] for w in seen) == sorted(w["id"] for w in stored)
    assert [w["start_at"] for w in seen] == sorted((w["start_at"] for w in seen), reverse=True)
    newest = seen[0]
    document = (await service.get(f"/api/v1/whoop/daily-data/ann?date={newest['day']}")).json()
    assert {k: v for k, v in newest.items() if k != "day"} in document["workouts"]
    problem(await service.get("/api/v1/app/ann/workouts", params={"week_begins": 8}), 422)
    problem(await service.get("/api/v1/app/ann/workouts", params={"before": "nonsense"}), 400, "bad_request", "before")
    problem(await service.get("/api/v1/app/ann/workouts", params={"limit": 0}), 422)


async def lengthen(service: Service, *, weeks: int) -> None:
    """The days and workouts that are stored, once more so many weeks before."""
    changed = {"day_document": "'day', t.day - %(days)s", "record": "'day', t.day - %(days)s, 'external_id', t.external_id || %(days)s"}
    async with service.world.engine.db.transaction() as tx:
        for table, change in changed.items():
            sql = f"""insert into wearbase.{table} select (jsonb_populate_record(t, jsonb_build_object({change}))).*
                        from wearbase.{table} t on conflict do nothing"""
            await tx.execute(sql, {"days": 7 * weeks})  # pyright: ignore[reportArgumentType]


def spent(workouts: list[dict[str, Any]]) -> float:
    return sum((datetime.fromisoformat(w["end_at"]) - datetime.fromisoformat(w["start_at"])).total_seconds() for w in workouts)


async def test_a_week_is_the_calendars_and_what_is_usual_comes_of_full_weeks_before_it(service: Service) -> None:
    await service.connected()
    assert (await page(service, "workouts"))["week"]["usual_s"]["median"] is None, "a month is too little"
    for weeks in (4, 8):
        await lengthen(service, weeks=weeks)
    today = date.fromisoformat(await service.today())
    all_of_them = (await page(service, "workouts", limit=100))["workouts"]
    for begins in (1, 7, today.isoweekday()):
        week = (await page(service, "workouts", week_begins=begins))["week"]
        first = date.fromisoformat(week["from"])
        assert first.isoweekday() == begins
        assert 0 <= (today - first).days < 7
        mine = [w for w in all_of_them if w["day"] >= week["from"]]
        assert (week["count"], week["duration_s"]) == (len(mine), pytest.approx(spent(mine), abs=len(mine)))
        assert (week["zones_s"] or {}).get("two", 0) == sum(w["zones_s"]["two"] for w in mine if w["zones_s"])
        weeks = [(first - timedelta(days=7 * n + 7)).isoformat() for n in range(12)]
        stored = {str(row["day"]) for row in await service.world.rows("select day from wearbase.day_document")}
        full = [one for one in weeks if sum(earlier(one, -n) in stored for n in range(7)) >= 4]
        totals = [spent([w for w in all_of_them if one <= w["day"] < earlier(one, -7)]) for one in full]
        assert week["usual_s"]["count"] == len(full) >= 8
        assert min(totals) - 1 <= week["usual_s"]["low"] <= week["usual_s"]["median"] == pytest.approx(median(totals), abs=2)
        assert week["usual_s"]["high"] <= max(totals) + 1


@pytest.mark.parametrize("name", ["day", "month?month=2026-11", "workouts"])
async def test_what_the_page_has_already_is_not_sent_again(service: Service, name: str) -> None:
    await service.connected()
    first = await service.get(f"/api/v1/app/ann/{name}")
    service.world.clock.advance(timedelta(seconds=5))
    key = (await service.key("read"))["x-api-key"]
    again = await service.get(f"/api/v1/app/ann/{name}", headers={"x-api-key": key, "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"
    plain = await service.get(f"/api/v1/app/ann/{name}", headers={"x-api-key": key, "accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() | {"server_time": None} == first.json() | {"server_time": None}


async def test_a_look_at_an_idle_member_brings_them_current(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    service.world.clock.advance(timedelta(days=3))
    await service.world.sim.post("/control/clock", json={"advance_s": 3 * 86_400, "wait": True, "webhooks": False})
    async with service.working():
        found = await page(service, "day", date=day)
    assert found["day"]["sleep"] is not None
    looked = await service.world.rows("select looked_at from wearbase.connection")
    assert looked[0]["looked_at"] == service.world.clock.now()


async def test_a_missing_young_day_is_fetched_on_the_spot(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    async with service.working():
        assert (await page(service, "day", date=day))["day"]["sleep"] is not None
    await service.advance(hours=1)


@pytest.mark.parametrize(("name", "params"), [("day", {}), ("month", {"month": "2026-11"}), ("workouts", {})])
async def test_a_page_takes_one_query(service: Service, monkeypatch: pytest.MonkeyPatch, name: str, params: dict[str, str]) -> None:
    await service.connected()
    await page(service, name, **params)  # the look is noted, the key is known
    asked: list[str] = []
    for module in (store, database):
        for function in ("one", "many", "rows", "row", "value"):
            if hasattr(module, function):
                monkeypatch.setattr(module, function, _counted(getattr(module, function), asked))
    await page(service, name, **params)
    assert len(asked) == 1, asked


def _counted(function: Any, asked: list[str]) -> Any:
    async def counted(tx: Any, *given: Any) -> Any:
        asked.append(str(given))
        return await function(tx, *given)

    return counted


LONG = [
    "trends/ann?metric=strain&start={first}&end={day}", "health/ann?days=7", "whoop/days/ann?start={first}&end={day}", "app/ann/day",
]  # fmt: skip


@pytest.mark.parametrize("path", LONG)
@pytest.mark.parametrize(("asked", "packed"), [("br, gzip", "br"), ("gzip", "gzip"), ("identity", None), ("br;q=0, gzip", "gzip")])
async def test_long_answers_are_packed_for_whoever_takes_that(service: Service, path: str, asked: str, packed: str | None) -> None:
    await service.connected()
    day = await service.today()
    url = "/api/v1/" + path.format(first=earlier(day, 20), day=day)
    plain = await service.get(url, headers={"x-api-key": ENV_KEY, "accept-encoding": "identity"})
    answer = await service.get(url, headers={"x-api-key": ENV_KEY, "accept-encoding": asked})
    assert answer.headers.get("content-encoding") == packed
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert answer.json() == plain.json()
