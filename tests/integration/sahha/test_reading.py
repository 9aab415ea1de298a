"""Polling beside the deliveries: the account's token, what Sahha answers, the morning's reconciliation, the budget."""

from datetime import datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest

from tests.integration.harness import bench
from tests.integration.sahha.conftest import ANN, Sahha
from wearbase.domain.errors import AccessTokenRejected, ClientMisconfigured
from wearbase.domain.windows import Window
from wearbase.store.work.budget import Purpose
from wearbase.store.work.due import Priority
from wearbase.sync import ask

TOKEN, SCORE = "POST /oauth/account/token", f"GET /profile/score/{ANN}"
PERSON = Purpose(reason="person", priority=Priority.PERSON)


async def sync(sahha: Sahha) -> None:
    await sahha.world.step(minutes=2, webhooks=False)
    assert await ask.sync(sahha.world.engine, "ann", "sahha") is not None
    await sahha.world.work()


async def test_one_token_serves_every_member_and_is_renewed_before_it_ends(sahha: Sahha) -> None:
    sahha.watch()
    await sahha.settled()
    await sahha.settled("ben", "u-ben")
    assert sahha.asked.count(TOKEN) == 1
    await sahha.world.step(hours=19, webhooks=False)  # of 24: at 80 % of its life
    await sync(sahha)
    assert sahha.asked.count(TOKEN) == 1
    await sahha.world.step(minutes=30, webhooks=False)
    await sync(sahha)
    assert sahha.asked.count(TOKEN) == 2
    assert {s["error"] for s in (await sahha.states()).values()} == {None}


async def test_all_who_want_a_token_at_once_share_one_call(sahha: Sahha) -> None:
    sahha.watch()
    await sahha.profile(ANN)
    await sahha.join()
    sahha.world.engine.gateway._accounts._held.clear()
    sahha.asked.clear()
    await sahha.world.work()  # three resources side by side
    assert sahha.asked.count(TOKEN) == 1


async def test_a_token_that_ends_in_the_middle_is_renewed_once_and_nothing_fails(sahha: Sahha) -> None:
    await sahha.settled()
    await sahha.world.step(hours=1, webhooks=False)
    rejected: list[str] = []

    async def ends(request: httpx2.Request, cloud: Any) -> httpx2.Response:
        token = request.headers.get("authorization", "")
        if "/profile/" in request.url.path and (not rejected or token == rejected[0]):
            rejected.append(token)
            return httpx2.Response(401, json={"title": "Unauthorized"})
        return await cloud(request)

    sahha.world.wire.meddle = ends
    calls = (await sahha.world.calls())["token"]
    await sync(sahha)
    assert {s["error"] for s in (await sahha.states()).values()} == {None}
    assert len(set(rejected)) == 1
    assert (await sahha.world.calls())["token"] - calls <= 1
    [budget] = await sahha.world.rows("select token_calls, used from wearbase.budget where provider = 'sahha'")
    assert budget["token_calls"] == 2
    assert budget["used"]["person"] >= 3


async def test_a_new_token_that_is_rejected_too_is_not_renewed_for_ever(sahha: Sahha) -> None:
    await sahha.settled()
    await sahha.world.fault("/sahha/sandbox/api/v1/profile", "status", status=401, count=None)
    sahha.watch()
    connection = await sahha.connection()
    assert connection is not None
    send = sahha.world.engine.gateway.sender(sahha.world.engine.app("sahha"), connection, PERSON)
    score = sahha.world.engine.app("sahha").provider.resource("score")
    assert score is not None
    now = sahha.world.clock.now()
    for _ in range(5):
        with pytest.raises(AccessTokenRejected):
            await score.read_page(send, Window(now - timedelta(days=1), now), None)
    assert sahha.asked.count(TOKEN) == 1
    assert sahha.asked.count(SCORE) == 6
    found = await sahha.connection()
    assert found is not None
    assert found.state == "connected"


async def test_wrong_credentials_are_tried_once_a_minute_for_all(sahha: Sahha) -> None:
    await sahha.settled()
    held = sahha.world.engine.gateway._accounts._held
    held.clear()
    object.__setattr__(sahha.world.engine.app("sahha").credentials, "client_secret", "another")
    sahha.watch()
    await sync(sahha)
    assert {s["error"] for s in (await sahha.states()).values()} == {"client_misconfigured"}
    assert sahha.asked == [TOKEN]
    with pytest.raises(ClientMisconfigured):
        await sahha.join("ben", "u-ben")
    assert sahha.asked == [TOKEN]


async def test_429_closes_the_gate_for_every_member_until_sahha_says(sahha: Sahha) -> None:
    await sahha.settled()
    await sahha.settled("ben", "u-ben")

    async def limited(request: httpx2.Request, cloud: Any) -> httpx2.Response:
        if "/profile/" not in request.url.path:
            return await cloud(request)
        sahha.asked.append(request.url.path)
        return httpx2.Response(429, headers={"retry-after": "90"})

    sahha.asked = []
    sahha.world.wire.meddle = limited
    await sahha.world.step(minutes=2, webhooks=False)
    for user in ("ann", "ben"):
        await ask.sync(sahha.world.engine, user, "sahha")
    await sahha.world.work()
    assert len(sahha.asked) <= 3  # those of one visit that left together
    until = sahha.world.clock.now() + timedelta(seconds=90)
    assert {s["due_at"] for s in [*(await sahha.states()).values(), *(await sahha.states("ben")).values()]} == {until}
    assert {s["error"] for s in (await sahha.states()).values()} == {None}
    sahha.world.wire.meddle = None
    await sahha.world.step(seconds=91, webhooks=False)
    await sahha.world.work()
    assert all(s["last_success_at"] >= until for s in (await sahha.states()).values())


async def test_410_stops_all_calls_for_a_while_and_gives_nobody_up(sahha: Sahha) -> None:
    await sahha.settled()
    await sahha.settled("ben", "u-ben")
    await sahha.world.fault("/sahha", "status", status=410, count=None)
    sahha.watch()
    await sahha.world.step(minutes=2, webhooks=False)
    for user in ("ann", "ben"):
        await ask.sync(sahha.world.engine, user, "sahha")
    await sahha.world.work()
    assert len(sahha.asked) <= 3
    errors = {s["error"] for user in ("ann", "ben") for s in (await sahha.states(user)).values()}
    assert "client_misconfigured" in errors, "of whoever was visited first"
    await sahha.world.heal()
    await sahha.world.step(minutes=7, webhooks=False)
    await sahha.world.work()
    for user in ("ann", "ben"):
        assert {s["error"] for s in (await sahha.states(user)).values()} == {None}


@pytest.mark.parametrize("how", ["204", "empty"])
async def test_nothing_is_no_failure_however_sahha_says_it(database_url: str, how: str) -> None:
    async with bench(database_url, days=10, has_sahha=True, sahha_no_results=how) as world:
        sahha = Sahha(world)
        await sahha.settled(is_empty=True)
        states = await sahha.states()
        assert {s["error"] for s in states.values()} == {None}
        assert all(s["watermark"] is not None for s in states.values())
        assert await sahha.values("score") == {}


async def test_every_morning_reads_the_last_seven_days_and_mends_what_was_lost(sahha: Sahha) -> None:
    await sahha.settled()
    async with sahha.world.engine.db.transaction() as tx:
        await tx.execute(
            "update wearbase.record set mapped = '{}', revision_at = revision_at - interval '9 days' where resource = 'score'", ()
        )
    ranges: list[tuple[str, str]] = []

    async def seen(request: httpx2.Request, cloud: Any) -> httpx2.Response:
        if "/profile/score" in request.url.path:
            ranges.append((request.url.params["startDateTime"], request.url.params["endDateTime"]))
        return await cloud(request)

    sahha.world.wire.meddle = seen
    for _ in range(24):
        await sahha.world.step(hours=1, webhooks=False)
        await sahha.world.work()
    now = sahha.world.clock.now()
    first, last = map(datetime.fromisoformat, ranges[0])
    assert last - first >= timedelta(days=8)
    mended = {key: values for key, values in (await sahha.values("score")).items() if values}
    assert {(now - timedelta(days=n)).date().isoformat() for n in range(2, 7)} <= {key.rpartition("/")[2] for key in mended}


async def test_a_value_read_again_is_no_newer(sahha: Sahha) -> None:
    await sahha.settled()
    of = """select external_id, revision_at, stored_at from wearbase.record
             where resource = 'biomarker' and external_id like '%%/day/2026-11-1%%'"""
    before = {f["external_id"]: f for f in await sahha.world.rows(of)}
    await sahha.world.step(hours=2, webhooks=False)
    await sync(sahha)
    after = {f["external_id"]: f for f in await sahha.world.rows(of)}
    final = [key for key in before if not key.endswith(("2026-11-18", "2026-11-17"))]
    assert final
    assert {key: after[key] for key in final} == {key: before[key] for key in final}


async def test_a_record_that_is_not_listed_is_not_asked_for_by_id(sahha: Sahha) -> None:
    await sahha.settled()
    await sahha.tell(
        {
            "id": "s9", "externalId": ANN, "type": "a_score_of_tomorrow", "score": 0.5, "state": "low", "factors": [], "dataSources": [],
            "scoreDateTime": "2026-11-16T00:00:00+00:00", "createdAtUtc": "2026-11-17T00:00:00Z", "version": 1,
        }
    )  # fmt: skip
    await sahha.world.work()
    await sahha.world.step(minutes=10, webhooks=False)
    sahha.watch()
    await sync(sahha)
    assert sahha.asked.count(SCORE) == 1
    assert "a_score_of_tomorrow/2026-11-16" in await sahha.values("score")


async def test_members_ids_reach_the_path_encoded(sahha: Sahha) -> None:
    wanted = "team a/b?c=d"
    await sahha.profile(wanted)
    urls: list[str] = []

    async def seen(request: httpx2.Request, cloud: Any) -> httpx2.Response:
        urls.append(request.url.raw_path.decode())
        return httpx2.Response(204) if "/profile/score" in request.url.path else await cloud(request)

    sahha.world.wire.meddle = seen
    await sahha.join("ann", wanted)
    await sahha.world.work()
    assert any("/profile/score/team%20a%2Fb%3Fc%3Dd?" in url for url in urls)


async def test_no_token_reaches_a_log_or_an_error(sahha: Sahha, capfd: pytest.CaptureFixture[str]) -> None:
    await sahha.settled()
    held = sahha.world.engine.gateway._accounts._held
    [token] = [h.text for h in held.values()]
    await sahha.world.fault("/sahha", "status", status=500, count=3)
    await sync(sahha)
    told = capfd.readouterr()
    assert token not in told.out + told.err
    assert token not in repr(held)
    stored = orjson.dumps(await sahha.world.rows("select row_to_json(c)::text as it from wearbase.connection c"))
    assert token.encode() not in stored
