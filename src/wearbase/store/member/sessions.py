"""One-time links and the sessions that come of them; of secrets only the hashes are kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from wearbase.store.postgres.database import Tx, one, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A one-time link."""

    user_id: str
    expires_at: datetime
    used_at: datetime | None
    by_key: str | None  # the name of the service key that made it, if one did
    is_replaced: bool  # a newer one of the same member was used
    is_revoked: bool  # with that key


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A member's session in one browser."""

    user_id: str
    id: UUID
    secret_hash: bytes
    confirmed_at: datetime | None
    rotated_at: datetime
    before_hash: bytes | None
    signed_in_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None  # by the member, or with its key
    by_key: str | None = None  # the name of the service key that made its link


# A revoked key was in other hands, and so may be what it made. The environment's ends by its setting: of that, what it had made by then.
_KEY_REVOKED = """wearbase.api_key k
                   where k.prefix = x.by_key and k.revoked_at is not null and (k.prefix <> 'environment' or x.made_at <= k.revoked_at)"""
_REVOKED = f"exists (select from (select l.by_key, l.created_at as made_at) x, {_KEY_REVOKED})"
ENDED_AT = f"""coalesce(s.ended_at, (select max(k.revoked_at) from (select s.by_key, s.signed_in_at as made_at) x, {_KEY_REVOKED}))"""
# A link is good until a newer one was used: one that lies about is worth nothing then.
_REPLACED = """exists (select 1 from wearbase.sign_in_link n
                        where n.user_id = l.user_id and n.created_at > l.created_at and n.used_at is not null)"""
_SESSION = ", ".join(name for name in Session.__dataclass_fields__ if name != "ended_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Who makes a link: a key by its id and its name, or something else that has only one."""

    id: str
    by_key: str | None = None


async def put_link(tx: Tx, user_id: str, link_hash: bytes, *, maker: Maker, expires_at: datetime, now: datetime) -> None:
    """Remembers a link."""
    await run(
        tx,
        """insert into wearbase.sign_in_link (user_id, link_hash, made_by, by_key, created_at, expires_at)
           values (%s, %s, %s, %s, %s, %s)""",
        (user_id, link_hash, maker.id, maker.by_key, now, expires_at),
    )


async def link(tx: Tx, link_hash: bytes) -> Link | None:
    """The link, whatever became of it."""
    sql = f"""select user_id, expires_at, used_at, by_key, {_REPLACED} as is_replaced, {_REVOKED} as is_revoked
               from wearbase.sign_in_link l where link_hash = %s"""
    return await one(tx, Link, sql, (link_hash,))


async def take_link(tx: Tx, link_hash: bytes, *, now: datetime) -> bool:
    """Uses a link up; false if it cannot be used (any more)."""
    sql = f"""update wearbase.sign_in_link l set used_at = %s
               where link_hash = %s and used_at is null and expires_at > %s and not {_REPLACED} and not {_REVOKED}"""
    return await run(tx, sql, (now, link_hash, now)) == 1


async def put(tx: Tx, session: Session) -> None:
    """A new session."""
    await run(
        tx,
        """insert into wearbase.member_session
                  (user_id, id, secret_hash, confirmed_at, rotated_at, signed_in_at, seen_at, expires_at, by_key)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            session.user_id, session.id, session.secret_hash, session.confirmed_at, session.rotated_at, session.signed_in_at,
            session.seen_at, session.expires_at, session.by_key,
        ),
    )  # fmt: skip


async def get(tx: Tx, session_id: UUID) -> Session | None:
    """The session, ended or not."""
    sql = f"select {_SESSION}, {ENDED_AT} as ended_at from wearbase.member_session s where id = %s"
    return await one(tx, Session, sql, (session_id,))


async def see(tx: Tx, session: Session, *, now: datetime, confirmed: bool) -> None:
    """Notes that the browser came; and that it has the newest secret."""
    sql = """update wearbase.member_session set seen_at = greatest(seen_at, %s),
                    confirmed_at = case when %s and secret_hash = %s then coalesce(confirmed_at, %s) else confirmed_at end
              where user_id = %s and id = %s and ended_at is null"""
    await run(tx, sql, (now, confirmed, session.secret_hash, now, session.user_id, session.id))


async def rotate(tx: Tx, session: Session, *, secret_hash: bytes, before_hash: bytes, now: datetime) -> bool:
    """Gives it another secret; false if somebody else did so meanwhile."""
    sql = """update wearbase.member_session set secret_hash = %s, before_hash = %s, rotated_at = %s, confirmed_at = null, seen_at = %s
              where user_id = %s and id = %s and ended_at is null and secret_hash = %s"""
    given = (secret_hash, before_hash, now, now, session.user_id, session.id, session.secret_hash)
    return await run(tx, sql, given) == 1


async def end(tx: Tx, user_id: str, *, session_id: UUID | None, now: datetime) -> int:
    """Ends one session of a member, or all; how many were open."""
    sql = """update wearbase.member_session set ended_at = %s
              where user_id = %s and ended_at is null and (%s::uuid is null or id = %s)"""
    return await run(tx, sql, (now, user_id, session_id, session_id))


async def forget_links(tx: Tx, user_id: str) -> None:
    """Removes every link of a member, so that none lets anybody in."""
    await run(tx, "delete from wearbase.sign_in_link where user_id = %s", (user_id,))


async def prune(tx: Tx, *, before: datetime) -> None:
    """Forgets links and sessions that were over by then."""
    await run(tx, "delete from wearbase.sign_in_link where expires_at < %s", (before,))
    await run(tx, "delete from wearbase.member_session where expires_at < %s or ended_at < %s", (before, before))
