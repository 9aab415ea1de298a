"""The audit trail over HTTP: every route that changes something writes a line, reads are counted, nobody is named."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx2
import structlog

from tests.integration.api.conftest import BASE, ENV_KEY, Service, problem
from tests.integration.api.test_consents import PAGE, code_for, start
from tests.integration.api.test_credentials import walk
from tests.integration.api.test_sessions import Browser, link_for
from tests.integration.harness import SAHHA_SECRET
from wearbase.domain.records import Unmappable
from wearbase.store import connections, records
from wearbase.sync import disconnect
from wearbase.sync.upkeep import alarm

FROM_APP = {"x-wearbase": "app", "origin": BASE, "sec-fetch-site": "same-origin"}
# Routes that take a body and change nothing that belongs into the trail, and why.
NO_LINE = {
    ("POST", "/app/session/peek"): "tells whom a link would sign in; the link stays as it was",
    ("POST", "/v1/webhooks/{provider}"): "a provider's delivery: the table of deliveries is its trail",
}
# Routes that are read and change something all the same.
CHANGED_BY_GET = {("GET", "/v1/oauth/authorize"), ("GET", "/auth/{provider}/callback"), ("GET", "/api/v1/users/{user_id}/export")}
CHANGED_BY_GET |= {("GET", "/v1/oauth/callback"), ("GET", "/api/v1/ops/parked/{parked_id}")}


async def trail(service: Service) -> list[dict[str, Any]]:
    return await service.world.rows("select * from wearbase.audit where action <> 'read' order by id")


async def _consent(service: Service) -> httpx2.Response:
    started = await start(service)
    return await service.post("/v1/oauth/callback", json={"code": await code_for(service, started), "state": started["state"]})


async def _in_browser(service: Service, path: str = PAGE, *, form: bool = False) -> httpx2.Response:
    started = await start(service)
    given = {"state": started["state"], "code": await code_for(service, started)}
    if form:
        return await service.post(path, data={**given, "decision": "agree"}, headers={"sec-fetch-site": "same-origin"})
    return await service.get(path, params={**given, "error": "access_denied"}, headers={})


async def _signed_in(service: Service) -> Browser:
    ann = Browser(service)
    await ann.sign_in(await link_for(service))
    return ann


async def _operator(service: Service, method: str) -> httpx2.Response:
    secret = (await service.services.keys.create("operator", ("ops",))).secret
    browser = Browser(service)
    begun = await browser.call("POST", "/ops/session", json={"key": secret}, headers=FROM_APP)
    return begun if method == "POST" else await browser.call(method, "/ops/session", headers=FROM_APP)


async def _parked(service: Service) -> int:
    async with service.world.engine.db.transaction() as tx:
        connection = await connections.get(tx, "ann", "whoop")
        assert connection is not None
        item = Unmappable("sleep", "an-id", "strange", {"id": "an-id"})
        await records.park(tx, connection, [item], now=service.world.clock.now())
    return (await service.world.rows("select id from wearbase.parked_record"))[0]["id"]


async def _erased(service: Service) -> httpx2.Response:
    return await service.delete("/api/v1/users/ann", headers=await service.key("erase"))


Case = tuple[Callable[[Service], Awaitable[httpx2.Response]], str, str]
# What is asked of each, which line it writes, and by which credential. Before each `ann` is connected and just brought up to date.
CHANGES: dict[tuple[str, str], Case] = {
    ("POST", "/api/v1/{provider}/connect/{user_id}"): (lambda s: s.post("/api/v1/whoop/connect/bob"), "consent_asked", "key"),
    ("POST", "/internal/auth/connect/{user_id}"): (lambda s: s.post("/internal/auth/connect/bob"), "consent_asked", "key"),
    ("GET", "/v1/oauth/authorize"): (
        lambda s: s.get("/v1/oauth/authorize?user_id=ann", headers=s.token("ann")), "consent_asked", "member"
    ),
    ("POST", "/v1/oauth/callback"): (_consent, "connected", "key"),
    ("GET", "/v1/oauth/callback"): (lambda s: _in_browser(s, "/v1/oauth/callback"), "consent_refused", "browser"),
    ("GET", "/auth/{provider}/callback"): (_in_browser, "consent_refused", "browser"),
    ("POST", "/auth/{provider}/callback"): (lambda s: _in_browser(s, form=True), "connected", "browser"),
    ("DELETE", "/api/v1/{provider}/connect/{user_id}"): (lambda s: s.delete("/api/v1/whoop/connect/ann"), "disconnected", "key"),
    ("DELETE", "/v1/oauth/disconnect"): (
        lambda s: s.delete("/v1/oauth/disconnect?user_id=ann&provider=whoop", headers=s.token("ann")), "disconnected", "member"
    ),
    ("POST", "/api/v1/{provider}/sync/{user_id}"): (lambda s: s.post("/api/v1/whoop/sync/ann?wait=false"), "sync_asked", "key"),
    ("POST", "/v1/pull/{user_id}"): (lambda s: s.post("/v1/pull/ann", json={"since": "2026-01-01"}), "history_asked", "key"),
    ("PUT", "/api/v1/users/{user_id}/preferences"): (
        lambda s: s.call("PUT", "/api/v1/users/ann/preferences", json={"units": {"energy": "kj"}}), "preferences_changed", "key"
    ),
    ("POST", "/api/v1/users/{user_id}/token"): (lambda s: s.post("/api/v1/users/ann/token"), "token_made", "key"),
    ("POST", "/api/v1/users/{user_id}/link"): (lambda s: s.post("/api/v1/users/ann/link"), "link_made", "key"),
    ("GET", "/api/v1/users/{user_id}/export"): (lambda s: s.get("/api/v1/users/ann/export"), "exported", "key"),
    ("DELETE", "/api/v1/users/{user_id}"): (_erased, "user_erased", "key"),
    ("POST", "/app/session"): (lambda s: _then(_signed_in(s), lambda b: b.call("GET", "/app/session")), "session_begun", "sign_in_link"),
    ("DELETE", "/app/session"): (lambda s: _then(_signed_in(s), lambda b: b.call("DELETE", "/app/session")), "session_ended", "session"),
    ("POST", "/ops/session"): (lambda s: _operator(s, "POST"), "operator_session_begun", "key"),
    ("DELETE", "/ops/session"): (lambda s: _operator(s, "DELETE"), "operator_session_ended", "key"),
    ("POST", "/api/v1/ops/retry"): (
        lambda s: _then(s.key("ops"), lambda h: s.post("/api/v1/ops/retry", json={"all": ["failing"]}, headers=h)), "retried", "key"
    ),
    ("GET", "/api/v1/ops/parked/{parked_id}"): (
        lambda s: _then(_parked(s), lambda n: _then(s.key("ops"), lambda h: s.get(f"/api/v1/ops/parked/{n}", headers=h))),
        "payload_shown", "key",
    ),
}  # fmt: skip


async def _then(first: Awaitable[Any], more: Callable[[Any], Awaitable[Any]]) -> Any:
    return await more(await first)


async def test_every_route_that_changes_something_writes_a_line(service: Service) -> None:
    """A new route belongs into the table above, or into the other one with the reason why it writes none."""
    there = {(method, path) for method, path, _ in walk(service.app)}
    assert {key for key in there if key[0] != "GET"} | CHANGED_BY_GET == CHANGES.keys() | NO_LINE.keys()
    assert there >= CHANGES.keys()
    await service.connected()
    for (method, path), (ask, action, kind) in CHANGES.items():
        service.world.clock.advance(timedelta(minutes=2))
        if not await service.world.rows("select 1 from wearbase.connection where user_id = 'ann' and state = 'connected'"):
            await service.world.connect("ann", 0)
        seen = len(await trail(service))
        answer = await ask(service)
        assert answer.status_code < 400, (path, answer.text)
        lines = [line for line in (await trail(service))[seen:] if line["action"] == action]
        assert len(lines) == 1, (method, path)
        assert lines[0]["credential"].partition(":")[0] == kind, (path, lines)
        if kind != "engine" and path != "/v1/oauth/callback":
            assert lines[0]["route"] == path


async def test_what_was_refused_writes_nothing(service: Service) -> None:
    await service.connected()
    before = await trail(service)
    problem(await service.post("/api/v1/whoop/sync/ann", headers=service.token("bob")), 403)
    problem(await service.delete("/api/v1/users/ann"), 403)
    problem(await service.post("/api/v1/whoop/sync/nobody"), 409)
    problem(await service.post("/api/v1/whoop/sync/ann", json={"data_types": ["none"]}), 422)
    assert await trail(service) == before


async def test_lines_name_credentials_and_members_by_what_tells_nothing(service: Service) -> None:
    await service.connected()
    headers = await service.key("connect")
    await service.call("PUT", "/api/v1/users/ann/preferences", json={"units": {"energy": "kj"}}, headers=headers)
    await service.get("/api/v1/whoop/sync-status/ann", headers=headers | service.token("ann"))
    await service.services.readers.close()
    line = (await trail(service))[-1]
    secret = headers["x-api-key"]
    assert line["credential"] == f"key:{secret.split('_')[1]}"
    text = json.dumps(await service.world.rows("select * from wearbase.audit"), default=str)
    account = str((await service.world.members())[0]["user_id"])
    assert not [needle for needle in ("ann", account, secret, secret.split("_", 2)[2], ENV_KEY, SAHHA_SECRET) if f'"{needle}"' in text]
    names = await service.world.rows("select distinct member from wearbase.audit where member is not null")
    assert names == await service.world.rows("select pseudonym as member from wearbase.audit_member")


async def test_lines_name_the_key_behind_a_members_token_or_session(service: Service) -> None:
    await service.connected()
    key = await service.key("read", "sync", "connect")
    prefix, told = key["x-api-key"].split("_")[1], [{"x-api-key": ENV_KEY}, key]
    tokens = [(await service.post("/api/v1/users/ann/token", headers=by)).json()["token"] for by in told]
    browser = Browser(service)
    await browser.sign_in(await link_for(service, headers=key))
    for token in tokens:
        await service.get("/api/v1/whoop/daily-data/ann", headers={"authorization": f"Bearer {token}"})
    with structlog.testing.capture_logs() as logs:
        await browser.call("GET", "/api/v1/whoop/daily-data/ann")
        await service.call("PUT", "/api/v1/users/ann/preferences", json={}, headers={"authorization": f"Bearer {tokens[1]}"})
    await browser.call("DELETE", "/app/session")
    await service.services.readers.close()
    found = await service.world.rows("select action, credential from wearbase.audit where credential ~ '^(member|session)' order by id")
    assert {(f["action"], f["credential"]) for f in found} == {
        ("read", "member:environment"), ("read", f"member:{prefix}"), ("read", f"session:{prefix}"),
        ("preferences_changed", f"member:{prefix}"), ("session_ended", f"session:{prefix}"),
    }  # fmt: skip
    callers = [line["caller"] for line in logs if line["event"] == "request"]
    assert [(caller.split(":")[0], caller.split(":")[2]) for caller in callers] == [("session", prefix), ("member", prefix)]
    made = [line["details"] for line in await trail(service) if line["action"] == "token_made"]
    assert {tuple(details["scopes"]) for details in made} == {("read", "sync", "connect")}


async def test_reads_are_counted_whatever_they_read_and_whoever_reads(service: Service) -> None:
    await service.connected()
    ops = await service.key("ops")
    for headers in ({"x-api-key": ENV_KEY}, service.token("ann")):
        for _ in range(2):
            etag = (await service.get("/api/v1/whoop/daily-data/ann", headers=headers)).headers["etag"]
            assert (await service.get("/api/v1/whoop/daily-data/ann", headers=headers | {"if-none-match": etag})).status_code == 304
        assert (await service.call("HEAD", "/api/v1/whoop/daily-data/ann", headers=headers)).status_code == 200  # tells whether it changed
        await service.get("/api/v1/health/ann?days=3", headers=headers)
        await service.get("/v1/data/ann/recovery", headers=headers)
    await service.get("/api/v1/ops/summary", headers=ops)
    for path in ("/metrics", "/health/ready", "/openapi.json", "/api/v1/whoop/daily-data/ann?date=no"):
        await service.get(path, headers=ops)
    problem(await service.get("/api/v1/whoop/daily-data/ann", headers=service.token("bob")), 403)
    await service.services.readers.close()
    found = await service.world.rows(
        "select credential, route, sum(count)::int as n from wearbase.audit where action = 'read' group by 1, 2"
    )
    day, health, kind = "/api/v1/{provider}/daily-data/{user_id}", "/api/v1/health/{user_id}", "/v1/data/{user_id}/{kind}"
    key = f"key:{ops['x-api-key'].split('_')[1]}"
    assert {(f["credential"], f["route"]): f["n"] for f in found} == {
        ("key:environment", day): 5, ("key:environment", health): 1, ("key:environment", kind): 1,
        ("member", day): 5, ("member", health): 1, ("member", kind): 1, (key, "/api/v1/ops/summary"): 1,
    }  # fmt: skip


async def test_the_application_writes_the_last_reads_as_it_stops(service: Service) -> None:
    async with service.app.router.lifespan_context(service.app):
        await service.get("/api/v1/whoop/sync-status/ann")
    assert len(await service.world.rows("select 1 from wearbase.audit where action = 'read'")) == 1


async def test_the_trail_comes_in_pages_of_which_none_misses_a_line(service: Service) -> None:
    await service.connected()
    for n in range(5):
        await service.call("PUT", "/api/v1/users/ann/preferences", json={"units": {"energy": "kj" if n % 2 else "kcal"}})
    headers, cursor, found = await service.key("ops"), "", list[dict[str, Any]]()
    while True:
        page = (await service.get(f"/api/v1/ops/audit?limit=2{cursor}", headers=headers)).json()
        found += page["entries"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    every = await service.world.rows("select id, action from wearbase.audit where action <> 'read' order by at, id")
    assert [(e["id"], e["action"]) for e in found if e["action"] != "read"] == [(e["id"], e["action"]) for e in every]
    assert len(every) > 6
    one = (await service.get("/api/v1/ops/audit?action=connected", headers=headers)).json()
    assert [(e["action"], e["provider"], e["credential"]) for e in one["entries"]] == [("connected", "whoop", "engine")]
    later = service.world.clock.now() + timedelta(days=1)
    none = await service.get("/api/v1/ops/audit", headers=headers, params={"since": later.isoformat()})
    assert none.json() == {"entries": [], "next": None}
    for bad in ("x", "2026-99-99T00:00:00.000000Z_1", "2026-01-01T00:00:00.000000Z_-1", "'"):
        problem(await service.get("/api/v1/ops/audit", headers=headers, params={"cursor": bad}), 422, "invalid_field", "cursor")
    for name, bad in (("limit", "0"), ("limit", "1001"), ("since", "2026-01-01"), ("member", "ann"), ("action", "a;b")):
        problem(await service.get("/api/v1/ops/audit", headers=headers, params={name: bad}), 422, "invalid_field")


async def test_the_trail_is_carried_away_line_by_line_and_asked_for_by_member(service: Service) -> None:
    await service.connected()
    headers, after, came = await service.key("ops"), "0", list[dict[str, Any]]()
    await service.get("/api/v1/whoop/sync-status/ann")
    await service.services.readers.close()
    service.world.clock.advance(timedelta(minutes=2))
    while True:
        page = (await service.get(f"/api/v1/ops/audit?after={after}&limit=2", headers=headers)).json()
        if not page["entries"]:
            break
        came, after = [*came, *page["entries"]], page["next"]
    assert page == {"entries": [], "next": after}  # to be asked with again
    assert [entry["number"] for entry in came] == list(range(1, len(came) + 1))
    every = await service.world.rows("select id from wearbase.audit where number is not null order by id")
    assert [entry["id"] for entry in came] == [row["id"] for row in every]
    assert "read" in {entry["action"] for entry in came}

    of_ann = (await service.get("/api/v1/ops/audit?user_id=ann", headers=headers)).json()["entries"]
    assert {entry["member"] for entry in of_ann} == {entry["member"] for entry in came if entry["action"] == "connected"}
    await service.services.readers.close()
    told = (await service.get("/api/v1/ops/audit?user_id=ann&action=read", headers=headers)).json()["entries"]
    assert [entry["route"] for entry in told] == ["/api/v1/{provider}/sync-status/{user_id}", "/api/v1/ops/audit"]
    problem(await service.get("/api/v1/ops/audit?user_id=nobody", headers=headers), 404, "not_found")
    both = f"user_id=ann&member={of_ann[0]['member']}"
    for query in ("after=-1", "after=9999999999999999", "after=1&action=read", "after=1&user_id=ann", both):
        problem(await service.get(f"/api/v1/ops/audit?{query}", headers=headers), 422, "invalid_field")


async def test_what_the_engine_ends_by_itself_is_written_down_as_its_own(service: Service) -> None:
    await service.connected()
    engine = service.world.engine
    async with engine.db.connection() as tx:
        connection = await connections.get(tx, "ann", "whoop")
    assert connection is not None
    assert await disconnect.needs_reauthorization(engine, connection)
    await alarm.believe(engine, engine.app("whoop"))
    assert [line["action"] for line in (await trail(service))[-2:]] == ["connection_lost", "grants_given_up"]
    assert {line["credential"] for line in await trail(service)} == {"engine"}
