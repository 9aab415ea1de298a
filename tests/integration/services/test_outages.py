"""A service that is gone, slow, refuses our key or answers nonsense: the copy is answered, says so, and stays as it was."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import orjson
import pytest
import structlog

from tests.integration.services.conftest import PATIENCE, Pair
from wearbase.transport import remote as transport
from wearbase.transport.breaker import State

TODAY = "/api/v1/health/ann"


async def copied(two: Pair) -> dict[str, Any]:
    """The document, copied while all was well; half a minute later it is to be asked for again."""
    found = (await two.near.get(TODAY)).json()
    assert found["sources"]["whoop"]["state"] == "ok"
    two.later(seconds=31)
    two.asked.clear()
    return found


def without_state(document: dict[str, Any]) -> dict[str, Any]:
    whoop = {k: v for k, v in document["sources"]["whoop"].items() if k != "state"}
    return {**document, "sources": {**document["sources"], "whoop": whoop}}


async def stays(two: Pair, before: dict[str, Any], state: str) -> None:
    """The copy is answered, with that state."""
    answer = await two.near.get(TODAY)
    assert answer.status_code == 200
    assert answer.json()["sources"]["whoop"]["state"] == state
    assert without_state(answer.json()) == without_state(before)


async def test_a_service_that_is_gone_leaves_the_copy_and_says_so_everywhere(joined: Pair) -> None:
    before = await copied(joined)
    day = before["date"]
    joined.cut()
    await stays(joined, before, "stale")
    get = joined.near.get
    assert (await get(f"/api/v1/whoop/daily-data/ann?date={day}")).json()["sync"]["state"] == "stale"
    assert (await get("/api/v1/whoop/sync-status/ann")).json()["state"] == "stale"
    assert (await get("/api/v1/health/sources/ann")).json()["sources"]["whoop"]["state"] == "stale"
    days = (await get(f"/api/v1/whoop/days/ann?start={day}&end={day}")).json()["days"]
    assert [d["sync"]["state"] for d in days] == ["stale"]
    trend = (await get(f"/api/v1/trends/ann?metric=strain&start={day}&end={day}")).json()
    assert trend["not_current"] == {"whoop": "stale"}
    status = (await get("/internal/auth/status/ann")).json()
    assert status["connected"] is True
    assert status["checked_at"] < (await joined.far.get("/internal/auth/status/ann")).json()["checked_at"]
    assert (await get("/v1/data/ann/sleep")).status_code == 503  # records are not copied: better nothing than less


async def test_what_was_never_asked_for_is_not_called_empty(joined: Pair) -> None:
    before = await copied(joined)
    joined.cut()
    far_back = (await joined.near.get(f"{TODAY}?date=2026-10-30")).json()["sources"]["whoop"]
    assert (far_back["state"], far_back["no_data_reason"]) == ("stale", "not_reached")
    stranger = (await joined.near.get(f"/api/v1/health/bob?date={before['date']}")).json()["sources"]["whoop"]
    assert (stranger["state"], stranger["no_data_reason"]) == ("unavailable", "not_reached")
    document = (await joined.near.get("/api/v1/whoop/daily-data/bob?date=2026-10-30")).json()
    assert (document["sync"]["state"], document["sync"]["no_data_reason"]) == ("unavailable", "not_reached")


async def test_the_breaker_opens_and_one_call_finds_the_service_again(joined: Pair) -> None:
    before = await copied(joined)
    joined.cut()
    for _ in range(5):
        await stays(joined, before, "stale")
        joined.later(seconds=6)
    assert joined.remote.state is State.OPEN
    asked = len(joined.asked)
    await stays(joined, before, "stale")
    assert len(joined.asked) == asked == 5, "nobody is asked while it is open"
    ready = (await joined.near.get("/health/ready")).json()
    assert ready["services"] == {"whoop": {"breaker": "open", "problem": "unreachable"}}
    metrics = (await joined.near.get("/metrics", headers=await joined.near.key("ops"))).text
    assert 'wearbase_service_breaker{provider="whoop",state="open"} 1.0' in metrics
    assert 'wearbase_service_breaker{provider="whoop",state="closed"} 0.0' in metrics
    assert 'wearbase_service_breaker_opened_total{provider="whoop"} 1.0' in metrics
    assert 'wearbase_service_calls_total{outcome="failed",provider="whoop"} 5.0' in metrics
    joined.later(seconds=10)
    assert joined.remote.state is State.HALF_OPEN
    joined.between(None)
    await stays(joined, before, "ok")
    assert joined.remote.state is State.CLOSED
    assert (await joined.near.get("/health/ready")).json()["services"]["whoop"]["problem"] is None


async def test_a_service_that_never_answers_costs_the_deadline_and_the_copy_comes_later(joined: Pair) -> None:
    before = await copied(joined)
    object.__setattr__(joined.near.services.engine, "source_deadline", timedelta(seconds=0.2))
    account = (await joined.far.world.members())[0]["user_id"]
    await joined.far.world.event(account, "rescore", resource="recovery")
    await joined.far.world.deliver()
    await joined.far.world.work()
    is_free = asyncio.Event()

    async def hang(request: httpx2.Request) -> httpx2.Response:
        await is_free.wait()
        return await httpx2.ASGITransport(joined.far.app).handle_async_request(request)

    joined.between(hang)
    await stays(joined, before, "stale")
    assert joined.remote.counts["late"] == 1
    await stays(joined, before, "stale")
    assert len(joined.asked) == 1, "the second reader waits for the first one's question"
    is_free.set()
    await joined.near.services.copies.settled()
    near, far = await joined.both(TODAY)
    assert near == far != before
    assert len(joined.asked) == 1


async def test_five_readers_who_could_wait_no_longer_open_the_breaker_though_one_call_is_all_there_was(joined: Pair) -> None:
    before = await copied(joined)
    object.__setattr__(joined.near.services.engine, "source_deadline", timedelta(seconds=0.05))
    is_free = asyncio.Event()

    async def hang(request: httpx2.Request) -> httpx2.Response:
        await is_free.wait()
        return await httpx2.ASGITransport(joined.far.app).handle_async_request(request)

    joined.between(hang)
    for late in range(1, 6):
        assert joined.remote.state is State.CLOSED
        await stays(joined, before, "stale")
        assert joined.remote.counts["late"] == late
    assert joined.remote.state is State.OPEN
    assert len(joined.asked) == 1
    object.__setattr__(joined.near.services.engine, "source_deadline", PATIENCE)
    await stays(joined, before, "stale")  # at once, though the call is still under way
    assert (joined.remote.counts["late"], joined.remote.counts["not_asked"]) == (5, 1)
    assert (await joined.near.get("/health/ready")).json()["services"] == {"whoop": {"breaker": "open", "problem": "unreachable"}}
    is_free.set()
    await joined.near.services.copies.settled()
    assert joined.remote.state is State.CLOSED, "it answered after all"
    await stays(joined, before, "ok")


async def test_a_call_that_lasts_too_long_is_a_failure(joined: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await copied(joined)
    monkeypatch.setattr(transport, "CALL_S", 0.1)

    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(60)
        raise AssertionError

    joined.between(hang)
    await stays(joined, before, "stale")
    assert joined.remote.breaker.failures == 1
    assert joined.remote.problem == "unreachable"


async def test_a_wrong_key_says_so_and_is_told_to_the_operator(joined: Pair) -> None:
    before = await copied(joined)
    await joined.far.services.keys.revoke((await joined.far.services.keys.list())[0].prefix)
    joined.later(seconds=6)
    with structlog.testing.capture_logs() as logs:
        await stays(joined, before, "unavailable")
        joined.later(seconds=6)
        await stays(joined, before, "unavailable")
    told = [line for line in logs if line["log_level"] == "error"]
    assert len(told) == 1, "once, not with every read"
    assert "WHOOP_SERVICE_API_KEY" in told[0]["event"]
    assert joined.remote.state is State.CLOSED
    answer = await joined.near.post("/api/v1/whoop/sync/ann")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "service_refuses_key")


def _spoilt(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def spoil(body: bytes) -> bytes:
        found = orjson.loads(body)
        change(found)
        return orjson.dumps(found)

    return spoil


def _day_of_another(found: dict[str, Any]) -> None:
    for day in found["days"]:
        day["document"]["user_id"] = "bob"


def _in_each(place: str, name: str, value: Any) -> Callable[[bytes], bytes]:
    """One value of the documents, or of their metrics."""

    def change(found: dict[str, Any]) -> None:
        for day in found["days"]:
            part = day["metrics"] if place == "metrics" else day["document"].get(place) if day["document"] else None
            if part is not None:
                part[name] = value

    return _spoilt(change)


GARBAGE: dict[str, Callable[[bytes], bytes]] = {
    "not JSON": lambda body: b"<html>It works!</html>",
    "cut off": lambda body: body[: len(body) // 2],
    "a list": lambda body: b"[]",
    "another member's": _spoilt(lambda found: found.update(user_id="bob")),
    "another member's document": _spoilt(_day_of_another),
    "another source's": _spoilt(lambda found: found.update(provider="sahha")),
    "other days": _spoilt(lambda found: found.update(start="2020-01-01")),
    "a day missing": _spoilt(lambda found: found["days"].pop()),
    "a field missing": _spoilt(lambda found: found.pop("connection")),
    "a section missing": _spoilt(lambda found: [d["document"].pop("sleep") for d in found["days"]]),
    "a section of another kind": _spoilt(lambda found: [d["document"].update(workouts="none") for d in found["days"]]),
    "an unknown state": _spoilt(lambda found: found["connection"].update(state="fine")),
    "metrics that are no numbers": _spoilt(lambda found: [d["metrics"].update(strain="much") for d in found["days"]]),
    "a text for a number": _in_each("recovery", "score", "47; drop"),
    "a truth for a number": _in_each("recovery", "score", True),
    "a number beyond all": _in_each("recovery", "hrv_rmssd_ms", 1e308),
    "a value that no metric can be made of": _in_each("cycle", "energy_kj", "much"),
    "a number for an instant": _in_each("sleep", "start_at", 7),
    "an unknown metric": _in_each("metrics", "nope", 1),
    "a metric beyond all": _in_each("metrics", "strain", 1e308),
    "a change in the future": _spoilt(lambda found: [d.update(changed_at="2199-01-01T00:00:00Z") for d in found["days"] if d["revision"]]),
    "a success in the future": _spoilt(
        lambda found: found["freshness"]["resources"]["sleep"].update(last_success_at="2199-01-01T00:00:00Z")
    ),
    "an instant without an offset": _spoilt(lambda found: found["connection"].update(connected_at="2026-01-01T00:00:00")),
}


@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_is_never_stored(joined: Pair, kind: str) -> None:
    before = await copied(joined)
    rows = "select day, revision, body from wearbase.day_document order by day"
    stored = await joined.near.world.rows(rows)

    async def spoil(request: httpx2.Request) -> httpx2.Response:
        request.headers.pop("if-none-match", None)
        answer = await httpx2.ASGITransport(joined.far.app).handle_async_request(request)
        body = await answer.aread()
        headers = {name: answer.headers[name] for name in ("etag", transport.AS_OF)}
        return httpx2.Response(200, headers=headers, content=GARBAGE[kind](body), request=request)

    joined.between(spoil)
    with structlog.testing.capture_logs() as logs:
        await stays(joined, before, "stale")
    assert await joined.near.world.rows(rows) == stored
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["service answer not used"]
    assert "bob" not in str(logs)
    joined.between(None)
    joined.later(seconds=6)
    await stays(joined, before, "ok")
    assert joined.remote.problem is None


async def test_an_older_answer_does_not_take_the_place_of_a_newer_one(joined: Pair) -> None:
    before = await copied(joined)
    as_of = joined.near.world.clock.now() - timedelta(seconds=45)

    async def late(request: httpx2.Request) -> httpx2.Response:
        request.headers.pop("if-none-match", None)
        answer = await httpx2.ASGITransport(joined.far.app).handle_async_request(request)
        body = orjson.loads(await answer.aread())
        body["days"] = [{**d, "revision": None, "metrics": {}} for d in body["days"]]
        headers = {"etag": '"late"', transport.AS_OF: as_of.isoformat()}
        return httpx2.Response(200, headers=headers, content=orjson.dumps(body), request=request)

    joined.between(late)
    await stays(joined, before, "ok")
    assert joined.remote.counts["dropped"] == 1


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"oops"), (502, b""), (503, b'{"error":{"code":"database_unavailable","message":"-"}}')]
)
async def test_a_service_that_is_not_well_counts_as_gone(joined: Pair, status: int, body: bytes) -> None:
    before = await copied(joined)

    async def ill(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, request=request)

    joined.between(ill)
    await stays(joined, before, "stale")
    assert joined.remote.breaker.failures == 1
