"""The health document: every source's part of a day, one value of each quantity, and how each source stands."""

from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from tests.integration.api.conftest import Service, problem
from tests.integration.parts import sahha_connected, sahha_fails, sahha_says
from wearbase.providers.registry import PROVIDERS


async def health(service: Service, query: str = "", user_id: str = "ann", **more: Any) -> dict[str, Any]:
    answer = await service.get(f"/api/v1/health/{user_id}{query}", **more)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == answer.num_bytes_downloaded
    return answer.json()


async def test_one_source_connected_and_one_never(service: Service) -> None:
    await service.connected()
    day = await service.today()
    found = await health(service, f"?date={day}")
    assert (found["user_id"], found["date"]) == ("ann", day)
    own = (await service.get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()
    data = found["sources"]["whoop"]["data"]
    assert data == {name: own[name] for name in PROVIDERS["whoop"].empty_day()}
    assert found["sources"]["whoop"]["state"] == "ok"
    assert found["sources"]["whoop"]["last_success_at"] == own["last_sync"]
    assert found["sources"]["sahha"] == {
        "state": "not_connected", "not_yet": False, "no_data_reason": "not_connected", "last_success_at": None, "last_change_at": None,
        "completeness": {"is_complete": False, "is_day_over": False, "missing": []}, "data": None,
    }  # fmt: skip
    assert found["combined"]["hrv_rmssd_ms"]["value"] == own["recovery"]["hrv_rmssd_ms"]
    assert found["combined"]["strain"]["is_running"] is own["cycle"]["is_open"]


async def test_what_is_missing_and_the_sources_come_in_the_declared_order_whatever_the_database_gives_first(service: Service) -> None:
    await service.connected()
    await sahha_connected(service.world, "ann")
    day = date.fromisoformat(await service.today())
    await sahha_says(service.world, "ann", day, asleep_min=401)
    for provider in ("whoop", "sahha"):  # rows that were changed last lie last
        for resource in reversed(PROVIDERS[provider].resources):
            await service.world.rows(
                "update wearbase.sync_state set last_success_at = null where provider = %s and resource = %s returning 1",
                provider, resource.name,
            )  # fmt: skip
    found = (await service.get(f"/api/v1/health/ann?date={day - timedelta(days=1)}")).json()
    for provider in ("whoop", "sahha"):
        assert found["sources"][provider]["completeness"]["missing"] == [r.name for r in PROVIDERS[provider].resources], provider
    assert list((await service.get(f"/api/v1/health/ann?date={day}")).json()["sources"]) == ["whoop", "sahha"]


async def test_a_user_never_seen_is_no_error(service: Service) -> None:
    found = await health(service, user_id="nobody")
    assert found["combined"] == {}
    assert {name: source["state"] for name, source in found["sources"].items()} == {"whoop": "not_connected", "sahha": "not_connected"}
    assert all(source["data"] is None for source in found["sources"].values())


async def test_a_day_without_data_is_another_document_than_the_day_before(service: Service) -> None:
    tags = [(await service.get(f"/api/v1/health/nobody?date=2026-11-0{n}")).headers["etag"] for n in (1, 2)]
    assert tags[0] != tags[1]


async def test_the_same_quantity_of_two_sources(service: Service) -> None:
    """By the order of sources: who measures before who passes on. What is only near is two values."""
    await service.connected()
    day = date.fromisoformat(await service.today())
    await sahha_connected(service.world, "ann")
    await sahha_says(service.world, "ann", day, asleep_min=401, hrv_rmssd_ms=33.5, hrv_sdnn_ms=61, resting_bpm=49, readiness=0.71)
    found = await health(service, f"?date={day}")
    whoop, combined = found["sources"]["whoop"]["data"], found["combined"]
    asleep = combined["asleep_s"]
    assert (asleep["source"], asleep["value"]) == ("whoop", whoop["sleep"]["asleep_s"])
    assert asleep["others"] == [{"source": "sahha", "value": 401 * 60, "is_running": False}]
    assert combined["hrv_rmssd_ms"]["value"] == whoop["recovery"]["hrv_rmssd_ms"]
    assert combined["hrv_sdnn_ms"] == {"value": 61, "unit": "ms", "source": "sahha", "is_running": False, "others": [], "near": []}
    assert combined["resting_heart_rate_bpm"]["value"] == whoop["recovery"]["resting_heart_rate_bpm"]
    assert combined["resting_heart_rate_bpm"]["near"] == ["heart_rate_resting_bpm"]
    assert combined["heart_rate_resting_bpm"]["value"] == 49
    assert combined["recovery_score_percent"]["value"] == whoop["recovery"]["score"]
    assert combined["sahha_readiness_score"]["value"] == 71


async def test_without_the_first_source_the_next_is_believed(service: Service) -> None:
    await sahha_connected(service.world, "ann")
    day = service.world.clock.now().date()
    await sahha_says(service.world, "ann", day, asleep_min=401)
    found = await health(service, f"?date={day}")
    assert found["combined"]["asleep_s"]["source"] == "sahha"
    assert found["sources"]["whoop"]["state"] == "not_connected"
    assert found["sources"]["sahha"]["state"] == "ok"


async def test_a_source_that_is_down_is_stale_with_its_last_data(service: Service) -> None:
    await service.connected()
    day = date.fromisoformat(await service.today())
    await sahha_connected(service.world, "ann")
    await sahha_says(service.world, "ann", day, asleep_min=401)
    before = await health(service, f"?date={day}")
    await service.world.fault("/v2/", "status", status=500)
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.sync_state set due_at = %s, priority = 2 where provider = 'whoop'", [service.world.clock.now()])
    await service.world.work()
    await sahha_fails(service.world, "ann")
    found = await health(service, f"?date={day}")
    for name in ("whoop", "sahha"):
        assert found["sources"][name]["state"] == "stale", name
        assert found["sources"][name]["data"] == before["sources"][name]["data"]
        assert found["sources"][name]["last_success_at"] == before["sources"][name]["last_success_at"]
    assert found["combined"] == before["combined"]


async def test_days_up_to_today_oldest_first(service: Service) -> None:
    await service.connected()
    found = await health(service, "?days=5")
    today = date.fromisoformat((await health(service))["date"])
    assert [d["date"] for d in found["days"]] == [(today - timedelta(days=n)).isoformat() for n in (4, 3, 2, 1, 0)]
    assert (found["start"], found["end"]) == (found["days"][0]["date"], today.isoformat())
    for document in found["days"]:
        assert document == await health(service, f"?date={document['date']}")
    assert found["days"][2]["sources"]["whoop"]["completeness"]["is_day_over"] is True


@pytest.mark.parametrize(("query", "field"), [
    ("?days=0", "days"), ("?days=91", "days"), ("?days=", "days"), ("?days=x", "days"), ("?days=²", "days"), ("?days=-1", "days"),
    ("?date=yesterday", "date"), ("?date=", "date"), ("?date=2026-02-30", "date"), ("?date=2026-11-17&days=3", "days"),
])  # fmt: skip
async def test_a_question_of_a_wrong_form(service: Service, query: str, field: str) -> None:
    problem(await service.get(f"/api/v1/health/ann{query}"), 422, "invalid_field", field)


@pytest.mark.parametrize("query", ["", "?days=3"])
async def test_unchanged_it_is_304_and_what_moves_changes_it(service: Service, query: str) -> None:
    await service.connected()
    path = f"/api/v1/health/ann{query}"
    first = await service.get(path)
    headers = {**(await service.key("read")), "if-none-match": first.headers["etag"]}
    again = await service.get(path, headers=headers)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    await service.world.mark()
    assert (await service.get(path, headers=headers)).status_code == 200
    await service.world.step(minutes=1)
    await service.world.work()
    assert (await service.get(path, headers=headers)).status_code == 200  # another last success
    settled = (await service.get(path)).headers["etag"]
    await sahha_connected(service.world, "ann")
    await sahha_says(service.world, "ann", date.fromisoformat((await health(service))["date"]), asleep_min=400)
    assert (await service.get(path)).headers["etag"] != settled


@pytest.mark.parametrize("query", ["?date=2026-11-17", "", "?days=30", "?days=90"])
async def test_it_is_one_query(service: Service, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    await service.connected()
    await sahha_connected(service.world, "ann")
    today = date.fromisoformat((await health(service))["date"])
    await sahha_says(service.world, "ann", today, asleep_min=400)
    await service.get(f"/api/v1/health/ann{query}")
    statements = await counted(service, monkeypatch, f"/api/v1/health/ann{query}")
    assert len(statements) == 1, statements


async def counted(service: Service, monkeypatch: pytest.MonkeyPatch, path: str) -> list[str]:
    """The statements that an answer takes."""
    from psycopg import AsyncCursor

    seen: list[str] = []
    execute = AsyncCursor.execute

    async def counting(self: Any, query: Any, *rest: Any, **more: Any) -> Any:
        seen.append(str(query))
        return await execute(self, query, *rest, **more)

    monkeypatch.setattr(AsyncCursor, "execute", counting)
    answer = await service.get(path)
    monkeypatch.undo()
    assert answer.status_code == 200
    return seen


async def test_a_missing_day_is_fetched_on_the_spot(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    async with service.working():
        found = await health(service, f"?date={day}")
    assert found["sources"]["whoop"]["data"]["sleep"] is not None
    assert found["sources"]["whoop"]["state"] == "ok"


@pytest.mark.usefixtures("impatient")
async def test_a_slow_source_holds_nobody_beyond_the_deadline_that_is_set(service: Service) -> None:
    await service.connected()
    day = await service.unseen_day()
    await sahha_connected(service.world, "ann")
    await sahha_says(service.world, "ann", date.fromisoformat(day), asleep_min=400)
    async with service.working(), service.hanging():
        found = await health(service, f"?date={day}")
    assert found["sources"]["whoop"]["state"] == "running"
    assert found["sources"]["sahha"]["data"]["sleep"]["sleep_duration_s"] == 24_000


async def test_a_member_idle_for_long_is_brought_current(service: Service) -> None:
    await service.connected()
    await service.unseen_day()
    await service.advance(days=3)
    async with service.working():
        await service.advance(seconds=1)
        await health(service)
    looked = await service.world.rows("select looked_at from wearbase.connection where provider = 'whoop'")
    assert looked[0]["looked_at"] > service.world.clock.now() - timedelta(hours=1)


async def test_the_sources_of_a_member(service: Service) -> None:
    await service.connected()
    answer = (await service.get("/api/v1/health/sources/ann")).json()
    found, by_resource = answer["sources"], answer["days_by_resource"]["whoop"]
    assert list(found) == ["whoop", "sahha"]
    assert found["whoop"]["connected"] is True
    assert found["whoop"]["state"] == "ok"
    assert found["whoop"]["days_stored"] > 20
    assert set(found["whoop"]["resources"]) == {"recovery", "sleep", "workout", "cycle"}
    assert found["whoop"]["last_success_at"] is not None
    assert found["whoop"]["ended_at"] is None
    nights = (await service.get("/v1/data/ann/sleep?limit=200")).json()["records"]
    assert by_resource["sleep"] == len({night["day"] for night in nights})
    assert "sahha" not in answer["days_by_resource"]
    assert found["sahha"]["connected"] is False
    assert found["sahha"]["state"] == "not_connected"
    assert found["sahha"]["last_success_at"] is None


async def test_erasing_one_source_leaves_the_other(service: Service) -> None:
    await service.connected()
    day = date.fromisoformat(await service.today())
    await sahha_connected(service.world, "ann")
    await sahha_says(service.world, "ann", day, asleep_min=400)
    answer = await service.delete("/api/v1/whoop/connect/ann?data=erase", headers=await service.key("connect", "erase"))
    assert answer.status_code == 200
    found = await health(service, f"?date={day}")
    assert found["sources"]["whoop"]["data"] is None
    assert found["combined"]["asleep_s"] == {"value": 24_000, "unit": "s", "source": "sahha", "is_running": False, "others": [], "near": []}
    assert await service.world.rows("select sources from wearbase.health_document") == [{"sources": ["sahha"]}]


async def test_a_day_stored_by_an_older_program_is_put_together_when_read(service: Service) -> None:
    await service.connected()
    path = f"?date={await service.today()}"
    known = await health(service, path)
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("delete from wearbase.health_document")
    assert await health(service, path) == known


async def test_a_part_changed_by_an_older_program_is_seen(service: Service) -> None:
    await service.connected()
    path = f"?date={await service.today()}"
    await health(service, path)
    async with service.world.engine.db.transaction() as tx:
        await tx.execute("""update wearbase.day_document set revision = 'other',
                            body = replace(body, '"naps":[]', '"naps":[{"id":"new"}]') where provider = 'whoop'""")
    assert (await health(service, path))["sources"]["whoop"]["data"]["naps"] == [{"id": "new"}]


async def test_the_stored_body_is_json(service: Service) -> None:
    await service.connected()
    stored = await service.world.rows("select body, places, sources from wearbase.health_document")
    assert len(stored) > 20
    for row in stored:
        assert list(orjson.loads(row["body"])["sources"]) == row["sources"]
        assert all(row["body"][place - 1] == "{" for place in row["places"])
