"""After an erasure nothing tells of the member: not in any table, not in a fresh copy of the database, not when something comes late."""

import asyncio
import hashlib
import hmac
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.harness import SAHHA_SECRET
from tests.integration.rights.conftest import ANN, BOB, SAHHA_ID, Life
from wearbase.access.caller import Caller
from wearbase.domain.errors import BadRequest, ConnectionEnded
from wearbase.store import erasure
from wearbase.store.member import consents
from wearbase.store.postgres.copies import programs
from wearbase.store.work import copies
from wearbase.store.work.copies import Span
from wearbase.sync import connect, disconnect, join, retry
from wearbase.sync.chores import PRUNE, STANDING, plan_chores
from wearbase.sync.connect import Completer

# Tables that hold nothing by user: what is in them, and why it may stay.
WITHOUT_USER = {
    "audit": "lines with a random name, whose link is in audit_member", "audit_stand": "the last number of a line",
    "budget": "calls of the app; connections by our own number",
    "call_slot": "calls of the app, counted", "worker": "processes", "api_key": "service keys", "ops_session": "operators",
    "erasure_mark": "that somebody was erased, and when: a keyed hash that is nowhere else, for 31 days; test_after_erasing",
    "observation": "what was seen of a source", "alembic_version": "the schema's revision", "census": "counts",
}  # fmt: skip
NEVER_A_USER = {"chore"}  # its column is always empty; tokens to be revoked are sealed and gone once the provider is told
SERVICE = Completer(is_service=True)


def dumped(life: Life, path: Path) -> str:
    """A fresh copy of the whole database, as text."""
    url = life.world.engine.db.url
    with path.open("wb") as file:
        programs.run([programs.dumper(programs.major_of(url)), "--format=plain"], url=url, output=file)
    return path.read_text()


async def assert_nothing_left(life: Life) -> None:
    assert await life.found_in() == {}
    assert await life.of_ann("audit_member") == []


async def test_nothing_in_any_table_nor_in_a_fresh_copy_tells_of_an_erased_member(life: Life, tmp_path: Path) -> None:
    """A new table must hold something of the member before, so that its erasing is proved; or be named above."""
    tables = await life.tables()
    with_user = {name for name, columns in tables.items() if "user_id" in columns}
    assert {name for name in with_user if await life.of_ann(name)} == with_user - NEVER_A_USER
    assert tables.keys() - with_user == WITHOUT_USER.keys() & tables.keys()
    assert not tables.keys() - with_user - WITHOUT_USER.keys()
    await life.remember()
    assert len(life.needles) > 30
    assert (await life.found_in()).keys() == with_user - NEVER_A_USER  # the search sees what is there
    assert life.told_by(dumped(life, tmp_path / "before.sql")) is not None
    bobs = await life.world.rows("select count(*) as n from wearbase.record where user_id = %s", BOB)

    receipt = await life.erase()

    assert receipt["erased"] is True
    await assert_nothing_left(life)
    assert life.told_by(dumped(life, tmp_path / "after.sql")) is None
    assert await life.world.rows("select 1 from wearbase.chore where kind = 'revoke'") == []
    assert await life.world.rows("select count(*) as n from wearbase.record where user_id = %s", BOB) == bobs
    [line] = await life.world.rows("select * from wearbase.audit where action = 'user_erased'")
    assert line["member"] is not None
    assert (line["details"], line["provider"]) == ({}, None)
    [mark] = await life.world.rows("select * from wearbase.erasure_mark")
    keys = life.world.engine.keys
    assert mark.keys() == {"mark", "at"}
    assert bytes(mark["mark"]) not in {hashed for text in life.needles for hashed in keys.keyed_hashes(text)}


async def test_nothing_that_comes_late_brings_a_member_back(life: Life) -> None:
    await life.remember()
    begun = await connect.begin(life.world.engine, ANN, "whoop")
    code = await life.world.approve(begun.authorization_url, life.account)
    await life.world.event(life.account, "workout")  # its webhook is on its way
    parked = (await life.of_ann("parked_record"))[0]["id"]
    turn = (await life.of_ann("copy_turn"))[0]
    life.service.services.readers.note(Caller(kind="service", key_id="k", scopes=frozenset()), ANN, "/read/before")
    await life.erase()

    assert await life.world.deliver() > 0
    await tell_sahha(life)
    with pytest.raises(BadRequest):
        await connect.complete(life.world.engine, begun.state, code, by=SERVICE)
    assert [r.result for r in await retry.retry_parked(life.world.engine, [parked])] == ["gone"]
    span = Span(user_id=ANN, provider="elsewhere", start=turn["start_day"], end=turn["end_day"])
    async with life.world.engine.db.transaction() as tx:
        assert not await copies.holds(tx, span, turn["turn"])
    await life.service.services.readers.close()
    await life.world.step(hours=30)
    await life.world.deliver()
    await life.world.work()
    await assert_nothing_left(life)


async def tell_sahha(life: Life) -> None:
    body = orjson.dumps(
        [{"externalId": SAHHA_ID, "type": "sleep", "score": 0.5, "id": "late-score", "scoreDateTime": "2026-11-18T00:00:00Z"}]
    )
    signature = hmac.digest(SAHHA_SECRET.encode(), body, hashlib.sha256).hex()
    headers = {"x-signature": signature, "x-external-id": SAHHA_ID, "x-event-type": "ScoreCreatedIntegrationEvent"}
    await life.world.receiver.receive("sahha", headers, body)


def erasing_at(life: Life, path: str) -> list[str]:
    """Erases the member while a call of that path is under way; which calls that were."""
    met: list[str] = []

    async def meddle(request: Any, cloud: Any) -> Any:
        answer = await cloud(request)
        if request.url.path.endswith(path) and not met:
            met.append(request.url.path)
            await disconnect.erase_user(life.world.engine, ANN)
        return answer

    life.world.wire.meddle = meddle
    return met


async def test_who_is_erased_while_a_code_is_exchanged_is_not_connected_and_the_new_grant_is_revoked(life: Life) -> None:
    await life.erase()
    begun = await connect.begin(life.world.engine, ANN, "whoop")
    code = await life.world.approve(begun.authorization_url, life.account)
    met = erasing_at(life, "/token")
    with pytest.raises(BadRequest):
        await connect.complete(life.world.engine, begun.state, code, by=SERVICE)
    assert met
    assert len(await life.world.rows("select 1 from wearbase.chore where kind = 'revoke'")) == 1
    life.needles = {ANN, str(life.account)}
    await life.world.work()
    assert await life.world.rows("select 1 from wearbase.chore where kind = 'revoke'") == []
    await assert_nothing_left(life)


async def test_who_is_erased_while_being_joined_is_not_connected(life: Life) -> None:
    await life.erase()
    met = erasing_at(life, "/register")
    with pytest.raises(ConnectionEnded):
        await join.join(life.world.engine, ANN, "sahha", external_id=SAHHA_ID)
    assert met
    life.needles = {ANN, SAHHA_ID}
    await assert_nothing_left(life)


async def test_a_page_that_comes_after_the_erasure_is_not_stored(life: Life) -> None:
    await life.remember()
    await life.world.mark(user_id=ANN)
    met = erasing_at(life, "/sleep")
    await life.world.work()
    assert met
    await assert_nothing_left(life)


async def test_a_delivery_that_arrives_while_a_member_is_erased_does_not_stay(life: Life) -> None:
    await life.remember()
    await plan_chores(life.world.engine)
    await life.world.work()
    await life.world.event(life.account, "workout")
    async with life.world.engine.db.transaction() as tx:
        await erasure.erase_user(tx, ANN)
        arriving = asyncio.create_task(life.world.deliver())
        await asyncio.wait({arriving}, timeout=0.3)  # it meets rows that are being taken away
    await arriving
    await disconnect.erase_user(life.world.engine, BOB)  # any erasure has the next sweep done soon
    await life.world.step(seconds=11, webhooks=False)
    due = await life.world.rows("select due_at from wearbase.chore where id = %s", STANDING[PRUNE].id)
    assert due[0]["due_at"] <= life.world.clock.now()
    await life.world.work()
    await assert_nothing_left(life)


async def test_what_an_older_program_leaves_behind_as_it_erases_goes_with_the_next_sweep(life: Life) -> None:
    """Beside a newer one, in an update without a pause, it does not know the tables that came since."""
    await life.remember()
    await plan_chores(life.world.engine)
    await disconnect.erase_user(life.world.engine, ANN)
    left = [("whoop", ANN), ("elsewhere", "carl")]  # the latter's connection is stored by another wearbase
    async with life.world.engine.db.transaction() as tx:
        for provider, user_id in left:
            agreed = consents.Agreed(provider=provider, version=None, given_at=life.world.clock.now(), given_by="key")
            await consents.record(tx, user_id, agreed)
    await life.world.step(seconds=11, webhooks=False)
    await life.world.work()
    await assert_nothing_left(life)
    assert [row["user_id"] for row in await life.world.rows("select user_id from wearbase.consent where user_id <> %s", BOB)] == ["carl"]
