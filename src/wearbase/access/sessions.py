"""Members' sessions in a browser: begun by a one-time link, kept by a cookie whose secret changes, ended everywhere at once."""

import hashlib
import hmac
import re
import secrets
import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from wearbase.access.caller import MEMBER_SCOPES, Caller
from wearbase.domain.clock import Clock
from wearbase.domain.errors import NotFound, Refused, Unauthorized
from wearbase.store.audit import trail
from wearbase.store.audit.acting import LINK, acting, actor
from wearbase.store.member import sessions
from wearbase.store.member.sessions import Session
from wearbase.store.postgres.database import Database

LINK_LIFETIME = timedelta(minutes=10)
IDLE_LIFETIME, LONGEST_LIFETIME = timedelta(days=14), timedelta(days=90)
ROTATE_EVERY = timedelta(minutes=15)
GRACE = timedelta(minutes=1)  # for requests on their way with the secret before
SEEN_EVERY = timedelta(minutes=5)
USABLE_S = 2.0  # how long a checked session is believed without asking the database
MOST_REMEMBERED = 10_000
LONGEST_LINK = 200
_COOKIE = re.compile(rb"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")


class LinkUnknown(NotFound):
    """This sign-in link is not known here."""

    code = "link_unknown"


class LinkGone(Refused):
    """This sign-in link no longer works. Ask for a new one."""

    code = "link_gone"


class LinkExpired(LinkGone):
    """This sign-in link is older than ten minutes. Ask for a new one."""

    code = "link_expired"


class LinkUsed(LinkGone):
    """This sign-in link was used already. Ask for a new one."""

    code = "link_used"


class LinkReplaced(LinkGone):
    """This sign-in link was replaced by a newer one, which was used. Ask for a new one."""

    code = "link_replaced"


class LinkRevoked(LinkGone):
    """This sign-in link was taken back with the key that made it. Ask for a new one."""

    code = "link_revoked"


class SignedOut(Unauthorized):
    """This session was ended. Sign in again."""

    code = "signed_out"


class SessionExpired(Unauthorized):
    """This session is too old. Sign in again."""

    code = "session_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """A link just made; it is not kept anywhere else."""

    secret: str = field(repr=False)
    expires_at: datetime

    def address(self, public_url: str) -> str:
        """Where it signs in. The secret is behind the `#`, which no server is sent."""
        return f"{public_url}/app/sign-in#{self.secret}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A session, and the cookie to be kept for it: None where the browser has the right one."""

    session: Session
    cookie: str | None = field(repr=False)

    @property
    def caller(self) -> Caller:
        """The member whose session it is."""
        return _caller(self.session)


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    read_at: float
    good_until: datetime


class Sessions:
    """Links and sessions of this installation."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._known: dict[bytes, _Known] = {}

    async def make_link(self, user_id: str, *, made_by: str, by_key: str | None = None) -> NewLink:
        """A link that signs this member in, once; made by a service key it is named after it, and ends when that is revoked."""
        secret, now = secrets.token_urlsafe(32), self._clock.now()
        async with self._db.transaction() as tx:
            maker = sessions.Maker(id=made_by, by_key=by_key)
            await sessions.put_link(tx, user_id, _hash(secret.encode()), maker=maker, expires_at=now + LINK_LIFETIME, now=now)
            await trail.write(tx, "link_made", user_id=user_id, now=now)
        return NewLink(secret=secret, expires_at=now + LINK_LIFETIME)

    async def peek(self, link: str) -> sessions.Link:
        """Whom a link would sign in, and until when; it stays good. Raises LinkUnknown, LinkGone and its kinds."""
        async with self._db.connection() as tx:
            found = await sessions.link(tx, _hash(link.encode()))
        if found is None:
            raise LinkUnknown
        if found.is_revoked:
            raise LinkRevoked
        if found.used_at is not None:
            raise LinkUsed
        if found.is_replaced:
            raise LinkReplaced
        if found.expires_at <= self._clock.now():
            raise LinkExpired
        return found

    async def begin(self, link: str) -> Kept:
        """Uses the link up. Raises as `peek`."""
        found, now, secret = await self.peek(link), self._clock.now(), secrets.token_urlsafe(32)
        user_id = found.user_id
        session = Session(
            user_id=user_id, id=uuid.uuid4(), secret_hash=_hash(secret.encode()), confirmed_at=None, rotated_at=now, before_hash=None,
            signed_in_at=now, seen_at=now, expires_at=now + LONGEST_LIFETIME, ended_at=None,
            by_key=found.by_key,
        )  # fmt: skip
        async with self._db.transaction() as tx:
            if not await sessions.take_link(tx, _hash(link.encode()), now=now):
                raise LinkUsed
            await sessions.put(tx, session)
            with acting(LINK, route=actor().route):
                await trail.write(tx, "session_begun", user_id=user_id, now=now)
        return Kept(session=session, cookie=f"{session.id.hex}.{secret}")

    async def find(self, cookie: bytes) -> Caller:
        """The member whose session this is. Raises Unauthorized (SignedOut, SessionExpired), DatabaseUnavailable."""
        digest, now = _hash(cookie), self._clock.now()
        known = self._known.get(digest)
        if known is not None and time.monotonic() - known.read_at < USABLE_S and now < known.good_until:
            return known.caller
        began = time.monotonic()
        session, _ = await self._checked(cookie)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        good_until = min(session.expires_at, now + IDLE_LIFETIME)
        self._known[digest] = _Known(_caller(session), began, good_until)
        return self._known[digest].caller

    async def renew(self, cookie: bytes) -> Kept:
        """The session, with another secret if it is time for one. Raises as `find`."""
        session, is_newest = await self._checked(cookie)
        now, secret = self._clock.now(), secrets.token_urlsafe(32)
        age = now - session.rotated_at
        is_lost = not is_newest and session.confirmed_at is None and age >= GRACE  # the answer with the newest one never came
        if not is_lost and not (is_newest and age >= ROTATE_EVERY):
            return Kept(session=session, cookie=None)
        given, fresh = _hash(cookie.partition(b".")[2]), _hash(secret.encode())
        async with self._db.transaction() as tx:
            is_ours = await sessions.rotate(tx, session, secret_hash=fresh, before_hash=given, now=now)
        return Kept(session=session, cookie=f"{session.id.hex}.{secret}" if is_ours else None)

    async def end(self, caller: Caller, *, everywhere: bool = False) -> int:
        """Signs the member out here, or everywhere (links that were not used go, too); how many sessions that ended."""
        assert caller.user_id is not None
        async with self._db.transaction() as tx:
            if everywhere:
                await sessions.forget_links(tx, caller.user_id)
            count = await sessions.end(tx, caller.user_id, session_id=None if everywhere else caller.session_id, now=self._clock.now())
            if count:
                await trail.write(tx, "session_ended", user_id=caller.user_id, details={"sessions": count}, now=self._clock.now())
        self.forget(caller.user_id)
        return count

    def forget(self, user_id: str) -> None:
        """Has the sessions of a member looked up again."""
        self._known = {digest: known for digest, known in self._known.items() if known.caller.user_id != user_id}

    async def _checked(self, cookie: bytes) -> tuple[Session, bool]:
        """The session, and whether the cookie holds its newest secret."""
        parts = _COOKIE.fullmatch(cookie)
        if parts is None:
            raise Unauthorized(reason="unknown")
        async with self._db.connection() as tx:
            session = await sessions.get(tx, uuid.UUID(parts[1].decode()))
        given, now = _hash(parts[2]), self._clock.now()
        is_newest = session is not None and hmac.compare_digest(given, session.secret_hash)
        is_before = session is not None and session.before_hash is not None and hmac.compare_digest(given, session.before_hash)
        if session is None or not (is_newest or is_before):
            raise Unauthorized(reason="unknown")
        if session.ended_at is not None:
            raise SignedOut
        if min(session.expires_at, session.seen_at + IDLE_LIFETIME) <= now:
            raise SessionExpired
        if not is_newest and session.confirmed_at is not None and now - session.confirmed_at >= GRACE:
            await self.end(_caller(session))  # two browsers hold secrets of one session: one of them is not the member's
            raise SignedOut
        is_first = is_newest and session.confirmed_at is None
        if is_first or now - session.seen_at >= SEEN_EVERY:
            async with self._db.transaction() as tx:
                await sessions.see(tx, session, now=now, confirmed=is_newest)
            session = replace(session, seen_at=now, confirmed_at=now if is_first else session.confirmed_at)
        return session, is_newest


def _caller(session: Session) -> Caller:
    name = f"session:{session.id.hex[:8]}"
    return Caller(
        kind="member", key_id=name if session.by_key is None else f"{name}:{session.by_key}", scopes=MEMBER_SCOPES, user_id=session.user_id,
        issued_at=session.signed_in_at, made_at=session.signed_in_at, session_id=session.id, by_key=session.by_key,
    )  # fmt: skip


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
