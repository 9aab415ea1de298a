"""A newer key for stored secrets: everything is sealed again while workers run, and nothing is lost or opens elsewhere."""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from tests.integration.harness import Bench
from wearbase.cli.custody.ring import _check_others
from wearbase.cli.exits import Stop
from wearbase.store import connections
from wearbase.store.connections import Consent, SealedPair
from wearbase.store.postgres.database import run
from wearbase.store.sealed import resealing
from wearbase.store.sealed.columns import COLUMNS, SealedColumn
from wearbase.store.sealing import KeyRing, SealBroken
from wearbase.store.work import chores
from wearbase.store.work.chores import NewChore
from wearbase.sync import connect, disconnect
from wearbase.sync.upkeep.resealing import is_given, note_ring, reseal_all, ring_use, started_last

OLD, NEW, LOST = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
NOT_SEALED = {  # bytes that are hashes, or a webhook's body
    ("oauth_state", "state_hash"), ("oauth_state", "browser_hash"), ("delivery", "dedup_key"), ("delivery", "member_hash"),
    ("delivery", "body"), ("api_key", "key_hash"), ("member_session", "secret_hash"),
    ("member_session", "before_hash"), ("sign_in_link", "link_hash"), ("ops_session", "token_hash"), ("ops_session", "key_hash"),
    ("erasure_mark", "mark"),
}  # fmt: skip


def test_every_column_of_bytes_is_known_to_be_sealed_or_not(database_url: str) -> None:
    """A new one has to be named here or in COLUMNS: what is sealed and not in COLUMNS would be lost with its key."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'wearbase' and data_type = 'bytea'"
        ).fetchall()
    assert {(c.table, c.column) for c in COLUMNS} | NOT_SEALED == set(found)


async def sealed_rows(world: Bench, column: SealedColumn) -> list[dict[str, Any]]:
    user, provider, kind = column.bound_to
    return await world.rows(
        f"select {column.column} as value, {user} as user_id, {provider} as provider, {kind} as kind "
        f"from wearbase.{column.table} where {column.column} is not null"
    )


async def fill(world: Bench, members: int) -> None:
    """Something sealed in every column, as the engine itself seals it."""
    now, ring = world.clock.now(), world.engine.keys
    async with world.engine.db.transaction() as tx:
        for number in range(members):
            user = f"member-{number}"
            await connections.put(
                tx, user_id=user, provider="whoop", external_user_id=str(number), asked_scopes=[], scopes=[], now=now
            )  # fmt: skip
            who = {"user_id": user, "provider": "whoop"}
            pair = SealedPair(
                access_token=ring.seal(f"access-{number}", **who, kind="access"),
                refresh_token=ring.seal(f"refresh-{number}", **who, kind="refresh"), expires_at=now + timedelta(hours=1), scopes=[],
                keepalive_due_at=None,
            )  # fmt: skip
            await connections.put_grant(tx, **who, pair=pair)
        made = uuid.uuid4()
        sealed = ring.seal("tokens", user_id=str(made), provider="whoop", kind=disconnect.REVOKE)
        await chores.add(
            tx, NewChore(id=made, kind=disconnect.REVOKE, due_at=now, priority=0, payload={"provider": "whoop"}, sealed=sealed), now=now
        )
        consent = Consent(
            user_id="member-0", provider="whoop", redirect_uri="x", redirect_url=None, browser_hash=None, started_by="service",
            asked_scopes=[], expires_at=now + timedelta(hours=1),
            sealed_grant=ring.seal("grant", user_id="member-0", provider="whoop", kind=connect.FINISH),
        )  # fmt: skip
        await connections.put_consent(tx, b"hash-of-a-state", consent, now=now)


async def test_every_sealed_value_is_sealed_again_and_still_opens_only_for_its_own_row(world: Bench) -> None:
    await fill(world, members=7)
    ring = KeyRing([NEW, OLD])
    assert (await ring_use(world.engine.db, ring)).to_reseal == 16
    done = await reseal_all(world.engine.db, ring)
    assert (done.resealed, done.unreadable, done.left) == (16, 0, 0)
    use, only_new = await ring_use(world.engine.db, ring), KeyRing([NEW])
    assert use.unused == [KeyRing([OLD]).first_id.hex()]
    opened = set()
    for column in COLUMNS:
        found = await sealed_rows(world, column)
        assert found, column
        for one in found:
            value = bytes(one.pop("value"))
            opened.add(only_new.open(value, **one))
            with pytest.raises(SealBroken):
                only_new.open(value, **{**one, "user_id": "another-user"})
            with pytest.raises(SealBroken):
                only_new.open(value, **{**one, "kind": "another-kind"})
    assert {"access-0", "refresh-6", "tokens", "grant"} <= opened
    assert (await reseal_all(world.engine.db, ring)).resealed == 0  # begun again it finds nothing to do


async def test_a_token_moved_to_another_members_row_does_not_open_there(world: Bench) -> None:
    await fill(world, members=2)
    async with world.engine.db.transaction() as tx:
        moved = (
            "update wearbase.connection a set access_token = b.access_token, refresh_token = b.refresh_token from wearbase.connection b "
        )
        await run(tx, moved + "where a.user_id = 'member-1' and b.user_id = 'member-0'")
    async with world.engine.db.connection() as tx:
        stolen = await connections.get(tx, "member-1", "whoop")
    assert stolen is not None
    with pytest.raises(SealBroken):
        await world.engine.gateway.grants.access_token(world.engine.app("whoop"), stolen)
    # nor is it made its own by sealing it again
    done = await reseal_all(world.engine.db, KeyRing([NEW, OLD]))
    assert done.unreadable == 2


async def test_it_goes_on_where_it_was_broken_off(world: Bench) -> None:
    await fill(world, members=9)
    db, ring = world.engine.db, KeyRing([NEW, OLD])
    column = COLUMNS[0]
    async with db.transaction() as tx:
        first = await resealing.step(tx, column, ring, after=None, most=4)
    assert (first.resealed, first.after) == (4, ("member-3", "whoop"))
    with suppress(ConnectionResetError):
        async with db.transaction() as tx:
            await resealing.step(tx, column, ring, after=first.after, most=4)
            raise ConnectionResetError("killed")
    assert (await reseal_all(db, ring)).resealed == 20 - 4


async def test_a_token_refreshed_meanwhile_stays_the_newer_one(world: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(world, members=3)
    who, now = {"user_id": "member-1", "provider": "whoop"}, world.clock.now()
    real = resealing._replace

    async def overtaken(tx: Any, column: SealedColumn, changed: Any) -> int:
        if column.column == "refresh_token":
            async with world.engine.db.transaction() as other:
                pair = SealedPair(
                    access_token=KeyRing([OLD]).seal("newer-access", **who, kind="access"),
                    refresh_token=KeyRing([OLD]).seal("newer-refresh", **who, kind="refresh"), expires_at=now, scopes=[],
                    keepalive_due_at=None,
                )  # fmt: skip
                await connections.put_grant(other, **who, pair=pair)
            monkeypatch.setattr(resealing, "_replace", real)
        return await real(tx, column, changed)

    monkeypatch.setattr(resealing, "_replace", overtaken)
    done = await reseal_all(world.engine.db, KeyRing([NEW, OLD]))
    assert done.left == 0  # a second pass took the newer pair
    async with world.engine.db.connection() as tx:
        stored = await connections.grant(tx, "member-1", "whoop")
    assert stored is not None
    assert stored.refresh_token is not None
    assert KeyRing([NEW]).open(bytes(stored.refresh_token), **who, kind="refresh") == "newer-refresh"


async def test_workers_go_on_while_it_runs(world: Bench) -> None:
    """Refreshing, visiting and sealing again at once: every record comes, every grant works, and all is by the newest key."""
    ring = KeyRing([NEW, OLD])
    for number in range(3):
        await world.connect(f"user-{number}", number)
    object.__setattr__(world.engine, "keys", ring)
    world.engine.gateway.grants._keys = ring
    app = world.engine.app("whoop")

    async def refresh() -> None:
        for number in range(3):
            async with world.engine.db.connection() as tx:
                found = await connections.get(tx, f"user-{number}", "whoop")
            assert found is not None
            await world.engine.gateway.grants.keep_alive(app, found)

    await asyncio.gather(world.work(), refresh(), reseal_all(world.engine.db, ring))
    assert (await reseal_all(world.engine.db, ring)).left == 0
    world.engine.gateway.grants._keys = KeyRing([NEW])
    await refresh()
    for number in range(3):
        account = (await world.members())[number]["user_id"]
        await world.same_as_truth(f"user-{number}", account)


async def test_what_no_key_opens_is_counted_and_left_as_it_is(world: Bench) -> None:
    await fill(world, members=2)
    done = await reseal_all(world.engine.db, KeyRing([NEW, LOST]))
    assert (done.resealed, done.unreadable, done.left) == (0, 6, 0)
    assert (await ring_use(world.engine.db, KeyRing([NEW, LOST]))).unknown == 6
    assert (await reseal_all(world.engine.db, KeyRing([NEW, OLD]))).resealed == 6


async def test_a_revocation_is_forgotten_under_the_name_that_an_older_key_gave(world: Bench) -> None:
    """Else the old grant's end, told late, would end the grant of a member who has connected again."""
    account = (await world.members())[0]["user_id"]
    await world.connect("ann")
    await disconnect.disconnect(world.engine, "ann", "whoop", erase=False)
    newer = replace(world.engine, keys=KeyRing([OLD, NEW]))  # the name is now made by another key
    async with newer.db.transaction() as tx:
        await disconnect.forget_revocations(tx, newer, str(account))
    assert await world.rows("select 1 as n from wearbase.chore where kind = 'revoke'") == []


def given(world: Bench, ring: KeyRing) -> None:
    """What a restart with other keys does."""
    object.__setattr__(world.engine, "keys", ring)
    world.engine.gateway.grants._keys = ring


async def test_a_token_that_no_key_opens_is_not_taken_for_dead_and_waits_for_its_key(world: Bench) -> None:
    """A key was taken out too early: nothing is marked, spent or given up, and with the key all goes on at once."""
    await world.connect("ann")
    right, app = world.engine.keys, world.engine.app("whoop")
    given(world, KeyRing([LOST]))
    async with world.engine.db.transaction() as tx:
        await run(tx, "update wearbase.connection set token_expires_at = %s", (world.clock.now(),))
        ann = await connections.get(tx, "ann", "whoop")
    assert ann is not None
    for _ in range(3):
        with pytest.raises(SealBroken):
            await world.engine.gateway.grants.access_token(app, ann)
    await world.mark(user_id="ann")
    await world.work()
    found = await world.rows("select state, refresh_started_at, refresh_attempts, refused_at from wearbase.connection")
    assert found == [{"state": "connected", "refresh_started_at": None, "refresh_attempts": 0, "refused_at": None}]
    given(world, right)
    assert (await world.engine.gateway.grants.access_token(app, ann)).text


async def test_who_wants_to_go_is_let_go_though_no_key_opens_their_token(world: Bench) -> None:
    for number, user in enumerate(("ann", "bob")):
        await world.connect(user, number)
    given(world, KeyRing([LOST]))
    ended = await disconnect.disconnect(world.engine, "ann", "whoop", erase=False)
    gone = await disconnect.erase_user(world.engine, "bob")
    for one in (ended, *gone.ended):
        assert (one.had_connection, one.revocation, one.is_unrevoked) == (True, None, True)
        assert one.remains is not None
        assert one.remains.text == disconnect.NOT_REVOKED
        assert not await disconnect.until_revoked(world.engine, one, at_most_s=60)
    assert await world.rows("select user_id, state, access_token, refresh_token from wearbase.connection") == [
        {"user_id": "ann", "state": "disconnected", "access_token": None, "refresh_token": None}
    ]


async def test_erasing_says_that_a_source_which_is_no_longer_set_up_was_not_told(world: Bench) -> None:
    await world.connect("ann")
    without = replace(world.engine, apps={})
    [ended] = (await disconnect.erase_user(without, "ann")).ended
    assert (ended.had_connection, ended.is_unrevoked) == (True, True)
    assert await world.rows("select 1 as n from wearbase.connection") == []


async def test_nothing_is_sealed_with_a_key_that_the_running_processes_were_not_given(world: Bench) -> None:
    """Else every token would be closed to them at once."""
    await fill(world, members=1)
    db, now = world.engine.db, world.clock.now()
    assert (await note_ring(db, KeyRing([NEW, OLD]), host="h", now=now)).unknown == 0
    async with db.transaction() as tx:
        await chores.beat(tx, "a-worker", now=now)

    def running(ring: KeyRing) -> Any:
        return SimpleNamespace(db=db, engine=world.engine, place=SimpleNamespace(keys=ring))

    await _check_others(running(KeyRing([OLD, NEW])))
    with pytest.raises(Stop, match="was not given"):
        await _check_others(running(KeyRing([LOST, NEW, OLD])))
    assert not is_given(KeyRing([OLD, NEW]), await started_last(db))
    async with db.transaction() as tx:
        await chores.retire(tx, "a-worker")
    await _check_others(running(KeyRing([LOST, NEW, OLD])))  # nobody is there to be shut out
    assert (await note_ring(db, KeyRing([LOST]), host="h", now=now)).unknown == 4
