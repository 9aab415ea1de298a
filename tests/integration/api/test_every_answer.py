"""What every answer has: an id, security headers, one error body; a log that tells no secrets; health and documents."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from starlette.exceptions import HTTPException

from tests.integration.api.conftest import Service, problem, serving
from tests.integration.api.test_credentials import walk
from wearbase.access.users import name_for_logs
from wearbase.api.middleware import BodyLimit
from wearbase.domain.errors import DatabaseUnavailable, ErasedMeanwhile, RateLimited
from wearbase.read.archive import Archive
from wearbase.store.sealing import SealBroken


async def test_security_headers_are_on_every_kind_of_answer(service: Service) -> None:
    for path in ("/health/live", "/api/v1/whoop/daily-data/ann", "/nothing", "/auth/whoop/callback", "/api/v1/whoop/daily-data/a%20b"):
        answer = await service.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "no-" in answer.headers["cache-control"]
        assert 12 <= len(answer.headers["x-request-id"]) <= 64


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        ("abc-123-DEF-4", False), ("ann-CANARYID", False), ("robin-surname", False), ("deadbeef-health-72bpm", False),
        ("0000000000-72", False), ("00f067aa0ba902b7", True), ("123e4567-e89b-12d3-a456-426614174000", True),
        ("4bf92f3577b34da6a3ce929d0e0e4736", True), ("01ARZ3NDEKTSV4RRFFQ69G5FAV", True), ("0a1b2c3d4e-1f", False),
        ("short", False), ("x" * 65, False), ("bad id here", False), ("a\tb-cdefgh", False), ("ann@example.org", False),
        ("49176123456789012", False), ("wb_k3v9x0aa_" + "x" * 43, False), ("x" * 43, False), ("a-token.of.ours", False),
        ("54.3-and-more", False),
    ],
)  # fmt: skip
async def test_a_sane_request_id_is_kept(service: Service, given: str, is_taken: bool) -> None:
    answer = await service.get("/health/live", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) is is_taken


async def test_an_id_that_is_the_callers_own_secret_or_in_the_address_is_not_kept(service: Service) -> None:
    secret = "4bf92f3577b34da6a3ce929d0e0e4736"
    for headers in ({"x-api-key": secret}, {"authorization": f"Bearer {secret}"}, {"cookie": f"wearbase={secret}"}):
        answer = await service.get("/health/live", headers={**headers, "x-request-id": secret})
        assert answer.headers["x-request-id"] != secret
    answer = await service.get(f"/api/v1/whoop/daily-data/{secret}?x=abcdefgh1", headers={"x-request-id": secret})
    assert answer.headers["x-request-id"] != secret


async def test_the_log_names_no_member_no_token_and_no_query(service: Service) -> None:
    await service.connected("ann.secretname")
    token = service.token("ann.secretname")
    with structlog.testing.capture_logs() as logs:
        await service.get("/api/v1/whoop/daily-data/ann.secretname?date=2026-11-17", headers=token)
        await service.get("/v1/oauth/authorize?user_id=ann.secretname", headers=token)
        await service.get("/auth/whoop/callback?code=secret-code&state=secret-state")
        await service.get("/nothing/ann.secretname?x=secret")
        await service.post("/v1/oauth/callback", json={"code": "secret-code", "state": "secret-state"})
    requests = [entry for entry in logs if entry["event"] == "request"]
    assert [(r["method"], r["route"], r["status"]) for r in requests] == [
        ("GET", "/api/v1/{provider}/daily-data/{user_id}", 200), ("GET", "/v1/oauth/authorize", 200),
        ("GET", "/auth/{provider}/callback", 400), ("GET", "unmatched", 404), ("POST", "/v1/oauth/callback", 400),
    ]  # fmt: skip
    text = json.dumps(logs, default=str)
    assert "secret" not in text
    assert token["authorization"].split(".")[1] not in text
    assert requests[0]["user"] == name_for_logs(service.world.engine.keys, "ann.secretname")


async def test_a_defect_tells_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("health value 42 of ann")

    monkeypatch.setattr(service.services.reader, "day", broken)
    with structlog.testing.capture_logs() as logs:
        error = problem(await service.get("/api/v1/whoop/daily-data/ann"), 500, "internal_error")
    assert "42" not in str(error)
    assert "health value" not in json.dumps(logs, default=str)
    assert next(e for e in logs if e["event"] == "defect")["error"] == "KeyError"


async def test_an_archive_that_an_erasure_breaks_off_is_no_defect_and_says_why(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> AsyncIterator[bytes]:
        yield b"PK"
        raise ErasedMeanwhile

    monkeypatch.setattr(Archive, "of", broken)
    with structlog.testing.capture_logs() as logs, pytest.raises(ConnectionAbortedError):
        await service.get("/api/v1/users/ann/export", headers=service.token("ann"))
    assert [e["error"] for e in logs if e["event"] == "answer broken off"] == ["erased_meanwhile"]
    assert not [e for e in logs if e["event"] == "defect"]


async def test_when_the_database_or_the_budget_is_gone_it_says_when_to_come_back(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [DatabaseUnavailable(), RateLimited(retry_at=None), SealBroken("the secret")]

    async def broken(*_: Any, **__: Any) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(service.services.reader, "day", broken)
    for code in ("database_unavailable", "rate_limited"):
        answer = await service.get("/api/v1/whoop/daily-data/ann")
        problem(answer, 503, code)
        assert int(answer.headers["retry-after"]) > 0
    assert "secret" not in str(problem(await service.get("/api/v1/whoop/daily-data/ann"), 500, "internal_error"))


async def test_a_body_over_a_mebibyte_is_refused_while_it_streams(service: Service) -> None:
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 64 * 1024 * 1024:
            sent += 65_536
            yield b" " * 65_536

    headers = {**(await service.key("sync")), "content-type": "application/json"}
    problem(await service.post("/api/v1/whoop/sync/ann", content=endless(), headers=headers), 413, "body_too_large")


async def test_the_wrong_method(service: Service) -> None:
    problem(await service.call("PUT", "/api/v1/whoop/sync-status/ann"), 405, "method_not_allowed")
    problem(await service.call("POST", "/api/v1/whoop/daily-data/ann"), 405, "method_not_allowed")


async def test_health_is_open_and_gives_reasons_only_to_a_key(service: Service) -> None:
    assert (await service.get("/health/live", headers={})).json() == {"status": "ok"}
    assert (await service.get("/health/ready", headers={})).json() == {"status": "ready", "demo": False}
    assert (await service.get("/health/ready", headers=service.token("ann"))).json() == {"status": "ready", "demo": False}
    told = (await service.get("/health/ready")).json()
    assert told["reasons"] == {"database": "usable", "worker": "none alive"}
    assert told["sources"] == ["whoop"]
    few = (await service.services.keys.create("few", ("read", "ops"))).secret
    assert (await service.get("/health/ready", headers={"x-api-key": few})).json()["scopes"] == ["ops", "read"]
    async with service.working():
        assert (await service.get("/health/ready")).json()["reasons"]["worker"] == "alive"


async def test_without_a_database_it_is_not_ready_but_alive(service: Service) -> None:
    await service.world.engine.db.close()
    assert (await service.get("/health/live", headers={})).status_code == 200
    answer = await service.get("/health/ready", headers={})
    assert answer.status_code == 503
    assert answer.json()["status"] == "not_ready"
    assert "retry-after" in answer.headers
    problem(await service.get("/api/v1/whoop/daily-data/ann?date=2026-11-17"), 503, "database_unavailable")
    problem(await service.get("/api/v1/whoop/daily-data/ann", headers={"x-api-key": "wb_x"}), 503, "database_unavailable")


async def test_metrics_name_routes_and_no_member(service: Service) -> None:
    await service.get("/api/v1/whoop/daily-data/ann.secretname")
    await service.get("/nothing/ann.secretname")
    text = (await service.get("/metrics", headers=await service.key("ops"))).text
    assert 'wearbase_http_requests_total{method="GET",route="/api/v1/{provider}/daily-data/{user_id}",status="200"} 1.0' in text
    assert 'route="unmatched"' in text
    assert "secretname" not in text


async def test_the_documents_are_open_only_in_development(service: Service) -> None:
    for path in ("/docs", "/openapi.json"):
        problem(await service.get(path, headers={}), 401)
        problem(await service.get(path, headers=service.token("ann")), 403)
        assert (await service.get(path)).status_code == 200
    async with serving(service.world, environment="development") as open_one:
        assert (await open_one.get("/openapi.json", headers={})).status_code == 200
        assert "<h1>wearbase" in (await open_one.get("/docs", headers={})).text


async def test_the_documentation_page_names_every_route_and_loads_nothing_from_anywhere(service: Service) -> None:
    page = await service.get("/docs")
    for path, operations in (await service.get("/openapi.json")).json()["paths"].items():
        for method in operations:
            assert f"<b>{method.upper()}</b><code>{path}</code>" in page.text
    assert not re.search(r"<script|<link|<img|src=|https?://|url\(|@import| on\w+=", page.text)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; frame-ancestors 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    style = re.search(r"<style>(.*?)</style>", page.text)
    assert style
    assert base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() in policy


async def test_the_document_describes_every_route(service: Service) -> None:
    document = (await service.get("/openapi.json")).json()
    described = {(method.upper(), path) for path, ops in document["paths"].items() for method in ops}
    pages = {"/auth/{provider}/callback", "/docs", "/openapi.json", "/app", "/app/{path}", "/app/v/{version}/{path}", "/ops"}
    there = {(m, p) for m, p, _ in walk(service.app) if p not in pages and (m, p) != ("GET", "/v1/oauth/callback")}
    assert described == there
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["tags"], path
            assert operation["description"], path
            assert "security" in operation, path
            assert len(operation["responses"]) >= 2, path
    assert set(document["components"]["securitySchemes"]) == {"ServiceKey", "MemberToken", "MemberSession", "ProviderSignature"}


async def test_a_body_that_announces_too_much_is_not_read_at_all() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def receive() -> Any:
        raise AssertionError("read")

    scope = {"type": "http", "method": "POST", "path": "/v1/webhooks/whoop", "headers": [(b"content-length", b"65537")]}
    with pytest.raises(HTTPException) as refused:
        await BodyLimit(app, webhooks={"whoop": 64 * 1024})(scope, receive, None)  # type: ignore[arg-type]
    assert refused.value.status_code == 413
