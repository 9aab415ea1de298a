"""What persons ask for is done by the service; what is erased here is erased there, however long that takes."""

import asyncio
import hashlib
import io
import json
import zipfile
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from tests.integration.api.conftest import APP_URL, problem
from tests.integration.services.conftest import Pair
from wearbase.sync import disconnect
from wearbase.sync.chores import plan_chores

ALL_OF_A_MEMBER = ("connection", "day_document", "health_document", "metric", "sync_state", "copy_turn", "record")


async def connected(two: Pair, user_id: str = "ann", member: int = 0, **more: Any) -> httpx2.Response:
    """A consent by way of the entry point."""
    started = (await two.near.post(f"/api/v1/whoop/connect/{user_id}", **more)).json()
    account = (await two.far.world.members())[member]["user_id"]
    code = await two.far.world.approve(started["authorization_url"], account)
    return await two.near.post("/v1/oauth/callback", json={"code": code, "state": started["state"]}, **more)


async def rows_of(two: Pair, user_id: str = "ann") -> dict[str, int]:
    """What the entry point holds of a member."""
    found = {}
    for table in ALL_OF_A_MEMBER:
        found[table] = len(await two.near.world.rows(f"select 1 from wearbase.{table} where user_id = %s", user_id))
    return {table: count for table, count in found.items() if count}


async def test_a_consent_by_way_of_the_entry_point(two: Pair) -> None:
    await two.near.get("/api/v1/health/ann")
    answer = await connected(two)
    assert answer.json() == {"user_id": "ann", "provider": "whoop", "connected": True, "missing_scopes": []}
    await two.far.world.work()
    near, far = await two.both("/api/v1/health/ann")  # asked again at once: somebody has just connected
    assert near == far
    assert near["sources"]["whoop"]["data"] is not None


async def test_what_a_member_started_only_that_member_completes(two: Pair) -> None:
    account = (await two.far.world.members())[0]["user_id"]
    for others, outcome in ((["bob"], 400), ([], 200)):
        started = (await two.near.post("/api/v1/whoop/connect/ann", headers=two.near.token("ann"))).json()
        code = await two.far.world.approve(started["authorization_url"], account)
        body = {"code": code, "state": started["state"]}
        for other in others:
            assert (await two.near.post("/v1/oauth/callback", json=body, headers=two.near.token(other))).status_code == 403
            assert "POST /v1/oauth/callback" not in two.asked
        answer = await two.near.post("/v1/oauth/callback", json=body, headers=two.near.token("ann"))
        assert answer.status_code == outcome, "a refusal uses the state up as well"
        assert (await two.near.post("/v1/oauth/callback", json=body, headers=two.near.token("ann"))).status_code == 400


async def test_the_browser_that_comes_back_to_the_entry_point_is_asked_there(two: Pair) -> None:
    started = (await two.near.post(f"/api/v1/whoop/connect/ann?redirect_url={APP_URL}")).json()
    account = (await two.far.world.members())[0]["user_id"]
    code = await two.far.world.approve(started["authorization_url"], account)
    page = await two.near.client.get("/auth/whoop/callback", params={"code": code, "state": started["state"]})
    assert "Connect WHOOP?" in page.text
    form = {"code": code, "state": started["state"], "decision": "agree"}
    answer = await two.near.client.post("/auth/whoop/callback", data=form, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{APP_URL}?status=connected&user_id=ann"


async def test_refusals_are_passed_on_as_they_are(two: Pair) -> None:
    sync = await two.near.post("/api/v1/whoop/sync/nobody")
    assert (sync.status_code, sync.json()["error"]["code"]) == (409, "not_connected")
    await connected(two)
    taken = await connected(two, "bob")
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "conflict")
    field = await two.near.post("/api/v1/whoop/sync/ann", json={"data_types": ["dreams"]})
    assert field.status_code == 422
    assert field.json()["error"]["details"][0]["field"] == "data_types"
    once = await two.near.post("/api/v1/whoop/sync/ann?wait=false")
    assert once.status_code == 202
    again = await two.near.post("/api/v1/whoop/sync/ann?wait=false")
    assert (again.status_code, again.headers["retry-after"]) == (429, "60")


async def test_a_sync_is_done_there_and_seen_here_at_once(joined: Pair) -> None:
    await joined.near.get("/api/v1/health/ann")
    account = (await joined.far.world.members())[0]["user_id"]
    await joined.far.world.event(account, "workout")
    async with joined.far.working():
        answer = await joined.near.post("/api/v1/whoop/sync/ann")
    assert answer.status_code == 200
    assert answer.json()["total_api_calls"] > 0
    near, far = await joined.both("/api/v1/health/ann")
    assert near == far


async def test_nothing_is_changed_by_what_cannot_be_passed_on(joined: Pair) -> None:
    await joined.near.get("/api/v1/health/ann")
    before = await rows_of(joined)
    joined.cut()
    for method, path in (("POST", "sync/ann"), ("POST", "connect/ann"), ("DELETE", "connect/ann")):
        answer = await joined.near.call(method, f"/api/v1/whoop/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable"), path
        assert "retry-after" in answer.headers
    assert await rows_of(joined) == before


def lost_answer(two: Pair, *, is_back: bool) -> None:
    """The next change is made there, and its answer lost; afterwards the service answers again, or does not."""
    state = {"is_lost": False}

    async def lose(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET" and (is_back or not state["is_lost"]):
            return await httpx2.ASGITransport(two.far.app).handle_async_request(request)
        if request.method != "GET":
            answer = await httpx2.ASGITransport(two.far.app).handle_async_request(request)
            await answer.aread()
            state["is_lost"] = True
        raise httpx2.ReadError("reset", request=request)

    two.between(lose)


async def consented(two: Pair) -> dict[str, str]:
    started = (await two.near.post("/api/v1/whoop/connect/ann")).json()
    account = (await two.far.world.members())[0]["user_id"]
    code = await two.far.world.approve(started["authorization_url"], account)
    return {"code": code, "state": started["state"]}


async def test_a_consent_whose_answer_is_lost_is_told_as_it_stands_there(two: Pair) -> None:
    body = await consented(two)
    lost_answer(two, is_back=True)
    answer = await two.near.post("/v1/oauth/callback", json=body)
    assert answer.json() == {"user_id": "ann", "provider": "whoop", "connected": True, "missing_scopes": []}


async def test_what_is_not_known_to_have_happened_is_not_called_undone(two: Pair) -> None:
    body = await consented(two)
    lost_answer(two, is_back=False)
    answer = await two.near.post("/v1/oauth/callback", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    assert "may or may not have happened" in answer.json()["error"]["message"]
    two.between(None)
    assert (await two.near.post("/v1/oauth/callback", json=body)).json()["connected"] is True, "brought again"


async def test_a_connection_from_before_is_no_proof_of_a_consent(joined: Pair) -> None:
    joined.later(minutes=10)
    body = await consented(joined)

    async def never(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return await httpx2.ASGITransport(joined.far.app).handle_async_request(request)
        raise httpx2.ReadError("reset", request=request)

    joined.between(never)
    assert (await joined.near.post("/v1/oauth/callback", json=body)).status_code == 503


async def test_what_was_never_sent_has_not_happened(joined: Pair) -> None:
    joined.cut()
    message = (await joined.near.post("/api/v1/whoop/sync/ann")).json()["error"]["message"]
    assert "may or may not" not in message


async def test_nothing_is_passed_on_for_a_credential_from_before_an_erasure(joined: Pair) -> None:
    headers = joined.near.token("ann")
    await disconnect.erase_user(joined.near.world.engine, "ann")
    for method, path in (
        ("POST", "/api/v1/whoop/connect/ann"), ("POST", "/api/v1/whoop/sync/ann"), ("POST", "/v1/pull/ann"),
        ("DELETE", "/api/v1/whoop/connect/ann"), ("DELETE", "/api/v1/whoop/connect/ann?data=erase"),
    ):  # fmt: skip
        problem(await joined.near.call(method, path, headers=headers), 401, "made_before_erasure")
    body = {"code": "c", "state": "unknown-state"}
    problem(await joined.near.post("/v1/oauth/callback", json=body, headers=headers), 401, "made_before_erasure")
    assert joined.asked == []


async def test_disconnecting_keeps_the_data_in_both(joined: Pair) -> None:
    await joined.near.get("/api/v1/health/ann?days=7")
    answer = (await joined.near.delete("/api/v1/whoop/connect/ann")).json()
    assert (answer["was_connected"], answer["data"]) == (True, "keep")
    assert "unfinished" not in answer
    near, far = await joined.both("/api/v1/health/ann?days=7")
    assert near == far
    assert near["days"][-2]["sources"]["whoop"]["state"] == "not_connected"
    assert near["days"][-2]["sources"]["whoop"]["data"] is not None


async def erase_key(two: Pair) -> dict[str, str]:
    return await two.near.key("connect", "erase", "read")


async def test_erasing_a_source_erases_it_in_both(joined: Pair) -> None:
    await joined.near.get("/api/v1/health/ann?days=7")
    answer = await joined.near.delete("/api/v1/whoop/connect/ann?data=erase", headers=await erase_key(joined))
    assert answer.status_code == 200
    assert "unfinished" not in answer.json()
    assert await rows_of(joined) == {}
    assert await joined.far.world.rows("select 1 from wearbase.record") == []
    near, far = await joined.both("/api/v1/health/ann?days=7")
    assert near == far


async def test_what_cannot_be_erased_there_is_erased_here_and_there_later(joined: Pair) -> None:
    await joined.near.get("/api/v1/health/ann?days=7")
    joined.cut()
    answer = await joined.near.delete("/api/v1/users/ann", headers=await erase_key(joined))
    assert answer.json()["unfinished"] == ["whoop"]
    assert await rows_of(joined) == {}
    joined.between(None)
    joined.later(minutes=1)
    assert (await joined.near.get("/api/v1/health/ann?days=7")).json()["days"][-1]["combined"] == {}
    assert await rows_of(joined) == {}, "what is still there does not come back"
    assert await joined.far.world.rows("select 1 from wearbase.record limit 1") != []
    [chore] = await joined.near.world.rows("select payload::text, user_id from wearbase.chore where kind = 'end_at_service'")
    assert "ann" not in chore["payload"] + chore["user_id"]
    await joined.near.world.work()
    assert await joined.far.world.rows("select 1 from wearbase.record limit 1") == []
    assert await joined.near.world.rows("select 1 from wearbase.chore where kind = 'end_at_service'") == []
    assert (await joined.near.get("/api/v1/health/ann")).json()["sources"]["whoop"]["state"] == "not_connected"


async def test_the_chore_goes_on_until_it_is_done(joined: Pair) -> None:
    joined.cut()
    answer = await joined.near.delete("/api/v1/whoop/connect/ann?data=erase", headers=await erase_key(joined))
    assert answer.json()["unfinished"] == ["whoop"]
    for _ in range(4):
        joined.later(hours=1)
        await joined.near.world.work()
    [chore] = await joined.near.world.rows("select attempts, error from wearbase.chore where kind = 'end_at_service'")
    assert chore == {"attempts": 4, "error": "service_unavailable"}
    joined.between(None)
    joined.later(hours=1)
    await joined.near.world.work()
    assert await joined.far.world.rows("select 1 from wearbase.record") == []


async def test_who_connects_again_is_erased_there_first(joined: Pair) -> None:
    joined.cut()
    await joined.near.delete("/api/v1/whoop/connect/ann?data=erase", headers=await erase_key(joined))
    assert (await joined.near.post("/api/v1/whoop/connect/ann")).status_code == 503
    joined.between(None)
    assert (await connected(joined)).status_code == 200
    await joined.far.world.work()
    joined.later(hours=1)
    await joined.near.world.work()
    near, far = await joined.both("/api/v1/health/ann")
    assert near == far
    assert near["sources"]["whoop"]["data"] is not None


async def test_a_late_answer_brings_back_nothing_that_was_erased(joined: Pair) -> None:
    has_read, may_answer = asyncio.Event(), asyncio.Event()

    async def late(request: httpx2.Request) -> httpx2.Response:
        answer = await httpx2.ASGITransport(joined.far.app).handle_async_request(request)
        if request.method == "GET":
            has_read.set()
            await may_answer.wait()
        return answer

    joined.between(late)
    reading = asyncio.create_task(joined.near.get("/api/v1/health/ann"))
    await has_read.wait()
    await joined.near.delete("/api/v1/users/ann", headers=await erase_key(joined))
    may_answer.set()
    assert (await reading).json()["combined"] == {}
    assert joined.remote.counts["dropped"] == 1
    assert set(await rows_of(joined)) <= {"copy_turn"}


async def test_turns_are_forgotten_and_the_copy_stays(joined: Pair) -> None:
    await joined.near.get("/api/v1/health/ann")
    before = await rows_of(joined)
    joined.later(hours=26)
    await plan_chores(joined.near.services.engine)
    await joined.near.world.work()
    assert await rows_of(joined) == {name: count for name, count in before.items() if name != "copy_turn"}


@pytest.mark.parametrize("way", ["../../bob/sleep", "..%2f..%2fbob%2fsleep", "%2e%2e/%2e%2e/bob/sleep"])
async def test_no_way_leads_from_one_member_to_another(joined: Pair, way: str) -> None:
    await joined.far.connected("bob", 1)
    assert await raw(joined, f"/v1/data/ann/sleep/{way}/x", joined.near.token("ann")) == 404
    assert joined.asked == []


async def raw(two: Pair, path: str, headers: dict[str, str]) -> int:
    """The status of a request whose path no client has tidied up."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": unquote(path),
        "raw_path": path.encode(), "query_string": b"", "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "root_path": "",
    }  # fmt: skip
    await two.near.app(scope, receive, send)
    return statuses[0]


async def test_an_archive_of_the_entry_point_holds_the_services_or_is_none(two: Pair) -> None:
    """The entry point has only the days that were asked for: the records are the service's."""
    await connected(two)
    await two.far.world.work()
    path = "/api/v1/users/ann/export"
    outer = zipfile.ZipFile(io.BytesIO((await two.near.get(path)).content))
    inner = zipfile.ZipFile(io.BytesIO(outer.read("whoop-service.zip")))
    assert json.loads(inner.read("manifest.json"))["counts"]["records/whoop/recovery"] > 0
    [listed] = [file for file in json.loads(outer.read("manifest.json"))["files"] if file["name"] == "whoop-service.zip"]
    assert listed["sha256"] == hashlib.sha256(outer.read("whoop-service.zip")).hexdigest()
    two.cut()
    assert (await two.near.call("GET", path)).status_code == 503
