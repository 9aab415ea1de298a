"""Joined by account: no consent and no tokens of a member's; history as far back as there is any; nothing revoked at the end."""

import re
from datetime import timedelta

import pytest

from tests.integration.harness import bench
from tests.integration.sahha.conftest import ANN, Sahha
from wearbase.domain.errors import BadRequest, Conflict, OtherAccount
from wearbase.read.status import status
from wearbase.sync import disconnect
from wearbase.sync.connect import begin
from wearbase.sync.join import join

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


async def test_a_member_joins_under_a_random_id_and_keeps_it(sahha: Sahha) -> None:
    sahha.watch()
    first = await sahha.join(external_id=None)
    assert UUID.fullmatch(first.external_user_id)
    assert sahha.asked == ["POST /oauth/account/token", "POST /oauth/profile/register"]
    await disconnect.disconnect(sahha.world.engine, "ann", "sahha", erase=False)
    again = await sahha.join(external_id=None)
    assert again.external_user_id == first.external_user_id
    profiles = (await sahha.world.sim.get("/control/sahha/profiles")).json()
    assert [p["external_id"] for p in profiles if not p["is_sample"]] == [first.external_user_id]


async def test_an_existing_profile_is_found_and_its_past_is_brought(sahha: Sahha) -> None:
    await sahha.profile(ANN)
    joined = await sahha.join()
    assert joined.external_user_id == ANN
    await sahha.world.work()
    states = await sahha.states()
    assert {name: s["error"] for name, s in states.items()} == {"score": None, "biomarker": None, "archetype": None}
    assert all(s["backfill_end"] is None and s["watermark"] is not None for s in states.values())
    reach = sahha.world.clock.now() - timedelta(days=30)
    assert {s["history_from"] for s in states.values()} == {reach}
    days = [key.rpartition("/")[2] for key in await sahha.values("score")]
    assert min(days) <= (reach.date() + timedelta(days=1)).isoformat()
    today = (sahha.world.clock.now() + timedelta(minutes=(await sahha.column("utc_offset_min")))).date()
    document = await sahha.day(today)
    assert document["activity"]["steps_count"] is not None
    assert document["sync"]["state"] == "ok"


async def test_the_connection_has_no_tokens_and_nobody_refreshes_them(sahha: Sahha) -> None:
    await sahha.settled()
    kept = ("access_token", "refresh_token", "token_expires_at", "keepalive_due_at", "refresh_started_at")
    assert [await sahha.column(name) for name in kept] == [None] * len(kept)
    for _ in range(3):
        await sahha.world.step(hours=20, webhooks=False)
        await sahha.world.work()
    connection = await sahha.connection()
    assert connection is not None
    assert connection.state == "connected"
    assert [await sahha.column(name) for name in kept] == [None] * len(kept)


async def test_an_id_that_another_user_holds_is_a_conflict(sahha: Sahha) -> None:
    await sahha.settled()
    with pytest.raises(Conflict):
        await sahha.join("ben", ANN)
    assert await sahha.connection("ben") is None


async def test_an_id_that_sahha_does_not_take_is_refused(sahha: Sahha) -> None:
    for wanted in ("ann@mail.example", "x" * 101):
        with pytest.raises(BadRequest):
            await sahha.join("ann", wanted)
    assert await sahha.connection() is None


async def test_no_consent_can_be_started(sahha: Sahha) -> None:
    with pytest.raises(Conflict):
        await begin(sahha.world.engine, "ann", "sahha")


async def test_disconnecting_tells_sahha_nothing_and_names_what_remains(sahha: Sahha) -> None:
    await sahha.settled()
    sahha.watch()
    ended = await disconnect.disconnect(sahha.world.engine, "ann", "sahha", erase=False)
    await sahha.world.work()
    assert (ended.had_connection, ended.revocation) == (True, None)
    assert ended.remains is not None
    assert (ended.remains.provider, ended.remains.external_user_id) == ("sahha", ANN)
    assert sahha.asked == []
    assert await sahha.values("score")
    found = await status(sahha.world.engine.db, sahha.world.clock, "ann", "sahha")
    assert found.state == "not_connected"


async def test_erasing_leaves_nothing_and_says_once_what_remains(sahha: Sahha) -> None:
    await sahha.settled()
    await sahha.push()
    await sahha.deliver()
    sahha.watch()
    [ended] = (await disconnect.erase_user(sahha.world.engine, "ann")).ended
    await sahha.world.work()
    assert ended.remains is not None
    assert sahha.asked == []
    for table in ("connection", "record", "day_document", "metric", "delivery", "sync_state", "parked_record"):
        assert await sahha.world.rows(f"select 1 from wearbase.{table} where user_id = 'ann'") == [], table
    assert (await disconnect.erase_user(sahha.world.engine, "ann")).ended == []


async def test_reconnecting_goes_on_where_it_stood_and_another_account_begins_anew(sahha: Sahha) -> None:
    await sahha.settled()
    before = await sahha.states()
    await disconnect.disconnect(sahha.world.engine, "ann", "sahha", erase=False)
    await sahha.world.step(hours=1, webhooks=False)
    await sahha.join()
    await sahha.world.work()
    after = await sahha.states()
    assert all(after[name]["watermark"] > before[name]["watermark"] for name in before)
    assert all(after[name]["history_from"] == before[name]["history_from"] for name in before)
    await sahha.profile("u-another", user_id=2)
    with pytest.raises(OtherAccount):
        await sahha.join("ann", "u-another")
    assert (await sahha.states()).keys() == after.keys()
    await disconnect.disconnect(sahha.world.engine, "ann", "sahha", erase=True)
    await sahha.join("ann", "u-another")
    assert all(s["watermark"] is None for s in (await sahha.states()).values())


async def test_a_history_that_is_shorter_than_what_is_read_anyway_is_no_defect(database_url: str) -> None:
    """BACKFILL_DAYS may be 4; a reconciliation of Sahha reaches seven days back."""
    async with bench(database_url, has_sahha=True, days=4, backfill_days=4) as world:
        await join(world.engine, "ann", "sahha")
        await world.work()
        found = (await status(world.engine.db, world.clock, "ann", "sahha")).resources
        assert {name: (one["error"], one["status"]) for name, one in found.items()} == dict.fromkeys(found, (None, "success"))
        reach = {row["history_from"] for row in await world.rows("select history_from from wearbase.sync_state")}
        assert reach == {world.clock.now() - timedelta(days=8)}
