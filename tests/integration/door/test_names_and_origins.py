"""By which name we are called, from which pages, and what every refusal at the door looks like."""

import pytest
import structlog

from tests.integration.api.conftest import Service, problem, serving
from tests.integration.door.conftest import guarded
from tests.integration.harness import Bench

DAY = "/api/v1/whoop/daily-data/ann"
APP = "https://app.example"
HOSTS = frozenset({"wear.example", "127.0.0.1"})


async def test_another_name_is_refused_everywhere_but_for_probes(world: Bench) -> None:
    async with guarded(world, hosts=HOSTS) as service:
        for path in (DAY, "/app", "/ops", "/metrics", "/nothing", "/auth/whoop/callback", "/openapi.json"):
            answer = await service.get(path, headers={"host": "evil.example"})
            problem(answer, 421, "wrong_host")
            assert "evil" not in answer.text
        for path in ("/health/live", "/health/ready"):
            assert (await service.get(path, headers={"host": "10.0.0.7:8000"})).status_code == 200
        assert (await service.get(DAY)).status_code == 200
        problem(await service.post("/v1/webhooks/whoop", content=b"{}", headers={"host": "evil.example"}), 421, "wrong_host")


async def test_a_wrong_name_is_in_the_log_without_being_repeated(world: Bench) -> None:
    async with guarded(world, hosts=HOSTS) as service:
        with structlog.testing.capture_logs() as logs:
            await service.get(DAY, headers={"host": "evil.example"})
    line = next(e for e in logs if e["event"] == "request")
    assert (line["status"], line["error"], line["route"]) == (421, "wrong_host", "unmatched")
    assert "evil" not in str(logs)


@pytest.mark.parametrize("path", [DAY, "/nothing", "/app", "/health/live"])
async def test_security_headers_are_on_what_the_door_refuses_too(world: Bench, path: str) -> None:
    async with guarded(world, hosts=frozenset({"wear.example"})) as service:
        answer = await service.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


async def test_no_page_of_another_origin_is_told_anything(world: Bench) -> None:
    async with serving(world) as service:
        for origin in (APP, "null", "http://127.0.0.1:8000"):
            answer = await service.get(DAY, headers={**service.token("ann"), "origin": origin})
            assert not [name for name in answer.headers if name.startswith("access-control")]
            asked = await preflight(service, origin)
            assert asked.status_code == 405
            assert not [name for name in asked.headers if name.startswith("access-control")]


async def test_a_named_origin_may_and_only_that_exactly(world: Bench) -> None:
    async with guarded(world, cors_origins=(APP,)) as service:
        answer = await service.get(DAY, headers={**service.token("ann"), "origin": APP})
        assert answer.headers["access-control-allow-origin"] == APP
        assert "access-control-allow-credentials" not in answer.headers
        assert "etag" in answer.headers["access-control-expose-headers"].lower()
        assert "origin" in answer.headers["vary"].lower()
        refused = await service.get(DAY, headers={"origin": APP})
        problem(refused, 401)
        assert refused.headers["access-control-allow-origin"] == APP
        asked = await preflight(service, APP)
        assert asked.status_code == 200
        assert "authorization" in asked.headers["access-control-allow-headers"].lower()
        assert "x-api-key" not in asked.headers["access-control-allow-headers"].lower()
        for origin in (f"{APP}.evil.example", "http://app.example", f"{APP}:8443", "https://APP.example", "null"):
            assert not [n for n in (await preflight(service, origin)).headers if n.startswith("access-control")]
            assert not [n for n in (await service.get(DAY, headers={"origin": origin})).headers if n.startswith("access-control")]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"method": "PATCH"}, "Access-Control-Request-Method"),
        ({"headers": "authorization, x-api-key"}, "Access-Control-Request-Headers"),
        ({"private-network": "true"}, "Access-Control-Request-Private-Network"),
    ],
)
async def test_a_refused_preflight_says_why_as_every_refusal_does(world: Bench, wanted: dict[str, str], field: str) -> None:
    async with guarded(world, cors_origins=(APP,)) as service:
        with structlog.testing.capture_logs() as logs:
            answer = await preflight(service, APP, **wanted)
    problem(answer, 400, "preflight_refused")
    assert answer.json()["error"]["details"][0]["field"] == field
    assert "access-control-allow-methods" not in answer.headers
    line = next(e for e in logs if e["event"] == "request")
    assert (line["method"], line["status"], line["error"], line["field"]) == ("OPTIONS", 400, "preflight_refused", field)


async def preflight(service: Service, origin: str, **wanted: str):
    asked = {"method": "GET", "headers": "authorization", **wanted}
    headers = {"origin": origin, **{f"access-control-request-{name}": value for name, value in asked.items()}}
    return await service.call("OPTIONS", DAY, headers=headers)


async def test_with_an_address_of_their_own_the_metrics_are_not_told_here(world: Bench) -> None:
    async with guarded(world, has_own_metrics=True) as service:
        problem(await service.get("/metrics", headers=await service.key("ops")), 404, "not_found")
        assert "/metrics" not in (await service.get("/openapi.json")).json()["paths"]
