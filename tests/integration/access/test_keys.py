"""Service keys on a real database: shown once, kept as hashes, revoked everywhere within seconds."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from wearbase.access import keys as module
from wearbase.access.caller import MEMBER_SCOPES, Caller
from wearbase.access.keys import KeyBook
from wearbase.domain.clock import SteppedClock
from wearbase.domain.errors import BadRequest, DatabaseUnavailable, NotFound
from wearbase.store.postgres.database import Database, rows

NOW = datetime(2026, 11, 18, 14, tzinfo=UTC)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    await made.open()
    yield made
    await made.close()


async def test_a_key_is_shown_once_and_kept_as_a_hash(db: Database) -> None:
    book = KeyBook(db, SteppedClock(NOW))
    made = await book.create("backend", ["read", "sync"])
    assert re.fullmatch(r"wb_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", made.secret)
    assert made.secret not in repr(made)
    async with db.connection() as tx:
        stored = await rows(tx, "select * from wearbase.api_key")
    assert made.secret.split("_", 2)[2] not in str(stored)
    assert made.stored.prefix in made.secret
    found = await book.find(made.secret.encode())
    assert found is not None
    assert found.scopes == {"read", "sync"}
    assert await book.find(made.secret[:-1].encode()) is None
    assert await book.find(b"\xff") is None


async def test_a_key_revoked_in_another_process_is_refused_within_five_seconds(db: Database) -> None:
    mine, other = KeyBook(db, SteppedClock(NOW)), KeyBook(db, SteppedClock(NOW))
    secret = (await other.create("backend", ["read"])).secret.encode()
    assert await mine.find(secret) is not None
    await other.revoke(secret.decode().split("_")[1])
    assert module.USABLE_S < 5
    async with asyncio.timeout(30):
        while await mine.find(secret) is not None:  # noqa: ASYNC110 the book is asked
            await asyncio.sleep(0.05)


async def test_a_steady_stream_of_requests_costs_a_query_a_second_at_most(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    book, reads = KeyBook(db, SteppedClock(NOW)), 0
    secret = (await book.create("backend", ["read"])).secret.encode()
    every = module.keys.every

    async def counted(tx):
        nonlocal reads
        reads += 1
        return await every(tx)

    monkeypatch.setattr(module.keys, "every", counted)
    found = await asyncio.gather(*(book.find(secret) for _ in range(500)))
    assert all(found)
    assert reads == 1


async def test_the_last_use_is_noted_at_most_once_a_minute(db: Database) -> None:
    clock = SteppedClock(NOW)
    book = KeyBook(db, clock)
    secret = (await book.create("backend", ["read"])).secret.encode()
    await book.find(secret)
    assert book._noting is not None
    await book._noting
    clock.advance(timedelta(seconds=30))
    await book.find(secret)
    await book._noting
    assert (await book.list())[0].last_used_at == NOW


async def test_an_expired_key(db: Database) -> None:
    clock = SteppedClock(NOW)
    book = KeyBook(db, clock)
    secret = (await book.create("short", ["read"], NOW + timedelta(minutes=1))).secret.encode()
    assert await book.find(secret) is not None
    clock.advance(timedelta(minutes=1))
    assert await book.find(secret) is None


async def test_bad_wishes(db: Database) -> None:
    book = KeyBook(db, SteppedClock(NOW))
    for name, scopes, expires in (
        ("", ["read"], None),
        *((name, ["read"], None) for name in ("a\n", " a", "a\x1b[2Jb", "a\x9bb", "a\u202eb", "a\u2028b", "a\ud800", "a" * 101)),
        ("a", [], None),
        ("a", ["all"], None),
        ("a", ["read"], NOW),
    ):
        with pytest.raises(BadRequest):
            await book.create(name, scopes, expires)
    with pytest.raises(NotFound):
        await book.revoke("nothing")


async def test_the_environments_key_works_without_a_database_and_others_do_not_turn_into_401(db: Database) -> None:
    book = KeyBook(db, SteppedClock(NOW), env_secret="environment-key-0123456789", env_scopes=("read",))
    await db.close()
    found = await book.find(b"environment-key-0123456789")
    assert found is not None
    assert found.scopes == {"read"}
    with pytest.raises(DatabaseUnavailable):
        await book.find(b"wb_abcdefgh_secret")


async def test_a_key_is_rotated_without_a_moment_in_which_none_works(db: Database) -> None:
    clock = SteppedClock(NOW)
    book = KeyBook(db, clock)
    first = await book.create("backend", ["read", "sync"], NOW + timedelta(days=90))
    clock.advance(timedelta(days=80))
    made, old = await book.rotate(first.stored.prefix, grace=timedelta(hours=24))
    assert (made.stored.name, made.stored.scopes) == ("backend", ["read", "sync"])
    assert made.stored.expires_at == clock.now() + timedelta(days=90)  # as long a life again
    assert old.expires_at == clock.now() + timedelta(hours=24)
    for secret in (first.secret, made.secret):
        found = await book.find(secret.encode())
        assert found is not None
        assert found.scopes == {"read", "sync"}
    clock.advance(timedelta(hours=24))
    assert await book.find(first.secret.encode()) is None
    assert await book.find(made.secret.encode()) is not None
    with pytest.raises(NotFound):
        await book.rotate(first.stored.prefix)


async def test_a_grace_never_lengthens_a_keys_life_and_without_one_it_stays_as_it_was(db: Database) -> None:
    clock = SteppedClock(NOW)
    book = KeyBook(db, clock)
    short = await book.create("short", ["read"], NOW + timedelta(hours=1))
    _, old = await book.rotate(short.stored.prefix, grace=timedelta(days=7))
    assert old.expires_at == NOW + timedelta(hours=1)
    assert {k.expires_at for k in await book.list() if k.id == old.id} == {NOW + timedelta(hours=1)}
    lasting = await book.create("lasting", ["ops"])
    made, old = await book.rotate(str(lasting.stored.id))
    assert (made.stored.expires_at, old.expires_at) == (None, None)


def made_by(key: str, at: datetime = NOW) -> Caller:
    return Caller(kind="member", key_id=f"member:kid:{key}", scopes=MEMBER_SCOPES, user_id="ann", made_at=at, by_key=key)


async def test_what_a_revoked_key_made_ends_with_it_in_another_process(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as the key itself: both are looked up in what was read of the keys at most `USABLE_S` ago."""
    mine, other = KeyBook(db, SteppedClock(NOW)), KeyBook(db, SteppedClock(NOW))
    prefix = (await other.create("backend", ["connect"])).stored.prefix
    assert not await mine.has_taken_back(made_by(prefix))
    await other.revoke(prefix)
    later = made_by(prefix, NOW + timedelta(seconds=3))  # by a process that had not heard yet
    assert not await mine.has_taken_back(made_by(prefix)), "what was read is young enough"
    monkeypatch.setattr(module, "USABLE_S", 0)
    monkeypatch.setattr(module, "FRESH_S", 0)
    assert await mine.has_taken_back(made_by(prefix))
    assert await mine.has_taken_back(later)
    assert not await mine.has_taken_back(made_by("anothers"))
    assert not await mine.has_taken_back(replace(later, by_key=None))


async def test_a_key_that_was_replaced_or_has_expired_takes_nothing_back_but_revoking_it_does(db: Database) -> None:
    clock = SteppedClock(NOW)
    book = KeyBook(db, clock)
    first, second = [(await book.create("backend", ["connect"], NOW + timedelta(days=9))).stored.prefix for _ in range(2)]
    await book.rotate(first, grace=timedelta(hours=1))
    assert await book.revoke(second, keeps_members=True) == 1
    with pytest.raises(NotFound):
        await book.revoke(second, keeps_members=True)
    clock.advance(timedelta(hours=2))
    for prefix in (first, second):
        assert not await book.has_taken_back(made_by(prefix))
        assert await book.revoke(prefix) == 1  # it was stolen after all
        assert await book.has_taken_back(made_by(prefix))


async def test_what_the_environments_key_had_made_is_taken_back_and_it_goes_on(db: Database) -> None:
    clock = SteppedClock(NOW)
    book = KeyBook(db, clock, env_secret="environment-key-0123456789")
    soon = NOW + timedelta(minutes=1)
    for at in (NOW, soon):
        assert not await book.has_taken_back(made_by("environment", at))
        assert await book.revoke("environment") == 1
        clock.advance(timedelta(minutes=1))
        assert await book.has_taken_back(made_by("environment", at))
        assert not await book.has_taken_back(made_by("environment", clock.now()))
    assert await book.has_taken_back(made_by("environment"))
    assert await book.find(b"environment-key-0123456789") is not None
    assert await book.find(b"environment") is None
    assert len(await book.list()) == 1


async def test_members_tokens_cost_a_query_a_second_at_most(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    book, reads = KeyBook(db, SteppedClock(NOW)), 0
    every = module.keys.every

    async def counted(tx):
        nonlocal reads
        reads += 1
        return await every(tx)

    monkeypatch.setattr(module.keys, "every", counted)
    assert not any(await asyncio.gather(*(book.has_taken_back(made_by("environment")) for _ in range(500))))
    assert reads == 1
