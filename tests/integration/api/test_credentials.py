"""Every route × every kind of credential × own and other user; and no route without a rule."""

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Route

from tests.integration.api.conftest import SCOPES, Service, problem
from wearbase.access.caller import Rule
from wearbase.access.caller import service as service_rule

# method, path, who ("member": a key with the scope or the member; "service": only a key), scope, body
ROUTES: list[tuple[str, str, str, str, Any]] = [
    ("POST", "/api/v1/whoop/connect/ann", "member", "connect", None),
    ("DELETE", "/api/v1/whoop/connect/ann", "member", "connect", None),
    ("GET", "/api/v1/whoop/daily-data/ann?date=2026-11-17", "member", "read", None),
    ("GET", "/api/v1/whoop/days/ann?start=2026-11-10&end=2026-11-12", "member", "read", None),
    ("POST", "/api/v1/whoop/sync/ann", "member", "sync", {}),
    ("GET", "/api/v1/whoop/sync-status/ann", "member", "read", None),
    ("GET", "/api/v1/health/ann?date=2026-11-17", "member", "read", None),
    ("GET", "/api/v1/health/ann?days=3", "member", "read", None),
    ("GET", "/api/v1/health/sources/ann", "member", "read", None),
    ("GET", "/api/v1/trends/ann?metric=strain&start=2026-11-10&end=2026-11-12", "member", "read", None),
    ("GET", "/api/v1/app/ann/day", "member", "read", None),
    ("GET", "/api/v1/app/ann/month?month=2026-11", "member", "read", None),
    ("GET", "/api/v1/app/ann/workouts", "member", "read", None),
    ("GET", "/api/v1/users/ann/preferences", "member", "read", None),
    ("PUT", "/api/v1/users/ann/preferences", "member", "connect", {"units": {"energy": "kj"}}),
    ("POST", "/api/v1/users/ann/token", "service", "connect", None),
    ("POST", "/api/v1/users/ann/link", "service", "connect", None),
    ("GET", "/api/v1/users/ann/export", "member", "read", None),
    ("DELETE", "/api/v1/users/ann", "member", "erase", {"confirm": "ann"}),
    ("GET", "/v1/oauth/authorize?user_id=ann", "member", "connect", None),
    ("POST", "/v1/oauth/callback", "member", "connect", {"code": "c", "state": "unknown-state"}),
    ("DELETE", "/v1/oauth/disconnect?user_id=ann&provider=whoop", "member", "connect", None),
    ("GET", "/v1/data/ann/recovery", "member", "read", None),
    ("GET", "/v1/data/ann/sleep/some-id", "member", "read", None),
    ("GET", "/v1/data/ann/profile", "member", "read", None),
    ("POST", "/v1/pull/ann", "member", "sync", {}),
    ("GET", "/internal/data/days/ann?start=2026-11-10&end=2026-11-12", "service", "read", None),
    ("GET", "/internal/data/sleep/ann", "service", "read", None),
    ("POST", "/internal/auth/connect/ann", "service", "connect", None),
    ("GET", "/internal/auth/status/ann", "service", "read", None),
    ("GET", "/metrics", "service", "ops", None),
    ("GET", "/api/v1/ops/summary", "service", "ops", None),
    ("GET", "/api/v1/ops/failing", "service", "ops", None),
    ("GET", "/api/v1/ops/members?state=stale", "service", "ops", None),
    ("GET", "/api/v1/ops/parked/1", "service", "ops", None),
    ("GET", "/api/v1/ops/audit", "service", "ops", None),
    ("POST", "/api/v1/ops/retry", "service", "ops", {}),
    ("GET", "/ops/session", "service", "ops", None),
]
WITHOUT_USER = {
    "/metrics",
    "/v1/oauth/callback",
    "/ops/session",
    *(f"/api/v1/ops/{name}" for name in ("summary", "failing", "members", "audit")),
}
WITHOUT_USER |= {"/api/v1/ops/parked/1", "/api/v1/ops/retry"}
# Not refused: answered, or refused for what was asked rather than for who asked.
LET_IN = {200, 202, 400, 404, 409}


def ids(route: Any) -> str:
    return f"{route[0]} {route[1].partition('?')[0]}" if isinstance(route, tuple) else str(route)


@pytest.mark.parametrize("route", ROUTES, ids=ids)
async def test_nobody_gets_in_without_a_good_credential(service: Service, route: Any) -> None:
    method, path, _, _, body = route
    bad = [
        {},
        {"x-api-key": ""},
        {"x-api-key": "wb_abcdefgh_" + "x" * 43},
        {"authorization": "Bearer "},
        {"authorization": "Bearer not.a.token"},
        {"authorization": "Basic YTpi"},
        {"x-api-key": "wrong", **service.token("ann")},
        {"authorization": service.token("ann", minutes=-1)["authorization"]},
    ]
    for headers in bad:
        error = problem(await service.call(method, path, headers=headers, json=body), 401, "unauthorized")
        assert "ann" not in error["message"]


@pytest.mark.parametrize("route", ROUTES, ids=ids)
async def test_a_key_needs_the_scope_and_no_other(service: Service, route: Any) -> None:
    method, path, _, scope, body = route
    others = [s for s in SCOPES if s != scope]
    problem(await service.call(method, path, headers=await service.key(*others), json=body), 403, "forbidden")
    answer = await service.call(method, path, headers=await service.key(scope), json=body)
    assert answer.status_code in LET_IN, answer.text


@pytest.mark.parametrize("route", ROUTES, ids=ids)
async def test_a_member_is_good_for_nobody_else(service: Service, route: Any) -> None:
    method, path, who, _, body = route
    own = await service.call(method, path, headers=service.token("ann"), json=body)
    if who == "service":
        problem(own, 403, "forbidden")
    else:
        assert own.status_code in LET_IN, own.text
    if path.partition("?")[0] not in WITHOUT_USER:
        for stranger in ("bob", "Ann", "ann2", "an"):
            problem(await service.call(method, path, headers=service.token(stranger), json=body), 403, "forbidden")


async def test_every_route_of_the_list_is_there_and_none_is_missing(service: Service) -> None:
    open_paths = {"/health/live", "/health/ready", "/openapi.json", "/docs", "/v1/webhooks/{provider}"}
    open_paths |= {"/auth/{provider}/callback", "GET /v1/oauth/callback"}
    open_paths |= {"/app", "/app/{path}", "/app/v/{version}/{path}", "/ops", "/app/session/peek"}
    open_paths |= {"/app/session", "/app/opening"}  # a session's own: test_sessions.py
    open_paths |= {"/api/v1/stream/{user_id}", "/api/v1/ops/stream"}  # they stay open: integration/live
    open_paths |= {"POST /ops/session", "DELETE /ops/session"}  # an operator's own: integration/live/test_operator.py
    found = {(method, path) for method, path, _ in walk(service.app)}
    missed = []
    for method, path in found:
        pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))
        tested = any(m == method and pattern.fullmatch(p.partition("?")[0]) for m, p, *_ in ROUTES)
        if not tested and path not in open_paths and f"{method} {path}" not in open_paths:
            missed.append((method, path))
    assert not missed


async def test_every_route_declares_who_may_call_it(service: Service) -> None:
    rules = {(method, path): rule for method, path, rule in walk(service.app)}
    assert len(rules) > 20
    assert all(isinstance(rule, Rule) for rule in rules.values()), [r for r, rule in rules.items() if not isinstance(rule, Rule)]
    # Whoever is not asked for a credential is named here.
    assert {key for key, rule in rules.items() if rule.by == "open"} == {
        ("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/v1/oauth/callback"),
        ("GET", "/auth/{provider}/callback"), ("POST", "/auth/{provider}/callback"),
        ("GET", "/app"), ("GET", "/app/{path}"), ("GET", "/app/v/{version}/{path}"), ("GET", "/ops"),
        ("POST", "/app/session"), ("POST", "/app/session/peek"), ("POST", "/ops/session"),
        ("GET", "/app/opening"),  # answers a session's own member, and says so where there is none
    }  # fmt: skip
    assert {key for key, rule in rules.items() if rule.by == "signature"} == {("POST", "/v1/webhooks/{provider}")}
    assert all(rule.by == "service" for (_, path), rule in rules.items() if path.startswith("/internal") or path == "/metrics")
    assert all(rule == service_rule("ops") for (_, path), rule in rules.items() if path.startswith("/api/v1/ops/"))


def test_a_route_without_a_rule_cannot_be_made() -> None:
    from wearbase.api.routing import GuardedRoute

    async def endpoint() -> None: ...

    with pytest.raises(AttributeError):
        GuardedRoute("/x", endpoint)


async def test_a_second_user_id_in_the_query_is_refused(service: Service) -> None:
    for path in ("/v1/oauth/authorize?user_id=ann&user_id=bob", "/v1/oauth/authorize?user_id=bob&user_id=ann"):
        problem(await service.get(path, headers=service.token("ann")), 403, "forbidden")
        problem(await service.get(path), 422, "invalid_field", "user_id")


async def test_a_revoked_key_is_refused_and_an_expired_one(service: Service) -> None:
    made = await service.services.keys.create("short", ["read"], service.world.clock.now() + timedelta(hours=1))
    headers = {"x-api-key": made.secret}
    assert (await service.get("/api/v1/whoop/sync-status/ann", headers=headers)).status_code == 200
    service.world.clock.advance(timedelta(hours=1))
    problem(await service.get("/api/v1/whoop/sync-status/ann", headers=headers), 401)
    headers = await service.key("read")
    assert (await service.get("/api/v1/whoop/sync-status/ann", headers=headers)).status_code == 200
    await service.services.keys.revoke(headers["x-api-key"].split("_")[1])
    problem(await service.get("/api/v1/whoop/sync-status/ann", headers=headers), 401)


async def test_the_environments_key_has_neither_erase_nor_ops(service: Service) -> None:
    problem(await service.delete("/api/v1/users/ann"), 403, "forbidden")
    problem(await service.get("/metrics"), 403, "forbidden")
    problem(await service.delete("/api/v1/whoop/connect/ann?data=erase"), 403, "forbidden")


async def test_a_member_erases_only_after_signing_in_again_and_repeating_the_id(service: Service) -> None:
    token = service.token("ann")
    problem(await service.delete("/api/v1/users/ann", headers=token), 422, "invalid_field", "confirm")
    problem(await service.call("DELETE", "/api/v1/users/ann", headers=token, json={"confirm": "bob"}), 422, "invalid_field", "confirm")
    service.world.clock.advance(timedelta(minutes=11))
    problem(await service.call("DELETE", "/api/v1/users/ann", headers=token, json={"confirm": "ann"}), 403, "sign_in_again")
    answer = await service.call("DELETE", "/api/v1/users/ann", headers=service.token("ann"), json={"confirm": "ann"})
    at = service.world.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    receipt = {"user_id": "ann", "erased": True, "days": 0, "records": 0, "at": at, "revoked": None}
    assert answer.json() == {**receipt, "connections_ended": 0, "revocations_pending": 0}


async def test_a_token_made_over_http_is_that_members(service: Service) -> None:
    made = (await service.post("/api/v1/users/ann/token", json={"expires_in_s": 120})).json()
    assert made["expires_in"] == 120
    headers = {"authorization": f"Bearer {made['token']}"}
    assert (await service.get("/api/v1/whoop/sync-status/ann", headers=headers)).status_code == 200
    problem(await service.get("/api/v1/whoop/sync-status/bob", headers=headers), 403)
    service.world.clock.advance(timedelta(seconds=121))
    problem(await service.get("/api/v1/whoop/sync-status/ann", headers=headers), 401)
    for seconds in (0, -1, 86_401, "x"):
        problem(await service.post("/api/v1/users/ann/token", json={"expires_in_s": seconds}), 422, "invalid_field", "expires_in_s")


def walk(app: Any) -> list[tuple[str, str, Any]]:
    """Method, path and rule of every route there is."""
    found = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        assert isinstance(route, Route), f"a route of another kind: {route}"
        rule = getattr(route, "rule", None) or getattr(route.endpoint, "rule", None)
        found += [(method, route.path_format, rule) for method in (route.methods or ()) if method != "HEAD"]
    return found
