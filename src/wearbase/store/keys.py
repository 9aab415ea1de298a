"""Service keys: only their hashes are kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from wearbase.store.postgres.database import Tx, many, rows, run


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """One service key, without its secret."""

    id: UUID
    name: str
    prefix: str
    key_hash: bytes
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


NOT_KEPT = UUID(int=0)
_KEY = ", ".join(StoredKey.__dataclass_fields__)


async def put(tx: Tx, key: StoredKey) -> None:
    """Stores a new key's hash."""
    await run(
        tx,
        """insert into wearbase.api_key (id, name, prefix, key_hash, scopes, created_at, expires_at)
           values (%s, %s, %s, %s, %s, %s, %s)""",
        (key.id, key.name, key.prefix, key.key_hash, key.scopes, key.created_at, key.expires_at),
    )


async def every(tx: Tx) -> list[StoredKey]:
    """All keys, revoked ones too, newest first."""
    return await many(tx, StoredKey, f"select {_KEY} from wearbase.api_key order by created_at desc, id")


async def revoke(tx: Tx, id_or_prefix: str, *, now: datetime) -> list[str]:
    """Ends a key by its id or prefix; the prefixes of those that were live."""
    ended = await rows(
        tx,
        "update wearbase.api_key set revoked_at = %s where revoked_at is null and (id::text = %s or prefix = %s) returning prefix",
        (now, id_or_prefix, id_or_prefix),
    )
    return [found["prefix"] for found in ended]


async def expire(tx: Tx, id_or_prefix: str, *, now: datetime) -> list[str]:
    """Has a key expire now, by its id or prefix, so that what it made stays; the prefixes of those that were live."""
    ended = await rows(
        tx,
        """update wearbase.api_key set expires_at = %(now)s
            where revoked_at is null and (expires_at is null or expires_at > %(now)s) and (id::text = %(it)s or prefix = %(it)s)
        returning prefix""",
        {"now": now, "it": id_or_prefix},
    )
    return [found["prefix"] for found in ended]


async def revoke_made_by(tx: Tx, name: str, *, now: datetime) -> list[str]:
    """Notes that what a key which is not kept here has made until now is revoked. Its row is nobody's: no secret has such a hash."""
    await run(
        tx,
        """insert into wearbase.api_key (id, name, prefix, key_hash, scopes, created_at, revoked_at)
           values (%(id)s, %(name)s, %(name)s, %(hash)s, '{}', %(now)s, %(now)s)
           on conflict (id) do update set revoked_at = excluded.revoked_at""",
        {"id": NOT_KEPT, "name": name, "hash": name.encode(), "now": now},
    )
    return [name]


async def end_at(tx: Tx, key_id: UUID, *, at: datetime) -> None:
    """Has a key expire then, unless it ends sooner."""
    await run(tx, "update wearbase.api_key set expires_at = least(coalesce(expires_at, %s), %s) where id = %s", (at, at, key_id))


async def touch(tx: Tx, key_ids: list[UUID], *, now: datetime) -> None:
    """Notes the last use of keys."""
    await run(tx, "update wearbase.api_key set last_used_at = %s where id = any(%s)", (now, key_ids))
