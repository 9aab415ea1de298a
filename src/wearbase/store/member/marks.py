"""That a member was erased, by what names nobody: whoever still holds a credential from before stores nothing after it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from wearbase.domain.errors import MadeBeforeErasure
from wearbase.store import connections
from wearbase.store.audit.acting import actor
from wearbase.store.postgres.database import Tx, rows, run, value
from wearbase.store.sealing import KeyRing

KEPT_FOR = timedelta(days=31)  # longer than any token lives: ours 24 hours, an identity provider's 30 days

_LAST = "select max(at) from wearbase.erasure_mark where mark = any(%s)"


@dataclass(frozen=True, slots=True)
class Watched:
    """What a member's next erasure is known by: their marks, and when they were erased last until now."""

    marks: tuple[bytes, ...]
    last: datetime | None


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
    at = await value(tx, _LAST, (of(keys, user_id),))
    if at is not None and made_at <= at:
        raise MadeBeforeErasure


async def watch(tx: Tx, keys: KeyRing, user_id: str) -> Watched:
    """For whoever is told of this member for long: as `hold`, so that an erasure comes before it or is found later. Raises as `check`."""
    await hold(tx, keys, user_id)
    own = of(keys, user_id)
    return Watched(tuple(own), await value(tx, _LAST, (own,)))


async def erased_since(tx: Tx, watched: Collection[Watched]) -> set[Watched]:
    """Those who were erased since they are watched; one question for all."""
    asked = list({mark for one in watched for mark in one.marks})
    found = await rows(tx, "select mark, at from wearbase.erasure_mark where mark = any(%s)", (asked,))
    at = {bytes(row["mark"]): row["at"] for row in found}
    return {one for one in watched if any(mark in at and (one.last is None or at[mark] > one.last) for mark in one.marks)}


async def prune(tx: Tx, *, before: datetime) -> None:
    """Forgets erasures from before then."""
    await run(tx, "delete from wearbase.erasure_mark where at < %s", (before,))


def of(keys: KeyRing, user_id: str) -> list[bytes]:
    """The member's marks, one by each key. Not as logs and chores name a member: nothing of theirs can be laid beside it."""
    return keys.keyed_hashes(f"erased\x00{user_id}")
