"""Whoever still holds a credential from before an erasure stores nothing after it; who signs in anew begins anew."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.integration.api.conftest import problem
from tests.integration.api.test_consents import code_for, start
from tests.integration.api.test_trail import CHANGED_BY_GET
from tests.integration.attacks.arena import FROM_APP, Arena, Headers, arena
from tests.integration.attacks.test_matrix import DOORS, Door
from wearbase.access import sessions
from wearbase.store import connections, erasure
from wearbase.store.audit.acting import acting
from wearbase.store.member import marks
from wearbase.store.sealing import KeyRing
from wearbase.sync import disconnect
from wearbase.sync.chores import plan_chores

PREFERENCES = "/api/v1/users/ann/preferences"
# What a member may change, and what of it an older credential still may; by the routes there are, so that a new one cannot be forgotten.
CHANGES = {
    route: door for route, door in DOORS.items()
    if door.asks in ("member", "anybody's") and (not route.startswith("GET") or tuple(route.split(" ")) in CHANGED_BY_GET)
}  # fmt: skip
STILL_MAY = {
    "DELETE /api/v1/users/{user_id}": "erasing again takes away; the answer before may have been lost",
    "GET /api/v1/users/{user_id}/export": "there is nothing, and nothing is stored of it",
}
REFUSED = {**{route: door for route, door in CHANGES.items() if route not in STILL_MAY},
           "a source joined by account": Door("member", "connect", "/api/v1/sahha/connect/ann")}  # fmt: skip


@pytest.fixture
async def place(database_url: str) -> AsyncIterator[Arena]:
    async with arena(database_url) as made:
        yield made


async def held(a: Arena) -> dict[str, Headers]:
    """Every kind of credential of a member, made now."""
    return {
        "a token": a.token("ann"), "a token in part": a.token("ann", by=("connect", "sync")), "the provider's": a.identity("ann"),
        "the provider's of no known time": a.identity("ann", iat=None), "a session": {**await a.session("ann"), **FROM_APP},
    }  # fmt: skip


async def rows_of_ann(a: Arena) -> dict[str, int]:
    tables = await a.service.world.rows(
        "select table_name as t from information_schema.columns where table_schema = 'wearbase' and column_name = 'user_id'"
    )
    real = {row["tablename"] for row in await a.service.world.rows("select tablename from pg_tables where schemaname = 'wearbase'")}
    names = [row["t"] for row in tables if row["t"] in real]
    counts = {t: await a.service.world.rows(f"select count(*) as n from wearbase.{t} where user_id = 'ann'") for t in names}
    return {t: found[0]["n"] for t, found in counts.items() if found[0]["n"]}


async def ask(a: Arena, what: str, door: Door, headers: Headers) -> httpx2.Response:
    method = what.split(" ")[0]
    return await a.call("POST" if method == "a" else method, door.path, headers, door.body)


async def test_what_was_made_before_stores_nothing_wherever_a_member_may_store_something(
    place: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "USABLE_S", 600)  # this process has not heard yet that the session is gone
    before, service = await held(place), place.service
    for headers in before.values():
        assert (await place.call("PUT", PREFERENCES, headers, {})).status_code == 200
    await disconnect.erase_user(service.world.engine, "ann")
    assert REFUSED.keys() > {
        "PUT /api/v1/users/{user_id}/preferences",
        "POST /api/v1/{provider}/connect/{user_id}",
        "POST /v1/pull/{user_id}",
    }
    wrong = []
    for what, door in REFUSED.items():
        for kind, headers in before.items():
            answer = await ask(place, what, door, headers)
            is_refused = answer.status_code == 401 and answer.json()["error"]["code"] == "made_before_erasure"
            if not is_refused:
                wrong.append(f"{what}, {kind}: {answer.status_code} {answer.text[:100]}")
    assert wrong == []
    assert await rows_of_ann(place) == {}
    read = (await service.get("/api/v1/whoop/sync-status/ann", headers=before["a token"])).json()
    assert read["state"] == "not_connected"
    again = await place.call("DELETE", "/api/v1/users/ann", before["a token"], {"confirm": "ann"})
    assert (again.status_code, again.json()["records"]) == (200, 0)


async def test_who_signs_in_anew_begins_anew_and_others_are_not_touched(place: Arena) -> None:
    before, other = place.token("ann"), place.token("bob")
    await disconnect.erase_user(place.service.world.engine, "ann")
    assert (await place.call("PUT", PREFERENCES.replace("ann", "bob"), other, {})).status_code == 200
    assert (await place.call("PUT", PREFERENCES, await place.key("connect"), {})).status_code == 200, "a backend's own"
    place.service.world.clock.advance(timedelta(milliseconds=5))
    soon = place.token("ann")
    place.service.world.clock.advance(timedelta(seconds=1))
    for kind, headers in {**(await held(place)), "5 ms later": soon}.items():
        if kind != "the provider's of no known time":
            assert (await place.call("PUT", PREFERENCES, headers, {"units": {"energy": "kj"}})).status_code == 200, kind
            assert (await place.call("POST", "/api/v1/whoop/connect/ann", headers)).status_code == 200, kind
    problem(await place.call("PUT", PREFERENCES, before, {}), 401, "made_before_erasure")
    started = await start(place.service, headers=soon)
    given = {"state": started["state"], "code": await code_for(place.service, started)}
    problem(await place.call("POST", "/v1/oauth/callback", before, given), 401, "made_before_erasure")
    assert (await place.call("POST", "/v1/oauth/callback", soon, given)).status_code == 200, "it was not used up"
    problem(await place.call("DELETE", "/api/v1/whoop/connect/ann", before), 401, "made_before_erasure")
    problem(await place.call("POST", "/api/v1/whoop/sync/ann", before, {}), 401, "made_before_erasure")
    assert (await place.call("GET", "/v1/data/ann/profile", soon)).json()["state"] == "connected"


async def test_what_is_asked_while_a_member_is_erased_comes_after_it(place: Arena) -> None:
    engine, before = place.service.world.engine, place.token("ann")
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, "ann")
        wishes: list[asyncio.Task[Any]] = [
            asyncio.create_task(place.call("PUT", PREFERENCES, before, {})),
            asyncio.create_task(place.call("POST", "/api/v1/whoop/connect/ann", before)),
            asyncio.create_task(place.call("POST", "/api/v1/sahha/connect/ann", before)),
        ]
        await asyncio.wait(wishes, timeout=0.3)  # they wait for the member's lock
        await erasure.erase_user(tx, "ann")
        await marks.put(tx, engine.keys, "ann", at=engine.clock.now())
    for wish in wishes:
        problem(await wish, 401, "made_before_erasure")
    assert await rows_of_ann(place) == {}


async def test_a_mark_names_nobody_stands_for_every_key_and_goes_by_age(place: Arena) -> None:
    world, old, new = place.service.world, bytes(range(32)), bytes(range(1, 33))
    before, after, alone = KeyRing([old]), KeyRing([new, old]), KeyRing([new])
    async with world.engine.db.transaction() as tx:
        await marks.put(tx, before, "ann", at=world.clock.now())
        await marks.put(tx, after, "eve", at=world.clock.now())
    stored = {bytes(row["mark"]) for row in await world.rows("select mark from wearbase.erasure_mark")}
    assert len(stored) == 3
    named = {h for keys in (before, after, alone) for user in ("ann", "eve") for h in keys.keyed_hashes(user)}
    assert not stored & named, "logs and chores name members by these"

    async def is_marked(keys: KeyRing, user_id: str) -> bool:
        async with world.engine.db.connection() as tx:
            with acting("member", made_at=world.clock.now() - timedelta(days=40)):
                try:
                    await marks.check(tx, keys, user_id)
                except marks.MadeBeforeErasure:
                    return True
        return False

    assert [await is_marked(keys, "ann") for keys in (before, after, alone)] == [True, True, False]
    assert [await is_marked(keys, "eve") for keys in (before, after, alone)] == [True, True, True]
    assert not await is_marked(after, "bob")
    await plan_chores(world.engine)
    world.clock.advance(timedelta(days=31))
    await world.work()
    assert await is_marked(before, "ann")
    world.clock.advance(timedelta(hours=1, seconds=1))
    await world.work()
    assert await world.rows("select 1 from wearbase.erasure_mark") == []
