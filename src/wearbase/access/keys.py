"""Service keys: made once, shown once, kept as hashes, looked up in memory."""

import asyncio
import hashlib
import hmac
import secrets
import string
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from wearbase.access.caller import SCOPES, Caller
from wearbase.domain.clock import Clock
from wearbase.domain.errors import BadRequest, DatabaseUnavailable, NotFound
from wearbase.store import keys
from wearbase.store.audit import trail
from wearbase.store.keys import StoredKey
from wearbase.store.postgres.database import Database, Tx

FRESH_S = 1.0  # older: read again behind the answer
USABLE_S = 2.0  # older: read again first, so that a revoked key is refused within 5 s
NOTE_USE_EVERY_S = 60.0
ENVIRONMENT = "environment"  # the name of the one that a setting gives
_LETTERS = string.ascii_lowercase + string.digits
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made; its secret is not kept anywhere else."""

    secret: str = field(repr=False)
    stored: StoredKey


class KeyBook:
    """The keys of this installation: those in the database, and the one of the environment."""

    def __init__(
        self, db: Database, clock: Clock, *, env_secret: str | None = None, env_scopes: Collection[str] = ("read", "sync", "connect")
    ) -> None:
        self._db, self._clock = db, clock
        self._env_hash = hash_of(env_secret.encode()) if env_secret else None
        self._env = Caller(kind="service", key_id=ENVIRONMENT, scopes=frozenset(env_scopes))
        self._by_hash: dict[bytes, tuple[StoredKey, Caller]] = {}
        self._revoked_at: dict[str, datetime] = {}
        self._prefix_of_revoked: dict[bytes, str] = {}
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._used: set[uuid.UUID] = set()
        self._noted_at = float("-inf")
        self._noting: asyncio.Task[None] | None = None

    async def find(self, secret: bytes) -> Caller | None:
        """Who holds this secret; None if unknown, expired or revoked. Raises DatabaseUnavailable."""
        return await self.find_hash(hash_of(secret))

    async def find_hash(self, digest: bytes, *, is_newest: bool = False) -> Caller | None:
        """The same by the secret's hash, for what was given in exchange for it. `is_newest`: a key made this moment elsewhere counts."""
        if is_newest:
            self._forget()
        if self._env_hash is not None and hmac.compare_digest(digest, self._env_hash):
            return self._env
        await self._be_current()
        # A lookup by the hash of a secret tells nothing by its time: nobody can choose a hash.
        stored, caller = self._by_hash.get(digest, (None, None))
        if stored is None or caller is None or (stored.expires_at is not None and stored.expires_at <= self._clock.now()):
            return None
        self._note_use(stored)
        return caller

    def why_not(self, secret: bytes) -> dict[str, str]:
        """For the log only: why a secret that was just not found is none, and the key's name where it once was one."""
        return self.why_not_hash(hash_of(secret))

    def why_not_hash(self, digest: bytes) -> dict[str, str]:
        """The same by the secret's hash."""
        if (prefix := self._prefix_of_revoked.get(digest)) is not None:
            return {"reason": "revoked", "caller": f"key:{prefix}"}
        stored, _ = self._by_hash.get(digest, (None, None))
        return {"reason": "unknown"} if stored is None else {"reason": "ended", "caller": f"key:{stored.prefix}"}

    async def has_taken_back(self, member: Caller) -> bool:
        """Whether this member's credential ended with the key that made it. Revoking does that, not being replaced or expiring.

        Of the environment's key, which ends by its setting, what it had made by then. Raises DatabaseUnavailable.
        """
        if member.by_key is None or member.made_at is None:
            return False
        await self._be_current()
        at = self._revoked_at.get(member.by_key)
        return at is not None and (member.by_key != ENVIRONMENT or member.made_at <= at)

    async def create(self, name: str, scopes: Collection[str], expires_at: datetime | None = None) -> NewKey:
        """A new key, `wb_<prefix>_<secret>`. Raises BadRequest."""
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise BadRequest(f"Give scopes among {', '.join(SCOPES)}.", field="scopes")
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
            wanted = "that can all be seen, and no blanks at its ends"
            raise BadRequest(f"Give a name of 1 to {LONGEST_NAME} characters {wanted}.", field="name")
        if expires_at is not None and expires_at <= self._clock.now():
            raise BadRequest("expires must be in the future.", field="expires")
        made = self._new(name, scopes, expires_at)
        async with self._db.transaction() as tx:
            await keys.put(tx, made.stored)
            await self._note(tx, "key_made", made.stored.prefix, scopes=made.stored.scopes)
        self._forget()
        return made

    async def rotate(self, id_or_prefix: str, *, grace: timedelta | None = None) -> tuple[NewKey, StoredKey]:
        """A key of the same name, scopes and length of life, and the old one, which ends after the grace if one is given.

        Raises: NotFound if no live key is called so.
        """
        now = self._clock.now()
        live = [k for k in await self.list() if k.revoked_at is None and (k.expires_at is None or k.expires_at > now)]
        old = next((k for k in live if id_or_prefix in (k.prefix, str(k.id))), None)
        if old is None:
            raise NotFound("There is no live key with this id or prefix.")
        made = self._new(old.name, old.scopes, now + (old.expires_at - old.created_at) if old.expires_at else None)
        async with self._db.transaction() as tx:
            await keys.put(tx, made.stored)
            if grace is not None:
                await keys.end_at(tx, old.id, at=now + grace)
                old = replace(old, expires_at=min(old.expires_at or now + grace, now + grace))
            await self._note(tx, "key_rotated", made.stored.prefix, replaces=old.prefix, scopes=made.stored.scopes)
        self._forget()
        return made, old

    def _new(self, name: str, scopes: Collection[str], expires_at: datetime | None) -> NewKey:
        prefix = "".join(secrets.choice(_LETTERS) for _ in range(8))
        secret = f"wb_{prefix}_{secrets.token_urlsafe(32)}"
        stored = StoredKey(
            id=uuid.uuid4(), name=name, prefix=prefix, key_hash=hash_of(secret.encode()), scopes=sorted(set(scopes)),
            created_at=self._clock.now(), expires_at=expires_at, revoked_at=None, last_used_at=None,
        )  # fmt: skip
        return NewKey(secret=secret, stored=stored)

    async def revoke(self, id_or_prefix: str, *, keeps_members: bool = False) -> int:
        """Ends a key, and the tokens, links and sessions of members that it made, unless these are to be kept; how many were live.

        `environment`: what the key of the setting has made until now; itself it ends by the setting. Raises NotFound if none was.
        """
        now = self._clock.now()
        async with self._db.transaction() as tx:
            if id_or_prefix == ENVIRONMENT:
                ended = await keys.revoke_made_by(tx, ENVIRONMENT, now=now)
            elif keeps_members:
                ended = await keys.expire(tx, id_or_prefix, now=now)
            else:
                ended = await keys.revoke(tx, id_or_prefix, now=now)
            for prefix in ended:
                await self._note(tx, "key_revoked", prefix, **({"keeps_members": True} if keeps_members else {}))
        count = len(ended)
        self._forget()
        if not count:
            raise NotFound("There is no live key with this id or prefix.")
        return count

    async def list(self) -> list[StoredKey]:
        """Every key of the database, newest first."""
        async with self._db.connection() as tx:
            return await keys.every(tx)

    async def _note(self, tx: Tx, action: trail.Action, prefix: str, **details: Any) -> None:
        await trail.write(tx, action, now=self._clock.now(), details={"key": prefix, **details})

    def _forget(self) -> None:
        self._read_at = float("-inf")

    async def _be_current(self) -> None:
        age_s = time.monotonic() - self._read_at
        if age_s > FRESH_S:
            reading = self._start_reading()
            if age_s > USABLE_S:
                await asyncio.shield(reading)

    def _start_reading(self) -> "asyncio.Task[None]":
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(_seen)
        return self._reading

    async def _read(self) -> None:
        began = time.monotonic()
        found = await self.list()
        self._by_hash = {k.key_hash: (k, _caller(k)) for k in found if k.revoked_at is None}
        self._prefix_of_revoked = {k.key_hash: k.prefix for k in found if k.revoked_at is not None}
        self._revoked_at = {k.prefix: k.revoked_at for k in found if k.revoked_at is not None}
        self._read_at = began

    def _note_use(self, stored: StoredKey) -> None:
        self._used.add(stored.id)
        if time.monotonic() - self._noted_at >= NOTE_USE_EVERY_S:
            self._noted_at = time.monotonic()
            self._noting = asyncio.create_task(self._write_use())

    async def _write_use(self) -> None:
        used, self._used = list(self._used), set()
        try:
            async with self._db.transaction() as tx:
                await keys.touch(tx, used, now=self._clock.now())
        except DatabaseUnavailable:
            self._used |= set(used)


def _caller(key: StoredKey) -> Caller:
    return Caller(kind="service", key_id=str(key.id), scopes=frozenset(key.scopes), prefix=key.prefix)


def hash_of(secret: bytes) -> bytes:
    """As a secret is kept."""
    return hashlib.sha256(secret).digest()


def _seen(task: "asyncio.Task[None]") -> None:
    """Whoever waited has the error; nobody may have."""
    if not task.cancelled():
        task.exception()
