"""That a member was erased, by what names nobody: whoever still holds a credential from before stores nothing after it."""

from datetime import datetime, timedelta

from wearbase.domain.errors import MadeBeforeErasure
from wearbase.store import connections
from wearbase.store.audit.acting import actor
from wearbase.store.postgres.database import Tx, run, value
from wearbase.store.sealing import KeyRing

KEPT_FOR = timedelta(days=31)  # longer than any token lives: ours 24 hours, an identity provider's 30 days


async def put(tx: Tx, keys: KeyRing, user_id: str, *, at: datetime) -> None:
    """Notes that the member was erased. Of several keys each makes a mark, so that the oldest can be taken away."""
    await run(
        tx,
        """insert into wearbase.erasure_mark as m (mark, at) select unnest(%s::bytea[]), %s
           on conflict (mark) do update set at = greatest(m.at, excluded.at)""",
        (of(keys, user_id), at),
    )


async def hold(tx: Tx, keys: KeyRing, user_id: str) -> None:
    """Holds the member's lock for whoever acts: an erasure comes before that, and is seen, or after all of it. Raises as `check`."""
    await connections.lock_member(tx, user_id)
    await check(tx, keys, user_id)


async def check(tx: Tx, keys: KeyRing, user_id: str) -> None:
    """Returns if whoever acts may store something of this member. Raises MadeBeforeErasure."""
    made_at = actor().made_at
    if made_at is None:
        return
    at = await value(tx, "select max(at) from wearbase.erasure_mark where mark = any(%s)", (of(keys, user_id),))
    if at is not None and made_at <= at:
        raise MadeBeforeErasure


async def prune(tx: Tx, *, before: datetime) -> None:
    """Forgets erasures from before then."""
    await run(tx, "delete from wearbase.erasure_mark where at < %s", (before,))


def of(keys: KeyRing, user_id: str) -> list[bytes]:
    """The member's marks, one by each key. Not as logs and chores name a member: nothing of theirs can be laid beside it."""
    return keys.keyed_hashes(f"erased\x00{user_id}")
