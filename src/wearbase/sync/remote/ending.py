"""Ending a connection that another wearbase keeps. What is to be erased is erased here at once, and there by a chore until it is done."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote

import structlog

from wearbase.domain.errors import PassedOn, ServiceAnswerUnusable, ServiceRefusesKey, ServiceUnavailable
from wearbase.store import connections
from wearbase.store.audit import trail
from wearbase.store.member import marks
from wearbase.store.postgres.database import Tx
from wearbase.store.work import chores, copies
from wearbase.store.work.chores import Chore, NewChore
from wearbase.store.work.due import Priority
from wearbase.sync import combine, disconnect
from wearbase.sync.disconnect import Erasure
from wearbase.sync.engine import Engine
from wearbase.transport.remote import Remote

log = structlog.get_logger()

AT_SERVICE = "end_at_service"
TRIED_AT_ONCE = timedelta(seconds=12)  # longer than a call lasts
NOT_DONE = (ServiceUnavailable, ServiceRefusesKey, ServiceAnswerUnusable, PassedOn)

What = Literal["data", "user"]


@dataclass(frozen=True, slots=True)
class EndedThere:
    """What the service answered; None where it could not be reached, or refused: then a chore goes on trying."""

    provider: str
    answer: Mapping[str, Any] | None
    had_copy: bool = False


@dataclass(frozen=True, slots=True)
class UserErased:
    """What was ended here, and at the services."""

    here: Erasure
    there: list[EndedThere] = field(default_factory=list)


def member_of(engine: Engine, user_id: str) -> str:
    """Names a member in a chore without naming them."""
    return engine.keys.keyed_hash(user_id).hex()


async def end(engine: Engine, remote: Remote, user_id: str, *, erase: bool) -> EndedThere:
    """Ends the connection there; erases the copy in any case if asked.

    Raises: ServiceUnavailable, PassedOn, ... unless erasing; then nothing has changed.
    """
    if erase:
        return await _erase(engine, remote, user_id)
    async with engine.db.connection() as tx:
        await marks.check(tx, engine.keys, user_id)
    answer = remote.parsed(await remote.call("DELETE", _path(remote, user_id), params={"data": "keep"}))
    async with engine.db.transaction() as tx:
        await connections.lock_member(tx, user_id)
        await copies.end_copy(tx, user_id, remote.name, now=engine.clock.now())
        await trail.write(tx, "disconnected", user_id=user_id, provider=remote.name, now=engine.clock.now())
    return EndedThere(remote.name, answer)


async def erase_user(engine: Engine, user_id: str) -> UserErased:
    """Removes every row of the user here, and there. A late answer finds no turn, a later one is not asked for until it is done there."""
    planned: dict[str, uuid.UUID] = {}
    async with engine.db.transaction() as tx:
        for name, remote in engine.remotes.items():
            planned[name] = await _plan(tx, engine, remote, user_id, "user")
    ended = await disconnect.erase_user(engine, user_id)
    return UserErased(ended, [await _try(engine, engine.remotes[name], user_id, "user", chore) for name, chore in planned.items()])


async def finish(engine: Engine, chore: Chore) -> None:
    """Erases at the service what is erased here. Raises ServiceUnavailable until it is done."""
    name = chore.payload["provider"]
    if name not in engine.remotes or chore.sealed is None:
        raise ServiceUnavailable("No service is set for a source of which something is still to be erased.", provider=name)
    told = json.loads(engine.keys.open(chore.sealed, user_id=str(chore.id), provider=name, kind=AT_SERVICE))
    try:
        await _call(engine.remotes[name], told["user_id"], told["what"])
    except NOT_DONE as error:
        log.warning("not erased at the service yet", provider=name, error=error.code, attempts=chore.attempts)
        raise ServiceUnavailable(provider=name) from error


async def finish_all(engine: Engine, remote: Remote, user_id: str) -> None:
    """Does now what is still to be erased there of a member who comes back. Raises ServiceUnavailable."""
    async with engine.db.connection() as tx:
        waiting = await chores.of_member(tx, AT_SERVICE, member=member_of(engine, user_id))
    for chore in (c for c in waiting if c.payload["provider"] == remote.name):
        await finish(engine, chore)
        async with engine.db.transaction() as tx:
            await chores.finish(tx, chore.id)


async def _erase(engine: Engine, remote: Remote, user_id: str) -> EndedThere:
    now = engine.clock.now()
    async with engine.db.transaction() as tx:
        await marks.hold(tx, engine.keys, user_id)
        chore = await _plan(tx, engine, remote, user_id, "data")
        had_copy = (await copies.standing(tx, user_id, remote.name)) is not None
        days = await copies.drop_copy(tx, user_id, remote.name)
        await copies.ask_anew(tx, user_id, remote.name)
        await combine.rebuild(tx, engine.combining, user_id, days, now=now)
        await trail.write(tx, "data_erased", user_id=user_id, provider=remote.name, now=now)
    ended = await _try(engine, remote, user_id, "data", chore)
    return EndedThere(remote.name, ended.answer, had_copy)


async def _plan(tx: Tx, engine: Engine, remote: Remote, user_id: str, what: What) -> uuid.UUID:
    chore_id, now = uuid.uuid4(), engine.clock.now()
    sealed = engine.keys.seal(json.dumps({"user_id": user_id, "what": what}), user_id=str(chore_id), provider=remote.name, kind=AT_SERVICE)
    payload = {"provider": remote.name, "member": member_of(engine, user_id)}
    chore = NewChore(id=chore_id, kind=AT_SERVICE, payload=payload, sealed=sealed, due_at=now + TRIED_AT_ONCE, priority=Priority.PERSON)
    await chores.add(tx, chore, now=now)
    return chore_id


async def _try(engine: Engine, remote: Remote, user_id: str, what: What, chore: uuid.UUID) -> EndedThere:
    """At once; what does not succeed is left to the chore."""
    try:
        answer = await _call(remote, user_id, what)
    except NOT_DONE as error:
        log.warning("not erased at the service yet", provider=remote.name, error=error.code, attempts=0)
        await engine.hint()
        return EndedThere(remote.name, None)
    async with engine.db.transaction() as tx:
        await copies.ask_anew(tx, user_id, remote.name)
        await chores.finish(tx, chore)
    return EndedThere(remote.name, answer)


async def _call(remote: Remote, user_id: str, what: What) -> dict[str, Any]:
    if what == "user":
        return remote.parsed(await remote.call("DELETE", f"/api/v1/users/{quote(user_id, safe='')}"))
    return remote.parsed(await remote.call("DELETE", _path(remote, user_id), params={"data": "erase"}))


def _path(remote: Remote, user_id: str) -> str:
    return f"/api/v1/{remote.name}/connect/{quote(user_id, safe='')}"
