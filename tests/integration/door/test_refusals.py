"""A refusal leaves one line that lets an operator understand it: what, where, by whose credential and about whom, under the answer's id."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import structlog

from tests.integration.api.conftest import Service, serving
from tests.integration.api.test_consents import PAGE, code_for, start
from tests.integration.api.test_sessions import Browser, link_for
from tests.integration.api.test_webhooks import delivery, signed
from tests.integration.harness import Bench
from wearbase.access.users import name_for_logs
from wearbase.sync.visits import visit

DAY = "/api/v1/whoop/daily-data/annabel"
ANY_MEMBER, THE_KEY = "any member", "the key of the test"
Asking = Callable[[Service], Awaitable[httpx2.Response]]


async def _declined(service: Service) -> httpx2.Response:
    started = await start(service)
    return await service.get(PAGE, params={"state": started["state"], "error": "access_denied"}, headers={})


async def _read_key(service: Service, method: str, path: str) -> httpx2.Response:
    return await service.call(method, path, headers=await service.key("read"))


async def _failed_exchange(service: Service) -> httpx2.Response:
    started = await start(service)
    await code_for(service, started)
    form = {"state": started["state"], "code": "wrong", "decision": "agree"}
    return await service.post(PAGE, data=form, headers={"sec-fetch-site": "same-origin"})


async def _signed(body: bytes, service: Service) -> httpx2.Response:
    return await service.post("/v1/webhooks/whoop", content=body, headers=signed(service, body))


PREFERENCES = "/api/v1/users/annabel/preferences"
MALFORMED: list[tuple[bytes, dict[str, Any]]] = [
    (b"", {"reason": "empty", "field": None}),
    (b"{annabel", {"reason": "not_json", "field": None}),
    (b'{"user_id": NaN}', {"reason": "not_json", "field": None}),
    (b'"annabel\xff"', {"reason": "not_utf8", "field": None}),
    (b"[]", {"reason": "model_type", "field": None}),
    (delivery("annabel"), {"reason": "int_type", "field": "user_id"}),  # type: ignore[arg-type]
    (delivery(7, id="annabel"), {"field": "id"}),
    (delivery(7, trace_id=7), {"reason": "string_type", "field": "trace_id"}),
    (delivery(7, "annabel\0"), {"reason": "string_pattern_mismatch", "field": "type"}),
]
OF_DAY, RETURN = "/api/v1/{provider}/daily-data/{user_id}", "/auth/{provider}/callback"
# What is asked, the status and the route of the line, and what the line says besides; `user` is whose name the hash is of.
REFUSALS: list[tuple[Asking, int, str, dict[str, Any]]] = [
    (lambda s: s.get(DAY, headers={}), 401, OF_DAY, {"error": "unauthorized", "caller": None, "user": "annabel"}),
    (lambda s: s.get(DAY, headers=s.token("robert")), 403, OF_DAY, {"error": "forbidden", "caller": ANY_MEMBER, "user": "annabel"}),
    (
        lambda s: _read_key(s, "DELETE", "/api/v1/users/annabel"), 403, "/api/v1/users/{user_id}",
        {"error": "forbidden", "caller": THE_KEY, "scope": "erase", "user": "annabel"},
    ),
    (
        lambda s: _read_key(s, "GET", "/v1/oauth/authorize?user_id=annabel"), 403, "/v1/oauth/authorize",
        {"error": "forbidden", "caller": THE_KEY, "scope": "connect", "user": "annabel"},
    ),
    (lambda s: s.get("/annabel"), 404, "unmatched", {"error": "not_found"}),
    (
        lambda s: s.get("/api/v1/annabel/sync-status/annabel"), 404, "/api/v1/{provider}/sync-status/{user_id}",
        {"error": "not_found", "caller": "key:environment", "provider": None},
    ),
    (
        lambda s: s.post("/api/v1/whoop/sync/annabel"), 409, "/api/v1/{provider}/sync/{user_id}",
        {"error": "not_connected", "provider": "whoop", "user": "annabel"},
    ),
    (
        lambda s: s.post("/v1/pull/annabel", content=b"x" * 1_100_000), 413, "/v1/pull/{user_id}",
        {"error": "body_too_large", "caller": "key:environment", "user": "annabel"},
    ),
    (lambda s: s.get(DAY + "?date=annabel"), 422, OF_DAY, {"error": "invalid_field", "field": "date", "provider": "whoop"}),
    (
        lambda s: s.post("/v1/webhooks/whoop", content=b"annabel", headers={}), 401, "/v1/webhooks/{provider}",
        {"error": "bad_signature", "provider": "whoop"},
    ),
    *(
        (partial(_signed, body), 400, "/v1/webhooks/{provider}", {"error": "malformed_delivery", "provider": "whoop", **said})
        for body, said in MALFORMED
    ),
    (
        lambda s: s.call("PUT", PREFERENCES, json={"annabel": 1}), 422, "/api/v1/users/{user_id}/preferences",
        {"error": "invalid_field", "field": "body"},
    ),
    (
        lambda s: s.call("PUT", PREFERENCES, json={"units": {"annabel": 1}}), 422, "/api/v1/users/{user_id}/preferences",
        {"error": "invalid_field", "field": "units"},
    ),
    (lambda s: s.get(PAGE + "?state=annabel&code=c", headers={}), 400, RETURN, {"error": "unknown_state"}),
    (_declined, 200, RETURN, {"error": "consent_denied", "user": "ann", "provider": "whoop"}),
    (_failed_exchange, 400, RETURN, {"error": "consent_denied", "user": "ann", "provider": "whoop"}),
]  # fmt: skip


async def test_every_refusal_is_a_line_that_says_why_where_by_whom_and_about_whom(world: Bench) -> None:
    async with serving(world) as service:
        for ask, status, route, said in REFUSALS:
            with structlog.testing.capture_logs() as logs:
                answer = await ask(service)
            assert answer.status_code == status, (route, answer.text)
            line = next(e for e in logs if e["event"] == "request" and e["request_id"] == answer.headers["x-request-id"])
            expected = {"route": route, "status": status, **said}
            if "user" in said:
                expected["user"] = name_for_logs(world.engine.keys, said["user"])
            if said.get("caller") == THE_KEY:
                expected["caller"] = f"key:{(await service.services.keys.list())[0].prefix}"
            if said.get("caller") == ANY_MEMBER:
                assert str(expected.pop("caller") and line["caller"]).startswith("member:")
            assert {name: line.get(name) for name in expected} == expected
            own = [e for e in logs if e["event"] not in ("request", "api_calls")]
            assert {e.get("request_id") for e in own} <= {line["request_id"]}, own
            assert "annabel" not in json.dumps(logs, default=str)


async def test_what_names_nobody_is_a_line_of_whom_it_concerned(world: Bench) -> None:
    async with serving(world) as service:
        started, link = await start(service), await link_for(service)
        code = await code_for(service, started)
        with structlog.testing.capture_logs() as logs:
            done = await service.post("/v1/oauth/callback", json={"code": code, "state": started["state"]})
            ann = Browser(service)
            await ann.sign_in(link)
            await ann.call("GET", "/app/opening")
        assert done.status_code == 200
        name = name_for_logs(world.engine.keys, "ann")
        assert [(e["route"], e["user"]) for e in logs if e["event"] == "request"] == [
            ("/v1/oauth/callback", name), ("/app/session", name), ("/app/opening", name),
        ]  # fmt: skip


async def test_a_visit_that_a_defect_breaks_off_names_the_request_behind_it(world: Bench, monkeypatch: Any) -> None:
    async with serving(world) as service:
        await service.connected()
        await world.step(minutes=2, webhooks=False)
        asked = await service.post("/api/v1/whoop/sync/ann?wait=false")

        async def broken(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(visit, "_serve", broken)
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
            await world.one()
    line = next(e for e in logs if e["event"] == "visit broken off")
    assert line["requests"] == [asked.headers["x-request-id"]]
    assert "visit failed" in {e["event"] for e in logs}
