"""No route without a rule; keys and tokens that end; what needs a fresh sign-in. Who is let in where: integration/attacks."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Route

from tests.integration.api.conftest import Service, problem
from wearbase.access.caller import Rule
from wearbase.access.caller import service as service_rule


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
    for path in (
        "/api/v1/whoop/daily-data/ann",
        "/api/v1/health/ann",
        "/api/v1/whoop/sync-status/ann",
        "/v1/data/ann/sleep?provider=whoop",
    ):
        more = f"{path}{'&' if '?' in path else '?'}user_id="
        problem(await service.get(f"{more}bob", headers=service.token("ann")), 403, "forbidden")
        problem(await service.get(f"{more}bob"), 422, "invalid_field", "user_id")
        assert (await service.get(f"{more}ann", headers=service.token("ann"))).status_code == 200


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


async def test_a_token_may_what_the_key_that_made_it_may_and_no_more(service: Service) -> None:
    made = (await service.post("/api/v1/users/ann/token", headers=await service.key("read", "connect", "erase"))).json()
    assert made["scopes"] == ["read", "connect"]
    headers = {"authorization": f"Bearer {made['token']}"}
    assert (await service.get("/api/v1/whoop/sync-status/ann", headers=headers)).status_code == 200
    error = problem(await service.post("/api/v1/whoop/sync/ann", headers=headers), 403, "forbidden")
    assert error["message"] == "This needs the scope sync."
    error = problem(await service.get("/api/v1/users/ann/export", headers=headers), 403, "forbidden")
    assert error["message"] == "This is for the member in full: this token lacks sync."
    problem(await service.call("DELETE", "/api/v1/users/ann", headers=headers, json={"confirm": "ann"}), 403, "forbidden")
    problem(await service.delete("/api/v1/whoop/connect/ann?data=erase", headers=headers), 403, "forbidden")
    alone = (await service.post("/api/v1/users/ann/token", headers=await service.key("connect"))).json()
    headers = {"authorization": f"Bearer {alone['token']}"}
    for path in ("/api/v1/whoop/sync-status/ann", "/api/v1/stream/ann", "/v1/data/ann/profile"):
        problem(await service.get(path, headers=headers), 403, "forbidden")
    assert (await service.post("/api/v1/whoop/connect/ann", headers=headers)).status_code == 200


async def test_members_of_a_backend_without_erase_erase_themselves(service: Service) -> None:
    made = (await service.post("/api/v1/users/ann/token")).json()
    assert made["scopes"] == ["read", "sync", "connect"]
    headers = {"authorization": f"Bearer {made['token']}"}
    assert (await service.get("/api/v1/users/ann/export", headers=headers)).status_code == 200
    answer = await service.call("DELETE", "/api/v1/users/ann", headers=headers, json={"confirm": "ann"})
    assert (answer.status_code, answer.json()["erased"]) == (200, True)


def walk(app: Any) -> list[tuple[str, str, Any]]:
    """Method, path and rule of every route there is."""
    found = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        assert isinstance(route, Route), f"a route of another kind: {route}"
        rule = getattr(route, "rule", None) or getattr(route.endpoint, "rule", None)
        found += [(method, route.path_format, rule) for method in (route.methods or ()) if method != "HEAD"]
    return found
