"""How often one may ask: services by key, members by id, guessers by address, providers by themselves."""

import asyncio
import json
from typing import Any

import pytest
import structlog

from tests.integration.api.conftest import ENV_KEY, Service, problem
from tests.integration.api.test_sessions import Browser, link_for
from tests.integration.api.test_webhooks import HOOK, delivery, inbox, signed
from tests.integration.door.conftest import guarded
from tests.integration.harness import Bench

DAY = "/api/v1/whoop/daily-data/ann"
OPENING = "/app/opening"
STATUS = "/api/v1/whoop/sync-status/ann"
BAD = {"x-api-key": "no-such-key-of-anybody"}


def from_address(service: Service, address: str) -> None:
    service.client._transport.client = (address, 1)  # type: ignore[attr-defined]


async def statuses(service: Service, path: str, times: int, **headers: dict[str, str]) -> list[int]:
    return [(await service.get(path, **headers)).status_code for _ in range(times)]


async def test_a_service_key_that_asks_too_often_is_told_when_to_come_back(world: Bench) -> None:
    async with guarded(world, requests_per_key=2) as service:
        assert await statuses(service, DAY, 2) + await statuses(service, STATUS, 2) == [200] * 4
        answer = await service.get(DAY)
        problem(answer, 429, "too_many_requests")
        assert answer.headers["retry-after"] == "1"
        problem(await service.get(STATUS), 429, "too_many_requests")
        other = await service.key("read")
        assert (await service.get(DAY, headers=other)).status_code == 200
        assert (await service.get(DAY, headers=service.token("ann"))).status_code == 200


async def test_a_member_has_one_pace_for_all_tokens_and_another_member_another(world: Bench) -> None:
    async with guarded(world, requests_per_member=1) as service:
        for minutes in (15, 16):
            assert (await service.get(DAY, headers=service.token("ann", minutes))).status_code == 200
        problem(await service.get(DAY, headers=service.token("ann", 17)), 429, "too_many_requests")
        assert (await service.get("/api/v1/whoop/daily-data/bob", headers=service.token("bob"))).status_code == 200
        assert await statuses(service, DAY, 5) == [200] * 5


async def test_who_comes_by_a_proxy_of_ours_is_counted_by_their_own_address(world: Bench) -> None:
    async with guarded(world, failures_per_address=1, proxies=("10.0.0.0/8",)) as service:
        from_address(service, "::ffff:10.0.0.7")
        guess = {**BAD, "x-forwarded-for": "198.51.100.1, 192.0.2.1, 10.0.0.9"}
        assert await statuses(service, DAY, 3, headers=guess) == [401, 401, 429]
        assert await statuses(service, DAY, 1, headers={**BAD, "x-forwarded-for": "192.0.2.1, 192.0.2.2"}) == [401]
        from_address(service, "192.0.2.3")
        forging = {**BAD, "x-forwarded-for": "192.0.2.4"}
        assert await statuses(service, DAY, 2, headers=forging) + await statuses(service, DAY, 1, headers=BAD) == [401, 401, 429]


async def test_an_opening_of_the_app_is_a_read_of_its_member_and_a_wrong_cookie_a_guess(world: Bench) -> None:
    async with guarded(world, requests_per_member=2, failures_per_address=1) as service:
        ann = Browser(service)
        await ann.sign_in(await link_for(service))
        assert [(await ann.call("GET", OPENING)).status_code for _ in range(5)] == [200] * 4 + [429]
        await service.services.readers.close()
        reads = "select credential, sum(count)::int as n from wearbase.audit where action = 'read' and route = %s group by 1"
        assert [(f["credential"].partition(":")[0], f["n"]) for f in await world.rows(reads, OPENING)] == [("session", 4)]
        guesser = ann.holding("0" * 32 + ann.cookie[32:])
        assert [(await guesser.call("GET", OPENING)).status_code for _ in range(3)] == [200, 200, 429]
        nobody = Browser(service)
        nobody.client._transport.client = ("192.0.2.8", 1)  # type: ignore[attr-defined]
        assert [(await nobody.call("GET", OPENING)).status_code for _ in range(4)] == [200] * 4


async def test_guessing_is_slowed_and_a_right_guess_is_not_looked_at(world: Bench) -> None:
    async with guarded(world, failures_per_address=2) as service:
        from_address(service, "192.0.2.7")
        assert await statuses(service, DAY, 6, headers=BAD) == [401] * 4 + [429] * 2
        answer = await service.get(DAY)  # a good key that nobody has used in this process
        problem(answer, 429, "too_many_requests")
        assert int(answer.headers["retry-after"]) >= 1
        from_address(service, "192.0.2.8")
        assert (await service.get(DAY)).status_code == 200


async def test_who_shares_the_address_of_a_guesser_is_not_shut_out(world: Bench) -> None:
    async with guarded(world, failures_per_address=2) as service:
        from_address(service, "192.0.2.7")
        assert await statuses(service, DAY, 1) == [200]
        assert 429 in await statuses(service, DAY, 6, headers=BAD)
        assert await statuses(service, DAY, 3) == [200] * 3


async def test_an_address_over_its_failures_still_gets_all_that_needs_no_credential(world: Bench) -> None:
    async with guarded(world, failures_per_address=2, cors_origins=("https://app.example",)) as service:
        account = await service.connected()
        from_address(service, "192.0.2.7")
        assert 429 in await statuses(service, DAY, 6, headers=BAD)
        for path in ("/health/live", OPENING):
            assert await statuses(service, path, 1, headers={}) == [200]
        ready = await service.get("/health/ready")  # a good key, which is not looked at
        assert (ready.status_code, "reasons" in ready.json()) == (200, False)
        body = delivery(account, trace_id="t-1")
        assert (await service.post(HOOK, content=body, headers=signed(service, body))).status_code == 204
        asked = {"origin": "https://app.example", "access-control-request-method": "GET"}
        assert (await service.call("OPTIONS", DAY, headers=asked)).status_code == 200
        for path in ("/app/session/peek", "/app/session"):
            said = {"x-wearbase": "app", "sec-fetch-site": "same-origin"}
            problem(await service.post(path, json={"link": "0" * 43}, headers=said), 429, "too_many_requests")
        problem(await service.get(DAY), 429, "too_many_requests")


async def test_guesses_beside_a_good_credential_of_ones_own_are_guesses(world: Bench) -> None:
    async with guarded(world, failures_per_address=2) as service:
        from_address(service, "192.0.2.7")
        own = service.token("ann")
        assert await statuses(service, DAY, 1, headers=own) == [200]
        assert await statuses(service, DAY, 6, headers={**BAD, **own}) == [401] * 4 + [429] * 2
        assert await statuses(service, DAY, 1, headers=own) == [200]


async def test_two_service_keys_at_once_are_refused(world: Bench) -> None:
    async with guarded(world, failures_per_address=2) as service:
        both = [("x-api-key", ENV_KEY), ("x-api-key", BAD["x-api-key"])]
        for headers in (both, both[::-1]):
            problem(await service.get(DAY, headers=headers), 401, "unauthorized")


async def test_guesses_where_readiness_is_asked_count_too(world: Bench) -> None:
    async with guarded(world, failures_per_address=2) as service:
        from_address(service, "192.0.2.7")
        assert await statuses(service, "/health/ready", 5, headers=BAD) == [200] * 5
        problem(await service.get(DAY), 429, "too_many_requests")


async def test_one_network_of_ipv6_is_one_address(world: Bench) -> None:
    async with guarded(world, failures_per_address=2) as service:
        found = []
        for number in range(6):
            from_address(service, f"2001:db8:0:1::{number:x}")
            found += await statuses(service, DAY, 1, headers=BAD)
        assert found == [401] * 4 + [429] * 2
        from_address(service, "2001:db8:0:2::1")
        assert await statuses(service, DAY, 1, headers=BAD) == [401]


async def test_every_refused_credential_counts_but_no_delivery(world: Bench) -> None:
    async with guarded(world, failures_per_address=2) as service:
        for _ in range(6):
            problem(await service.post(HOOK, content=b"{}", headers={}), 401, "bad_signature")
        assert len(service.services.pace._failures) == 0
        problem(await service.get(DAY, headers=service.token("bob")), 403)
        problem(await service.get(DAY, headers={"cookie": "wearbase=nothing"}), 401)
        problem(await service.get("/metrics", headers=service.token("ann")), 403)
        problem(await service.get(DAY, headers={}), 401)
        problem(await service.get(DAY, headers={}), 429)


async def test_a_flood_of_addresses_takes_no_more_memory(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarded(world, failures_per_address=2) as service:
        failures = service.services.pace._failures
        monkeypatch.setattr(failures, "_most", 50)
        for number in range(120):
            from_address(service, f"198.51.100.{number}")
            await service.get(DAY, headers=BAD)
        assert len(failures) == 50


async def test_deliveries_are_limited_for_each_provider_before_the_signature_and_nothing_is_lost(world: Bench) -> None:
    async with guarded(world, webhooks_per_second=2) as service:
        account = await service.connected()
        bodies = [delivery(account, trace_id=f"t-{n}") for n in range(5)]
        answers = []
        for number, body in enumerate(bodies):
            from_address(service, f"192.0.2.{number}")
            answers.append(await service.post(HOOK, content=body, headers=signed(service, body)))
        assert [a.status_code for a in answers] == [204] * 4 + [503]
        problem(answers[-1], 503, "too_many_deliveries")
        assert answers[-1].headers["retry-after"] == "1"
        problem(await service.post(HOOK, content=b"{}", headers={}), 503, "too_many_deliveries")  # no signature was looked at
        service.services.turns._paces._clock = lambda: 1_002.0
        assert (await service.post(HOOK, content=bodies[4], headers=signed(service, bodies[4]))).status_code == 204
        assert len(await inbox(service)) == 5


async def test_so_many_deliveries_are_in_work_at_once_and_no_more(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow(*_: Any) -> None:
        begun.release()
        await go_on.wait()

    async with guarded(world, webhooks_at_once=2) as service:
        monkeypatch.setattr(service.services.receiver, "receive", slow)
        waiting = [asyncio.create_task(service.post(HOOK, content=b"{}", headers={})) for _ in range(2)]
        for _ in waiting:
            await begun.acquire()
        problem(await service.post(HOOK, content=b"{}", headers={}), 503, "too_many_deliveries")
        go_on.set()
        assert [(await task).status_code for task in waiting] == [204, 204]
        assert (await service.post(HOOK, content=b"{}", headers={})).status_code == 204


async def test_the_log_and_the_metrics_say_who_was_refused_and_why(world: Bench) -> None:
    async with guarded(world, requests_per_key=1, failures_per_address=1) as service:
        ops = await service.key("ops")
        with structlog.testing.capture_logs() as logs:
            await service.get("/metrics", headers=ops)
        assert [e["caller"] for e in logs if e["event"] == "request"] == [f"key:{ops['x-api-key'].split('_')[1]}"], (
            "as wear keys list shows it"
        )
        from_address(service, "192.0.2.7")
        with structlog.testing.capture_logs() as logs:
            await statuses(service, DAY, 5)
            await statuses(service, DAY, 5, headers={"x-api-key": "guess-of-somebody"})
        refused = [e for e in logs if e["event"] == "request" and e.get("limit")]
        assert [(e["limit"], e["status"], e["error"], e.get("network")) for e in refused] == [
            ("key", 429, "too_many_requests", None), ("address", 429, "too_many_requests", "192.0.2.7"),
        ]  # fmt: skip
        assert refused[0]["caller"] == "key:environment"
        text = json.dumps(logs, default=str)
        assert "guess" not in text
        assert ENV_KEY not in text
        from_address(service, "192.0.2.8")
        metrics = (await service.get("/metrics", headers=ops)).text
        assert 'wearbase_door_refused_total{reason="limit_key"} 3.0' in metrics
        assert 'wearbase_door_refused_total{reason="limit_address"} 3.0' in metrics
