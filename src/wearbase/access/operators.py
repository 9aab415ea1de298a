"""An operator's session in a browser: begun with a service key that may, good for ops only, worth nothing without that key."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from wearbase.access.caller import Caller
from wearbase.access.keys import KeyBook, hash_of
from wearbase.domain.clock import Clock
from wearbase.domain.errors import Forbidden, TooManyRequests, Unauthorized
from wearbase.store.audit import trail
from wearbase.store.audit.acting import acting, actor
from wearbase.store.postgres.database import Database
from wearbase.store.watching import operators
from wearbase.store.watching.operators import OperatorSession

SCOPE = "ops"
LIFETIME = timedelta(hours=8)
MOST_WRONG, WRONG_WITHIN_S = 20, 60.0  # keys that were none, from everybody together


class OperatorSignedOut(Unauthorized):
    """This operator's session has ended. Give a service key with the scope ops again."""

    code = "operator_signed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A session just begun."""

    token: str = field(repr=False)
    caller: Caller
    expires_at: datetime


class Operators:
    """The operators' sessions of this installation."""

    def __init__(self, db: Database, clock: Clock, keys: KeyBook) -> None:
        self._db, self._clock, self._keys = db, clock, keys
        self._wrong_at: list[float] = []

    async def begin(self, secret: str) -> Begun:
        """Exchanges a key. Raises Unauthorized, Forbidden (a key without the scope), TooManyRequests, DatabaseUnavailable."""
        key_hash, now = hash_of(secret.encode(errors="surrogatepass")), self._clock.now()
        caller = await self._keys.find_hash(key_hash, is_newest=True)
        if caller is None:
            await self._refuse()
            raise Unauthorized("This key is unknown, expired or revoked.", **self._keys.why_not_hash(key_hash))
        token = secrets.token_urlsafe(32)
        session = OperatorSession(token_hash=hash_of(token.encode()), key_hash=key_hash, created_at=now, expires_at=now + LIFETIME)
        allowed = _for_ops(caller)
        async with self._db.transaction() as tx:
            await operators.put(tx, session)
            with acting(allowed.credential, route=actor().route):
                await trail.write(tx, "operator_session_begun", now=now)
        return Begun(token=token, caller=allowed, expires_at=session.expires_at)

    async def _refuse(self) -> None:
        """Slows guessing down. Whoever has a key is never kept out by those who guess. Raises TooManyRequests."""
        self._wrong_at = [at for at in self._wrong_at if time.monotonic() - at < WRONG_WITHIN_S]
        if len(self._wrong_at) >= MOST_WRONG:
            raise TooManyRequests("Too many keys were wrong. Wait a minute.", retry_after_s=int(WRONG_WITHIN_S))
        self._wrong_at.append(time.monotonic())
        await asyncio.sleep(0.2)

    async def find(self, token: str) -> tuple[Caller, datetime]:
        """Who this is, and until when. Raises Unauthorized, Forbidden, DatabaseUnavailable."""
        async with self._db.connection() as tx:
            session = await operators.get(tx, hash_of(token.encode()))
        if session is None or session.expires_at <= self._clock.now():
            raise OperatorSignedOut
        caller = await self._keys.find_hash(session.key_hash)
        if caller is None:
            raise OperatorSignedOut
        return _for_ops(caller), session.expires_at

    async def end(self, token: str) -> None:
        """Signs out."""
        async with self._db.transaction() as tx:
            if await operators.end(tx, hash_of(token.encode())):
                await trail.write(tx, "operator_session_ended", now=self._clock.now())


def _for_ops(caller: Caller) -> Caller:
    if SCOPE not in caller.scopes:
        raise Forbidden("This key has not the scope ops.", scope=SCOPE)
    return replace(caller, scopes=frozenset({SCOPE}))
