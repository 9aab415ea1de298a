"""An operator's session, and what it shows: figures, lists and payloads, never a health value where nobody asked for one."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import structlog

from tests.integration.api.conftest import BASE, Service, problem, serving
from tests.integration.harness import RESOURCES, bench, canonical
from tests.integration.live.test_stream import Reader
from wearbase.access import operators
from wearbase.access.keys import KeyBook
from wearbase.domain.records import Page, Unmappable
from wearbase.read.ops import feed
from wearbase.store import connections, records
from wearbase.store.work import chores

FROM_APP = {"x-wearbase": "app", "origin": BASE, "sec-fetch-site": "same-origin"}


@pytest.fixture
async def ops(database_url: str) -> AsyncIterator[Service]:
    async with bench(database_url, days=10, backfill_days=6, members=4) as world, serving(world, direct_url=database_url) as service:
        yield service
        service.services.end_streams()


async def sign_in(ops: Service, *scopes: str) -> Any:
    made = await ops.services.keys.create("operator", scopes or ("ops",))
    answer = await ops.post("/ops/session", json={"key": made.secret}, headers=FROM_APP)
    return made, answer


async def summary(ops: Service) -> dict[str, Any]:
    ops.services.__dict__.pop("overview", None)  # figures that are not kept
    answer = await ops.get("/api/v1/ops/summary", headers=await ops.key("ops"))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def parked(ops: Service, *, resource: str = "sleep", raw: dict[str, Any] | None = None) -> int:
    """Takes a record away and parks it, as if the mapping of then had not understood it; its id."""
    async with ops.world.engine.db.transaction() as tx:
        connection = await connections.get(tx, "ann", "whoop")
        assert connection is not None
        found = await tx.execute(
            """delete from wearbase.record where ctid = (select ctid from wearbase.record where resource = %s limit 1)
               returning external_id, raw""",
            [resource],
        )
        row = await found.fetchone()
        assert row is not None
        reason = "The provider sent a record that cannot be understood. At: score."
        item = Unmappable(resource, row[0], reason, row[1] if raw is None else raw)
        await records.park(tx, connection, [item], now=ops.world.clock.now())
    return (await ops.world.rows("select id from wearbase.parked_record"))[0]["id"]


def held(ops: Service) -> str:
    """The secret of the session, which stands in a cookie for each of its paths."""
    (value,) = {cookie.value for cookie in ops.client.cookies.jar}
    assert value
    return value


async def fail(ops: Service, resource: str = "cycle") -> None:
    await ops.world.fault(f"/v2/{resource}", "status", status=503, count=None)
    await ops.world.mark(resource)
    await ops.world.work()


# ---- the session ----


async def test_a_key_is_exchanged_for_a_cookie_that_is_good_for_ops_only(ops: Service) -> None:
    made, answer = await sign_in(ops, "ops", "read", "erase")
    assert answer.status_code == 200
    assert answer.json() == {
        "key": f"wb_{made.stored.prefix}_…", "expires_at": "2026-11-18T22:00:00.000Z", "version": "test", "is_demo": False,
        "server_time": "2026-11-18T14:00:00.000Z",
    }  # fmt: skip
    assert made.secret not in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert [cookie.partition("Path=")[2].partition(";")[0] for cookie in cookies] == ["/ops/session", "/api/v1/ops"]
    for cookie in cookies:
        for part in ("wearbase_ops=", "HttpOnly", "SameSite=strict", "Max-Age=28800"):
            assert part in cookie
    assert (await ops.get("/ops/session", headers={})).json()["key"] == f"wb_{made.stored.prefix}_…"
    assert (await ops.get("/api/v1/ops/summary", headers={})).status_code == 200
    for path in ("/api/v1/whoop/daily-data/ann", "/internal/auth/status/ann", "/metrics", "/v1/data/ann/sleep"):
        problem(await ops.get(path, headers={}), 401)
    problem(await ops.delete("/api/v1/users/ann", headers=FROM_APP), 401)


async def test_a_key_without_the_scope_or_unknown_begins_nothing(ops: Service) -> None:
    _, answer = await sign_in(ops, "read", "connect")
    problem(answer, 403, "forbidden")
    assert "set-cookie" not in answer.headers
    problem(await ops.post("/ops/session", json={"key": "wb_abcdefgh_wrong"}, headers=FROM_APP), 401)
    problem(await ops.get("/api/v1/ops/summary", headers={}), 401)
    answer = await ops.post("/ops/session", json={"key": ""}, headers=FROM_APP)
    assert "wb_" not in problem(answer, 422)["message"]


async def test_a_key_made_this_moment_by_another_process_is_good(ops: Service) -> None:
    await ops.get("/api/v1/ops/summary", headers=await ops.key("ops"))  # the keys were read just now
    elsewhere = KeyBook(ops.world.engine.db, ops.world.engine.clock)
    made = await elsewhere.create("operator", ["ops"])
    assert (await ops.post("/ops/session", json={"key": made.secret}, headers=FROM_APP)).status_code == 200


async def test_another_site_can_neither_sign_in_nor_change_anything(ops: Service) -> None:
    made, _ = await sign_in(ops)
    for headers in ({}, {"x-wearbase": "app", "origin": "https://evil.example"}, {**FROM_APP, "sec-fetch-site": "cross-site"}):
        problem(await ops.post("/ops/session", json={"key": made.secret}, headers=headers), 403)
        problem(await ops.post("/api/v1/ops/retry", json={}, headers=headers), 401)
        problem(await ops.delete("/ops/session", headers=headers), 401)
    assert (await ops.post("/api/v1/ops/retry", json={}, headers=FROM_APP)).status_code == 200


async def test_guessing_is_slowed_down(ops: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "MOST_WRONG", 2)
    for _ in range(2):
        problem(await ops.post("/ops/session", json={"key": "wrong"}, headers=FROM_APP), 401)
    problem(await ops.post("/ops/session", json={"key": "wrong"}, headers=FROM_APP), 429)
    await sign_in(ops)  # who has a key is not kept out by who guesses


async def test_a_key_that_is_no_text_is_wrong(ops: Service) -> None:
    headers = {**FROM_APP, "content-type": "application/json"}
    problem(await ops.post("/ops/session", content=rb'{"key": "\ud800"}', headers=headers), 401)


async def test_the_session_ends_with_its_key_by_itself_and_by_signing_out(ops: Service) -> None:
    made, _ = await sign_in(ops)
    await ops.services.keys.revoke(made.stored.prefix)
    problem(await ops.get("/api/v1/ops/summary", headers={}), 401, "operator_signed_out")
    await sign_in(ops)
    ops.world.clock.advance(timedelta(hours=8, seconds=1))
    problem(await ops.get("/api/v1/ops/summary", headers={}), 401, "operator_signed_out")
    await sign_in(ops)
    token = held(ops)
    assert (await ops.delete("/ops/session", headers=FROM_APP)).status_code == 204
    assert not list(ops.client.cookies.jar)
    problem(await ops.get("/api/v1/ops/summary", headers={"cookie": f"wearbase_ops={token}"}), 401, "operator_signed_out")
    await sign_in(ops)
    assert held(ops) not in str(await ops.world.rows("select * from wearbase.ops_session"))


# ---- figures ----


async def test_an_empty_installation_has_figures_and_no_invented_ones(ops: Service) -> None:
    found = await summary(ops)
    assert found["members"] == {"total": 0, "current": 0, "filling": 0, "stale": 0, "reconnect": 0}
    assert found["freshness"]["median_s"] is None
    assert found["deliveries"]["quick_percent"] is None
    assert found["deliveries"]["total"] == 0
    whoop = found["budgets"][0]
    assert (whoop["provider"], whoop["title"], whoop["day"]["left"], whoop["day"]["limit"]) == ("whoop", "WHOOP", 1_000_000, 1_000_000)
    assert whoop["usual"] is None
    assert whoop["forecast"] is None
    assert whoop["curve"] == [[0, 1_000_000]] + [[at, 1_000_000] for at in range(10, 841, 10)] + [[840, 1_000_000]]
    assert found["workers"] == []


async def test_members_are_counted_once_by_state_and_by_freshness(ops: Service) -> None:
    for member, user in enumerate(("ann", "bob", "cleo", "dora")):
        await ops.connected(user, member)
    async with ops.world.engine.db.transaction() as tx:
        now = ops.world.clock.now()
        age = "update wearbase.connection set fresh_at = %s, looked_at = %s, connected_at = %s, state = %s where user_id = %s"
        await tx.execute(age, [now - timedelta(minutes=3), now, now, "connected", "ann"])
        await tx.execute(age, [now - timedelta(hours=30), now, now, "connected", "bob"])
        await tx.execute(age, [now - timedelta(hours=30), *[now - timedelta(days=9)] * 2, "connected", "cleo"])
        await tx.execute(age, [now, now, now, "needs_reauthorization", "dora"])
    found = await summary(ops)
    assert found["members"] == {"total": 4, "current": 2, "filling": 0, "stale": 1, "reconnect": 1}
    parts = {p["from_s"]: p for p in found["freshness"]["parts"]}
    assert parts[60]["members"] == 1
    assert parts[93_600] == {"from_s": 93_600, "until_s": None, "members": 2, "idle": 1, "late": 1}
    assert found["freshness"]["median_s"] == 108_000
    listed = await ops.get("/api/v1/ops/members?state=stale", headers=await ops.key("ops"))
    assert [(m["user_id"], m["state"], m["is_idle"]) for m in listed.json()["members"]] == [("bob", "stale", False)]
    page = (await ops.get("/api/v1/ops/members?state=current&limit=1", headers=await ops.key("ops"))).json()
    assert [m["user_id"] for m in page["members"]] == ["ann"]
    rest = await ops.get(f"/api/v1/ops/members?state=current&after={page['next']}", headers=await ops.key("ops"))
    assert [m["user_id"] for m in rest.json()["members"]] == ["cleo"]
    assert rest.json()["next"] is None
    problem(await ops.get("/api/v1/ops/members?state=happy", headers=await ops.key("ops")), 422)


async def test_a_member_whose_history_arrives_is_filling(ops: Service) -> None:
    await ops.world.connect("ann")
    assert (await summary(ops))["members"]["filling"] == 1
    await ops.world.work()
    assert (await summary(ops))["members"] == {"total": 1, "current": 1, "filling": 0, "stale": 0, "reconnect": 0}


async def test_the_curve_has_every_call_of_the_day_and_ends_at_what_is_left(ops: Service) -> None:
    await ops.connected()
    ops.world.clock.advance(timedelta(minutes=25))
    await ops.world.mark(*RESOURCES)
    await ops.world.work()
    whoop = (await summary(ops))["budgets"][0]
    used = whoop["day"]["used"]
    assert used == sum(g["calls"] for g in whoop["by_group"]) > 8
    curve = dict(map(tuple, whoop["curve"]))
    assert curve[840] == 1_000_000
    assert curve[850] == curve[860] > 1_000_000 - used
    assert curve[865] == whoop["day"]["left"] == 1_000_000 - used
    groups = {g["group"]: g["calls"] for g in whoop["by_group"]}
    assert groups["people"] >= 4
    assert groups["deliveries"] == 0
    slots = await ops.world.rows("select sum(calls)::int as n from wearbase.call_slot")
    assert slots[0]["n"] == used


async def test_the_weeks_before_say_what_is_usual(ops: Service) -> None:
    async with ops.world.engine.db.transaction() as tx:
        key = ops.world.engine.app("whoop").key
        for week, calls in ((1, 100), (2, 300), (3, 200)):
            at = datetime(2026, 11, 18, 9, tzinfo=UTC) - timedelta(weeks=week)
            await tx.execute("insert into wearbase.call_slot values ('whoop', %s, %s, 'timetable', %s)", [key, at, calls])
    usual = (await summary(ops))["budgets"][0]["usual"]
    assert (usual["weekday"], usual["weeks"]) == (3, 3)
    band = {at: (low, high) for at, low, high in usual["band"]}
    assert band[540] == (1_000_000, 1_000_000)
    assert band[570] == band[1440] == (999_700, 999_900)


async def test_deliveries_are_counted_with_how_quick_they_were(ops: Service) -> None:
    account = await ops.connected()
    ops.world.deliveries.clear()
    await ops.world.event(account, "workout")
    await ops.world.deliver()
    await ops.world.work()
    found = (await summary(ops))["deliveries"]
    assert (found["total"], found["stored"], found["waiting"], found["quick_percent"]) == (1, 1, 0, 100.0)
    assert found["by_half_hour"][28] == 1
    await ops.world.event(account, "workout")
    await ops.world.deliver()
    ops.world.clock.advance(timedelta(minutes=5))
    found = (await summary(ops))["deliveries"]
    assert (found["total"], found["stored"], found["waiting"], found["quick_percent"]) == (2, 1, 1, 50.0)
    async with ops.world.engine.db.transaction() as tx:  # an idle member's waits on purpose
        await tx.execute("update wearbase.connection set looked_at = null, connected_at = connected_at - interval '9 days'")
    found = (await summary(ops))["deliveries"]
    assert (found["waiting"], found["waiting_idle"], found["quick_percent"]) == (0, 1, 100.0)


async def test_workers_say_what_they_do(ops: Service) -> None:
    await ops.connected()
    now = ops.world.clock.now()
    async with ops.world.engine.db.transaction() as tx:
        await chores.beat(tx, "worker-idle", now=now)
        await tx.execute("update wearbase.connection set lease_holder = 'worker-busy', lease_until = %s", [now + timedelta(seconds=24)])
        found = await (await tx.execute("select id from wearbase.connection")).fetchone()
        assert found is not None
        await chores.beat(tx, "worker-busy", holds=[f"connection:{found[0]}", "connection:999"], now=now + timedelta(microseconds=1))
        await chores.beat(tx, "worker-dead", now=now - timedelta(minutes=2))
    await ops.world.mark("sleep")
    workers = {w["id"]: w for w in (await summary(ops))["workers"]}
    assert [workers[name]["is_alive"] for name in ("worker-idle", "worker-busy", "worker-dead")] == [True, True, False]
    assert workers["worker-idle"]["work"] == []
    (work,) = workers["worker-busy"]["work"]
    assert (work["user_id"], work["provider"], work["reasons"], work["resources"], work["lease_s"]) == (
        "ann", "whoop", ["person"], ["sleep"], 24,
    )  # fmt: skip


# ---- what goes wrong ----


async def test_a_failing_resource_is_listed_and_tried_again_when_told_to(ops: Service) -> None:
    await ops.connected()
    await fail(ops)
    headers = await ops.key("ops")
    found = (await ops.get("/api/v1/ops/failing", headers=headers)).json()
    assert found["counts"] == {"failing": 1, "parked": 0, "reconnect": 0, "counted_to": 10_000}
    (row,) = found["failing"]
    assert (row["user_id"], row["provider"], row["resource"], row["error"], row["tries"]) == (
        "ann", "whoop", "cycle", "provider_unavailable", 1,
    )  # fmt: skip
    assert row["next_at"] > "2026-11-18T14:00:00.000Z"
    await ops.world.heal()
    assert await ops.world.work() == 0
    body = {
        "failing": [{"user_id": "ann", "provider": "whoop", "resource": "cycle"}, {"user_id": "x", "provider": "whoop", "resource": "y"}]
    }
    answer = await ops.post("/api/v1/ops/retry", json=body, headers=headers)
    assert answer.json() == {"failing": 1, "parked": []}
    assert await ops.world.work() > 0
    assert (await ops.get("/api/v1/ops/failing", headers=headers)).json()["failing"] == []


async def test_all_that_fails_is_tried_again_at_once(ops: Service) -> None:
    await ops.connected()
    await fail(ops, "cycle")
    await fail(ops, "recovery")
    answer = await ops.post("/api/v1/ops/retry", json={"all": ["failing"]}, headers=await ops.key("ops"))
    assert answer.json()["failing"] == 2
    assert (await ops.post("/api/v1/ops/retry", json={"all": ["payloads"]}, headers=await ops.key("ops"))).status_code == 422


async def test_a_connection_that_ended_by_itself_is_listed(ops: Service) -> None:
    await ops.connected()
    async with ops.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.connection set state = 'needs_reauthorization', ended_at = %s", [ops.world.clock.now()])
    found = (await ops.get("/api/v1/ops/failing", headers=await ops.key("ops"))).json()
    assert found["reconnect"] == [{"user_id": "ann", "provider": "whoop", "ended_at": "2026-11-18T14:00:00.000Z"}]


async def test_a_parked_record_that_can_be_understood_by_now_is_stored(ops: Service) -> None:
    await ops.connected()
    before = await ops.world.stored("ann", "sleep")
    parked_id = await parked(ops)
    assert len(await ops.world.stored("ann", "sleep")) == len(before) - 1
    answer = await ops.post("/api/v1/ops/retry", json={"parked": [parked_id, 999]}, headers=await ops.key("ops"))
    assert answer.json()["parked"] == [
        {"id": parked_id, "result": "stored", "reason": None}, {"id": 999, "result": "gone", "reason": None},
    ]  # fmt: skip
    assert canonical(await ops.world.stored("ann", "sleep")) == canonical(before)
    assert (await summary(ops))["trouble"]["parked"] == 0


async def test_a_parked_record_that_still_fails_stays_and_counts_the_try(ops: Service) -> None:
    await ops.connected()
    parked_id = await parked(ops, raw={"id": "6f3e0c5a-0000-4000-8000-000000000000", "start": "nonsense"})
    answer = await ops.post("/api/v1/ops/retry", json={"all": ["parked"]}, headers=await ops.key("ops"))
    (result,) = answer.json()["parked"]
    assert (result["id"], result["result"]) == (parked_id, "parked")
    assert "start" in result["reason"]
    (row,) = (await ops.get("/api/v1/ops/failing", headers=await ops.key("ops"))).json()["parked"]
    assert (row["tries"], row["reason"]) == (2, result["reason"])


async def test_a_parked_record_of_an_ended_connection_is_not_stored(ops: Service) -> None:
    await ops.connected()
    parked_id = await parked(ops)
    count = len(await ops.world.stored("ann", "sleep"))
    async with ops.world.engine.db.transaction() as tx:
        await tx.execute("update wearbase.connection set state = 'disconnected'")
    answer = await ops.post("/api/v1/ops/retry", json={"parked": [parked_id]}, headers=await ops.key("ops"))
    assert answer.json()["parked"][0]["result"] == "not_connected"
    assert len(await ops.world.stored("ann", "sleep")) == count


async def test_a_payload_is_shown_on_demand_only_and_who_looked_is_logged(ops: Service) -> None:
    await ops.connected()
    parked_id = await parked(ops)
    raw = (await ops.world.rows("select raw from wearbase.parked_record"))[0]["raw"]
    made, _ = await sign_in(ops)
    with structlog.testing.capture_logs() as logs:
        shown = await ops.get(f"/api/v1/ops/parked/{parked_id}", headers={})
    assert shown.json()["payload"] == raw
    assert shown.headers["cache-control"] == "no-store"
    (line,) = [entry for entry in logs if entry["event"] == "parked payload shown"]
    assert line["key"] == f"wb_{made.stored.prefix}_…"
    assert "ann" not in json.dumps(logs, default=str)
    assert str(raw["score"]["respiratory_rate"]) not in json.dumps(logs, default=str)
    lists = (await ops.get("/api/v1/ops/failing", headers={})).text + (await ops.get("/api/v1/ops/summary", headers={})).text
    assert "respiratory_rate" not in lists
    assert "payload" not in lists
    problem(await ops.get("/api/v1/ops/parked/999", headers={}), 404)


async def test_a_record_that_is_read_again_and_not_understood_counts_its_tries(ops: Service) -> None:
    await ops.connected()
    parked_id = await parked(ops)
    async with ops.world.engine.db.transaction() as tx:
        connection = await connections.get(tx, "ann", "whoop")
        assert connection is not None
        (row,) = await ops.world.rows("select * from wearbase.parked_record")
        page = Page([], [Unmappable("sleep", row["external_id"], row["reason"], row["raw"])])
        await records.park(tx, connection, page.unmappable, now=ops.world.clock.now())
    (again,) = await ops.world.rows("select id, tries from wearbase.parked_record")
    assert again == {"id": parked_id, "tries": 2}


# ---- live ----


async def test_the_stream_tells_what_is_new_and_ends_with_the_session(ops: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "EVERY_S", 0.2)
    made, _ = await sign_in(ops)
    token = held(ops)
    reader = Reader(ops, "", {"cookie": f"wearbase_ops={token}"}, path="/api/v1/ops/stream")
    first = await reader.until("summary")
    assert first["members"]["total"] == 0
    await reader.until("failing")
    await ops.world.connect("ann")
    async with asyncio.timeout(8):
        while reader.came[-1][0] != "summary" or reader.came[-1][1]["members"]["total"] != 1:  # noqa: ASYNC110 nobody tells us
            await asyncio.sleep(0.02)
    await ops.services.keys.revoke(made.stored.prefix)
    await reader.ended()
    stranger = await ops.get("/api/v1/ops/stream", headers={"cookie": "wearbase_ops=unknown"})
    problem(stranger, 401)


async def test_a_member_gets_nothing_of_it(ops: Service) -> None:
    for path in ("summary", "failing", "members?state=current", "parked/1"):
        problem(await ops.get(f"/api/v1/ops/{path}", headers=ops.token("ann")), 403)
        problem(await ops.get(f"/api/v1/ops/{path}"), 403)  # the environment's key has not the scope
    assert orjson.loads((await ops.get("/ops/session", headers=await ops.key("ops"))).content)["expires_at"] is None
