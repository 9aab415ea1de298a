"""Answers that are none, and records that cannot be understood: said in the status, nothing else lost, no endless loop."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx2
import orjson
import pytest

from tests.integration.engine.conftest import grown, look, newest, route_calls, settled, visits, work_for
from tests.integration.harness import RESOURCES, Bench, canonical

ROUTES = {"recovery": "/v2/recovery", "sleep": "/v2/activity/sleep", "workout": "/v2/activity/workout", "cycle": "/v2/cycle"}
MOST_VISITS = 30
MOST_PAGES = 120  # of three days
Send = Callable[[httpx2.Request], Awaitable[httpx2.Response]]


def json_answer(value: Any, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, headers={"content-type": "application/json"}, content=orjson.dumps(value))


def answering(path: str, make: Callable[[httpx2.Request], httpx2.Response]) -> Any:
    """A provider that answers a collection in its own way, and everything else as usual."""

    async def meddle(request: httpx2.Request, send: Send) -> httpx2.Response:
        return make(request) if request.url.path == f"/developer{path}" else await send(request)

    return meddle


def changing(path: str, change: Callable[[Any], Any]) -> Any:
    """A provider whose pages of a collection are changed on their way."""

    async def meddle(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = await send(request)
        if request.url.path != f"/developer{path}" or answer.status_code != 200:
            return answer
        return json_answer(change(orjson.loads(await answer.aread())))

    return meddle


NO_ANSWERS = {
    "not JSON": b"upstream says hello",
    "empty": b"",
    "HTML": b"<!doctype html><html><body>Sign in to continue</body></html>",
    "cut off": b'{"records":[{"id":"2f1c',
    "a list": b"[]",
    "null": b"null",
    "a number": b"5",
    "records missing": b'{"next_token":null}',
    "records null": b'{"records":null,"next_token":null}',
    "records an object": b'{"records":{},"next_token":null}',
    "a token that is none": b'{"records":[],"next_token":7}',
    "nested without end": b"[" * 100_000,
    "not UTF-8": b'{"records":[],"next_token":"\xff\xfe"}',
}


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
async def test_a_page_that_is_no_answer_is_a_failure_of_its_resource_alone(world: Bench, body: bytes) -> None:
    account = await settled(world)
    before = (await world.status())["sleep"]
    world.wire.meddle = answering(ROUTES["sleep"], lambda _: httpx2.Response(200, content=body))
    await world.mark()
    await visits(world, MOST_VISITS)
    after = await world.status()
    assert (after["sleep"]["state"], after["sleep"]["status"], after["sleep"]["error"]) == ("failing", "failed", "provider_unavailable")
    assert after["sleep"]["last_success_at"] == before["last_success_at"]
    assert after["sleep"]["last_attempt_at"] > before["last_attempt_at"]
    assert after["sleep"]["next_due_at"] > after["sleep"]["last_attempt_at"]
    assert {after[name]["status"] for name in RESOURCES if name != "sleep"} == {"success"}
    assert canonical(await world.stored("ann", "sleep")) == canonical(await world.truth(account, "sleep"))
    world.wire.meddle = None
    await world.step(minutes=2, webhooks=False)
    await visits(world, MOST_VISITS)
    assert (await world.status())["sleep"]["status"] == "success"


@pytest.mark.parametrize("kind", ["html", "empty", "cut", "drop", "endless"])
async def test_first_pages_that_are_no_answer_leave_a_new_member_failing_and_then_whole(world: Bench, kind: str) -> None:
    account = (await world.members())[0]["user_id"]
    for route in ROUTES.values():
        await world.fault(route, kind, count=None)
    world.wire.meddle = None
    await world.connect("ann")
    await visits(world, MOST_VISITS)
    assert {r["state"] for r in (await world.status()).values()} == {"failing"}
    assert {r["last_success_at"] for r in (await world.status()).values()} == {None}
    await world.heal()
    await work_for(world, steps=4, minutes=6)
    await world.mark()
    await visits(world, MOST_VISITS)
    assert {r["status"] for r in (await world.status()).values()} == {"success"}
    await world.same_as_truth("ann", account)


async def test_one_bad_record_among_twenty_five_is_parked_and_the_good_ones_are_stored(world: Bench) -> None:
    account = await long_absent(world)
    page: list[str] = []

    def spoil(body: Any) -> Any:
        if len(body["records"]) == 25 and not page:
            page.extend(r["id"] for r in body["records"])
        return {**body, "records": [spoiled(r) if page and r["id"] == page[7] else r for r in body["records"]]}

    world.wire.meddle = changing(ROUTES["sleep"], spoil)
    await world.mark("sleep")
    await visits(world, MOST_VISITS)
    found = (await world.status())["sleep"]
    assert (found["status"], found["error"], found["parked_records"]) == ("success", None, 1)
    (parked,) = await world.rows("select resource, external_id, reason, raw from wearbase.parked_record")
    assert (parked["resource"], parked["external_id"]) == ("sleep", page[7])
    assert "stage_summary" in parked["reason"]
    assert parked["raw"]["id"] == page[7]
    good = [s for s in await world.truth(account, "sleep") if s["id"] != page[7]]
    assert canonical([s for s in await world.stored("ann", "sleep") if s["id"] != page[7]]) == canonical(good)
    world.wire.meddle = None
    await world.step(minutes=2, webhooks=False)
    await world.event(account, "rescore", resource="sleep", record_id=page[7])
    await world.deliver()
    await visits(world, MOST_VISITS)
    assert (await world.status())["sleep"]["parked_records"] == 0
    assert canonical(await world.stored("ann", "sleep")) == canonical(await world.truth(account, "sleep"))


@pytest.mark.parametrize("wrong", [None, 5, "text", [], {}, {"id": None}, {"id": {"a": 1}}, {"id": "x" * 4000}])
async def test_something_that_is_no_record_at_all_is_parked_beside_the_good_ones(world: Bench, wrong: Any) -> None:
    account = await settled(world)
    await world.event(account, "workout", webhooks=False)
    world.wire.meddle = changing(ROUTES["workout"], lambda body: {**body, "records": [wrong, *body["records"], wrong]})
    await world.mark("workout")
    await visits(world, MOST_VISITS)
    found = (await world.status())["workout"]
    assert (found["status"], found["parked_records"]) == ("success", 1)
    assert canonical(await world.stored("ann", "workout")) == canonical(await world.truth(account, "workout"))


def spoiled(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "score": {**record["score"], "stage_summary": {"total_in_bed_time_milli": "a while"}}}


async def long_absent(world: Bench) -> int:
    """A member whose app was ours long ago: the next read of everything since has two pages or more."""
    account = await settled(world)
    await world.step(days=32, webhooks=False)
    await look(world)
    return account


async def test_a_page_that_is_repeated_for_ever_ends_as_a_failure(world: Bench) -> None:
    await long_absent(world)
    before = await world.state("sleep")
    asked = []

    def again(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.params.get("nextToken"))
        return json_answer({"records": [r for r in world_page if r], "next_token": f"token-{len(asked)}"})

    world_page = [newest(await world.stored("ann", "sleep"))]
    world.wire.meddle = answering(ROUTES["sleep"], again)
    await world.mark("sleep")
    await visits(world, MOST_VISITS)
    found, after = (await world.status())["sleep"], await world.state("sleep")
    assert (found["status"], found["error"]) == ("failed", "provider_unavailable")
    assert after["watermark"] == before["watermark"]
    assert len(asked) <= 3


async def test_a_page_of_history_that_is_repeated_for_ever_does_not_eat_the_budget(world: Bench) -> None:
    await world.connect("ann")
    await world.one()  # today
    asked = []

    def again(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.params.get("nextToken"))
        return json_answer({"records": world_page, "next_token": f"token-{len(asked) % 2}"})

    world_page = [newest(await world.stored("ann", "sleep"))]
    world.wire.meddle = answering(ROUTES["sleep"], again)
    for _ in range(8):
        await visits(world, MOST_VISITS)
        await world.step(minutes=30, webhooks=False)
    found = (await world.status())["sleep"]
    assert (found["backfill"]["error"], found["backfill"]["is_running"]) == ("endless_listing", True)
    assert found["error"] is None  # today is not its concern
    assert len(asked) < 80


async def test_a_collection_that_grows_while_it_is_paged_is_stored_whole(world: Bench) -> None:
    account = await long_absent(world)
    await world.fault(ROUTES["workout"], "drift", count=None)
    await world.mark("workout")
    await visits(world, MOST_VISITS)
    await world.heal()
    found = (await world.status())["workout"]
    assert (found["status"], found["error"]) == ("success", None)
    await world.deliver()
    await visits(world, MOST_VISITS)
    assert canonical(await world.stored("ann", "workout")) == canonical(await world.truth(account, "workout"))


async def test_a_collection_that_grows_for_ever_while_it_is_paged_ends_as_a_failure(world: Bench) -> None:
    await settled(world)
    before, asked = await world.state("workout"), []
    template = newest(await world.stored("ann", "workout"))

    def one_more(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        is_over = len(asked) >= MOST_PAGES  # so that the test ends
        records = [{**template, "id": f"{len(asked):08x}-0000-4000-8000-000000000000"}]
        return json_answer({"records": records, "next_token": None if is_over else f"token-{len(asked)}"})

    world.wire.meddle = answering(ROUTES["workout"], one_more)
    await world.mark("workout")
    await visits(world, MOST_VISITS)
    found, after = (await world.status())["workout"], await world.state("workout")
    assert (found["status"], found["error"]) == ("failed", "endless_listing")
    assert after["watermark"] == before["watermark"]
    assert len(asked) < MOST_PAGES


async def test_a_500_on_page_two_keeps_page_one_and_leaves_the_watermark_and_the_next_run_completes(world: Bench) -> None:
    account = await long_absent(world)
    before, known = await world.state("sleep"), len(await world.stored("ann", "sleep"))

    async def broken_second_page(request: httpx2.Request, send: Send) -> httpx2.Response:
        return httpx2.Response(500) if request.url.params.get("nextToken") else await send(request)

    world.wire.meddle = broken_second_page
    await world.mark("sleep")
    await visits(world, MOST_VISITS)
    found, after = (await world.status())["sleep"], await world.state("sleep")
    assert (found["state"], found["status"], found["error"]) == ("failing", "failed", "provider_unavailable")
    assert found["last_success_at"] < found["last_attempt_at"]
    assert len(await world.stored("ann", "sleep")) >= known + 20
    assert after["watermark"] == before["watermark"]
    assert after["page_token"] is not None
    world.wire.meddle = None
    calls = await route_calls(world)
    await world.step(minutes=1, webhooks=False)
    await visits(world, MOST_VISITS)
    after = await world.state("sleep")
    assert (await world.status())["sleep"]["status"] == "success"
    assert after["watermark"] > before["watermark"] + timedelta(days=30)
    assert (await grown(world, calls))[ROUTES["sleep"]] == 1  # page two
    assert canonical(await world.stored("ann", "sleep")) == canonical(await world.truth(account, "sleep"))


async def test_a_record_deleted_between_two_pages_hides_no_other(world: Bench) -> None:
    account = await long_absent(world)
    await world.fault(ROUTES["workout"], "drift_away", count=1)
    await world.mark("workout")
    await visits(world, MOST_VISITS)
    await world.deliver()
    await visits(world, MOST_VISITS)
    assert canonical(await world.stored("ann", "workout")) == canonical(await world.truth(account, "workout"))


async def test_a_cycle_deleted_between_two_pages_hides_no_other_though_only_its_night_is_announced(world: Bench) -> None:
    account = await long_absent(world)
    newest_first = sorted(await world.truth(account, "cycle"), key=lambda raw: raw["start"], reverse=True)
    asked: list[str | None] = []

    async def first_page_only(request: httpx2.Request, send: Any) -> httpx2.Response:
        if request.url.path.endswith(ROUTES["cycle"]):
            asked.append(request.url.params.get("nextToken"))
            if len(asked) == 2:
                return httpx2.Response(503)
        return await send(request)

    world.wire.meddle = first_page_only
    await world.mark("cycle")
    await world.one()
    world.wire.meddle = None
    assert asked[1] is not None
    await world.event(account, "delete", resource="cycle", record_id=newest_first[3]["id"])
    await world.deliver()
    await world.step(minutes=1, webhooks=False)
    await visits(world, MOST_VISITS)
    kept = {raw["id"] for raw in await world.stored("ann", "cycle")}
    assert {raw["id"] for raw in await world.truth(account, "cycle")} <= kept


async def test_a_cursor_that_expired_is_begun_anew_and_completes(world: Bench) -> None:
    account = await long_absent(world)
    await world.fault(ROUTES["sleep"], "cursor_expired", count=1)
    await world.mark("sleep")
    await visits(world, MOST_VISITS)
    assert (await world.status())["sleep"]["status"] == "success"
    assert canonical(await world.stored("ann", "sleep")) == canonical(await world.truth(account, "sleep"))
