"""Operators' sessions; of secrets only the hashes are kept."""

from dataclasses import dataclass
from datetime import datetime

from wearbase.store.postgres.database import Tx, one, run


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSession:
    """One operator's browser, and the service key behind it."""

    token_hash: bytes
    key_hash: bytes
    created_at: datetime
    expires_at: datetime


async def put(tx: Tx, session: OperatorSession) -> None:
    """A new session; those that are over are forgotten on the way."""
    await run(tx, "delete from wearbase.ops_session where expires_at < %s", (session.created_at,))
    await run(
        tx,
        "insert into wearbase.ops_session (token_hash, key_hash, created_at, expires_at) values (%s, %s, %s, %s)",
        (session.token_hash, session.key_hash, session.created_at, session.expires_at),
    )


async def get(tx: Tx, token_hash: bytes) -> OperatorSession | None:
    """The session of that secret, over or not."""
    columns = "token_hash, key_hash, created_at, expires_at"
    return await one(tx, OperatorSession, f"select {columns} from wearbase.ops_session where token_hash = %s", (token_hash,))  # noqa: S608


async def end(tx: Tx, token_hash: bytes) -> bool:
    """Forgets it; whether there was one."""
    return bool(await run(tx, "delete from wearbase.ops_session where token_hash = %s", (token_hash,)))
