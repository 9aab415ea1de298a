"""Connections, their stored grants, and the consents under way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from psycopg.errors import UniqueViolation

from wearbase.domain.errors import Conflict
from wearbase.store.postgres.database import Tx, many, one, row, run, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One user's authorised link to one provider, without its tokens."""

    id: int
    user_id: str
    provider: str
    generation: int
    state: str
    external_user_id: str | None
    asked_scopes: list[str]
    scopes: list[str]
    utc_offset_min: int | None
    open_day: date | None
    lease_number: int
    connected_at: datetime
    ended_at: datetime | None
    looked_at: datetime | None

    def is_idle(self, *, before: datetime) -> bool:
        """Whether nobody has looked since then."""
        return max(self.looked_at or self.connected_at, self.connected_at) <= before

    @property
    def is_live(self) -> bool:
        return self.state == "connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrant:
    """The sealed tokens of a connection and the mark of a refresh under way."""

    generation: int
    state: str
    access_token: bytes | None
    refresh_token: bytes | None
    token_expires_at: datetime | None
    token_version: int
    refresh_started_at: datetime | None
    refresh_holder: str | None
    refresh_until: datetime | None
    refresh_attempts: int
    refused_at: datetime | None  # the provider called it dead, and was not believed yet


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPair:
    """New tokens, sealed, and when they are refreshed though nobody needs it."""

    access_token: bytes
    refresh_token: bytes | None
    expires_at: datetime
    scopes: list[str]
    keepalive_due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A consent under way; its state is stored hashed."""

    user_id: str
    provider: str
    redirect_uri: str
    redirect_url: str | None
    browser_hash: bytes | None
    started_by: str
    asked_scopes: list[str]
    expires_at: datetime
    sealed_grant: bytes | None = field(default=None, repr=False)  # the code was exchanged; whose account it is was not yet told
    consent_version: str | None = None  # of the text that the member is shown


_CONNECTION = (
    "id, user_id, provider, generation, state, external_user_id, asked_scopes, scopes, utc_offset_min, open_day, "
    "lease_number, connected_at, ended_at, looked_at"
)
_GRANT = (
    "generation, state, access_token, refresh_token, token_expires_at, token_version, refresh_started_at, "
    "refresh_holder, refresh_until, refresh_attempts, refused_at"
)


async def lock_member(tx: Tx, user_id: str) -> None:
    """Holds the member's own lock until the transaction ends: rebuilding, ending and erasing take it in turn."""
    await run(tx, "select pg_advisory_xact_lock(hashtextextended(%s, 7312))", (user_id,))


async def get(tx: Tx, user_id: str, provider: str) -> Connection | None:
    """The connection, whatever its state."""
    return await one(
        tx, Connection, f"select {_CONNECTION} from wearbase.connection where user_id = %s and provider = %s", (user_id, provider)
    )


async def all_of(tx: Tx, user_id: str) -> list[Connection]:
    """Every connection of a user."""
    return await many(tx, Connection, f"select {_CONNECTION} from wearbase.connection where user_id = %s order by provider", (user_id,))


async def put(
    tx: Tx, *, user_id: str, provider: str, external_user_id: str, asked_scopes: list[str], scopes: list[str], now: datetime
) -> Connection:
    """Links the user to that account; a new generation, so that nothing of an earlier one can still be stored.

    Raises: Conflict if another user holds the account.
    """
    try:
        async with tx.transaction():
            connection = await one(
                tx,
                Connection,
                f"""insert into wearbase.connection as c (user_id, provider, state, external_user_id, asked_scopes, scopes,
                           consented_at, connected_at, created_at, updated_at, looked_at)
                    values (%(user_id)s, %(provider)s, 'connected', %(external)s, %(asked)s, %(scopes)s, %(now)s, %(now)s, %(now)s,
                            %(now)s, %(now)s)
                    on conflict (user_id, provider) do update set state = 'connected', generation = c.generation + 1,
                           external_user_id = excluded.external_user_id, asked_scopes = excluded.asked_scopes,
                           scopes = excluded.scopes, consented_at = excluded.consented_at, connected_at = excluded.connected_at,
                           looked_at = excluded.looked_at, updated_at = excluded.updated_at, ended_at = null,
                           lease_holder = null, lease_until = null, lease_number = c.lease_number + 1
                    returning {_CONNECTION}""",
                {
                    "user_id": user_id, "provider": provider, "external": external_user_id, "asked": asked_scopes, "scopes": scopes,
                    "now": now,
                },
            )  # fmt: skip
    except UniqueViolation as error:
        raise Conflict("This account is already linked to another user. Disconnect it there first.", provider=provider) from error
    assert connection is not None
    return connection


async def end(tx: Tx, connection: Connection, *, now: datetime) -> None:
    """Ends the link and erases its tokens; a page on its way finds another generation and is not stored."""
    await run(
        tx,
        """update wearbase.connection set state = 'disconnected', generation = generation + 1, access_token = null, refresh_token = null,
                  token_expires_at = null, token_version = token_version + 1, refresh_started_at = null, refresh_holder = null,
                  refresh_until = null, refresh_attempts = 0, refused_at = null, inbox_due_at = null, lease_holder = null,
                  lease_until = null, lease_number = lease_number + 1, ended_at = %s, updated_at = %s
            where user_id = %s and provider = %s""",
        (now, now, connection.user_id, connection.provider),
    )


async def give_up(tx: Tx, connection: Connection, *, now: datetime) -> None:
    """Ends the link because its grant is dead. Tokens that the provider refused are kept for a while: it may have been wrong."""
    await run(
        tx,
        """update wearbase.connection set state = 'needs_reauthorization', generation = generation + 1,
                  access_token = case when refused_at is not null then access_token end,
                  refresh_token = case when refused_at is not null then refresh_token end,
                  token_version = token_version + 1, refresh_started_at = null, refresh_holder = null, refresh_until = null,
                  refresh_attempts = 0, lease_holder = null, lease_until = null, lease_number = lease_number + 1, ended_at = %s,
                  updated_at = %s
            where user_id = %s and provider = %s""",
        (now, now, connection.user_id, connection.provider),
    )


async def holds(tx: Tx, connection: Connection, *, lease_number: int) -> bool:
    """Whether a worker may still store for this connection: same generation, same lease. Locks the row."""
    return bool(
        await value(
            tx,
            """select true from wearbase.connection
                where user_id = %s and provider = %s and state = 'connected' and generation = %s and lease_number = %s for update""",
            (connection.user_id, connection.provider, connection.generation, lease_number),
        )
    )


async def see_offset(tx: Tx, connection: Connection, *, utc_offset_min: int, seen_at: datetime) -> None:
    """Keeps the newest offset seen, which decides what `today` is."""
    await run(
        tx,
        """update wearbase.connection set utc_offset_min = %s, offset_seen_at = %s
            where user_id = %s and provider = %s and (offset_seen_at is null or offset_seen_at <= %s)
              and (utc_offset_min, offset_seen_at) is distinct from (%s::smallint, %s::timestamptz)""",
        (utc_offset_min, seen_at, connection.user_id, connection.provider, seen_at, utc_offset_min, seen_at),
    )


async def set_open_day(tx: Tx, connection: Connection) -> None:
    """Keeps the day of the open record (the newest without an end that opens a group)."""
    await run(
        tx,
        """update wearbase.connection c set open_day = o.day
             from (select max(day) as day from wearbase.record
                    where user_id = %(u)s and provider = %(p)s and dating = 'opens_group' and end_at is null
                      and deleted_at is null and day is not null) o
            where c.user_id = %(u)s and c.provider = %(p)s and c.open_day is distinct from o.day""",
        {"u": connection.user_id, "p": connection.provider},
    )


async def look(tx: Tx, user_id: str, provider: str, *, now: datetime) -> None:
    """Remembers that somebody looked, to the hour, so that idle members are known."""
    await run(
        tx,
        """update wearbase.connection set looked_at = %s
            where user_id = %s and provider = %s and (looked_at is null or looked_at < %s::timestamptz - interval '1 hour')""",
        (now, user_id, provider, now),
    )


async def look_all(tx: Tx, looked: Sequence[tuple[str, str]], *, now: datetime) -> None:
    """The same for many (user, provider) pairs at once; an order of its own keeps two writers from waiting for each other."""
    await run(
        tx,
        """with due as (
               select c.user_id, c.provider from unnest(%s::text[], %s::text[]) as i(user_id, provider)
                 join wearbase.connection c using (user_id, provider)
                where c.looked_at is null or c.looked_at < %s::timestamptz - interval '1 hour'
                order by 1, 2 for update of c)
           update wearbase.connection c set looked_at = %s from due where c.user_id = due.user_id and c.provider = due.provider""",
        ([k[0] for k in looked], [k[1] for k in looked], now, now),
    )


async def take_sync_turn(tx: Tx, connection: Connection, *, now: datetime, every: timedelta) -> bool:
    """Whether a person may start another sync of this member now; if so, it is noted."""
    return bool(
        await run(
            tx,
            """update wearbase.connection set asked_at = %s
                where user_id = %s and provider = %s and (asked_at is null or asked_at <= %s)""",
            (now, connection.user_id, connection.provider, now - every),
        )
    )


async def grant(tx: Tx, user_id: str, provider: str, *, for_update: bool = False) -> StoredGrant | None:
    """The stored grant, sealed."""
    lock = "for update" if for_update else ""
    sql = f"select {_GRANT} from wearbase.connection where user_id = %s and provider = %s {lock}"  # noqa: S608 two fixed texts
    return await one(tx, StoredGrant, sql, (user_id, provider))


async def put_grant(tx: Tx, user_id: str, provider: str, pair: SealedPair) -> None:
    """Stores a new pair and clears the refresh mark, and what was said of the pair before."""
    await run(
        tx,
        """update wearbase.connection set access_token = %s, refresh_token = %s, token_expires_at = %s, scopes = %s,
                  keepalive_due_at = %s, token_version = token_version + 1, refresh_started_at = null, refresh_holder = null,
                  refresh_until = null, refresh_attempts = 0, refused_at = null
            where user_id = %s and provider = %s""",
        (pair.access_token, pair.refresh_token, pair.expires_at, pair.scopes, pair.keepalive_due_at, user_id, provider),
    )


async def mark_refresh(tx: Tx, user_id: str, provider: str, *, holder: str, now: datetime, until: datetime) -> None:
    """Writes down, before the call, that a refresh is under way."""
    await run(
        tx,
        """update wearbase.connection set refresh_started_at = %s, refresh_holder = %s, refresh_until = %s,
                  refresh_attempts = refresh_attempts + 1
            where user_id = %s and provider = %s""",
        (now, holder, until, user_id, provider),
    )


async def unmark_refresh(tx: Tx, user_id: str, provider: str, *, holder: str, before: StoredGrant) -> None:
    """After a call that certainly spent nothing: the mark is again what it was before."""
    await run(
        tx,
        """update wearbase.connection set refresh_started_at = %s, refresh_holder = null, refresh_until = %s, refresh_attempts = %s
            where user_id = %s and provider = %s and refresh_holder = %s""",
        (before.refresh_started_at, before.refresh_until, before.refresh_attempts, user_id, provider, holder),
    )


async def refuse(tx: Tx, user_id: str, provider: str, *, now: datetime) -> None:
    """Remembers that the provider called the stored grant dead; the outcome of the refresh is known, so its mark goes."""
    await run(
        tx,
        """update wearbase.connection set refused_at = %s, refresh_started_at = null, refresh_holder = null, refresh_until = null,
                  refresh_attempts = 0
            where user_id = %s and provider = %s""",
        (now, user_id, provider),
    )


async def end_refresh_lease(tx: Tx, user_id: str, provider: str, *, holder: str, now: datetime) -> None:
    """After a lost answer: the mark stays, because the outcome is unknown, but others need not wait for us."""
    await run(
        tx,
        "update wearbase.connection set refresh_until = %s where user_id = %s and provider = %s and refresh_holder = %s",
        (now, user_id, provider, holder),
    )


async def claim_keepalive(tx: Tx, providers: Sequence[str], *, most: int, again_at: datetime, now: datetime) -> list[Connection]:
    """The connections whose grants have not been refreshed for longest, if that is due, and none that is being visited.

    Each is due again at `again_at`, unless a new pair is stored.
    """
    return await many(
        tx,
        Connection,
        f"""update wearbase.connection set keepalive_due_at = %(again)s
             where id = any(array(select id from wearbase.connection
                                   where state = 'connected' and keepalive_due_at <= %(now)s and provider = any(%(providers)s)
                                     and refresh_token is not null and (lease_until is null or lease_until <= %(now)s)
                                   order by keepalive_due_at limit %(most)s for update skip locked))
            returning {_CONNECTION}""",
        {"providers": list(providers), "most": most, "again": again_at, "now": now},
    )


async def put_consent(tx: Tx, state_hash: bytes, consent: Consent, *, now: datetime) -> None:
    """Remembers a consent under way and forgets expired ones."""
    await forget_consents(tx, now=now)
    await run(
        tx,
        """insert into wearbase.oauth_state (state_hash, user_id, provider, redirect_uri, redirect_url, browser_hash, started_by,
                  asked_scopes, created_at, expires_at, sealed_grant, consent_version)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            state_hash, consent.user_id, consent.provider, consent.redirect_uri, consent.redirect_url, consent.browser_hash,
            consent.started_by, consent.asked_scopes, now, consent.expires_at,
            consent.sealed_grant, consent.consent_version,
        ),
    )  # fmt: skip


_CONSENT = (
    "user_id, provider, redirect_uri, redirect_url, browser_hash, started_by, asked_scopes, expires_at, sealed_grant, consent_version"
)


async def peek_consent(tx: Tx, state_hash: bytes, *, now: datetime) -> Consent | None:
    """The consent under way, left in place; None if its code is being exchanged."""
    found = await row(
        tx,
        f"""select {_CONSENT} from wearbase.oauth_state
             where state_hash = %s and expires_at > %s and (taken_at is null or sealed_grant is not null)""",
        (state_hash, now),
    )
    return Consent(**found) if found else None


async def take_consent(tx: Tx, state_hash: bytes, *, now: datetime) -> Consent | None:
    """The consent under way, for one alone: whatever happens next, nobody else takes it. One with a grant stays until it is ended."""
    found = await row(
        tx,
        f"""update wearbase.oauth_state set taken_at = %s
             where state_hash = %s and sealed_grant is null and taken_at is null returning {_CONSENT}""",
        (now, state_hash),
    )
    if found is None:
        return await peek_consent(tx, state_hash, now=now)
    return Consent(**found) if found["expires_at"] > now else None


async def keep_grant(tx: Tx, state_hash: bytes, sealed_grant: bytes, *, expires_at: datetime) -> bool:
    """Keeps what the code of a taken consent was exchanged for; false if the consent has gone meanwhile, with its member."""
    sql = "update wearbase.oauth_state set sealed_grant = %s, expires_at = %s where state_hash = %s"
    return bool(await run(tx, sql, (sealed_grant, expires_at, state_hash)))


async def end_consent(tx: Tx, state_hash: bytes) -> bool:
    """Whether the consent was there to be ended."""
    return bool(await run(tx, "delete from wearbase.oauth_state where state_hash = %s", (state_hash,)))


async def forget_consents(tx: Tx, *, now: datetime) -> None:
    """Forgets those that have expired, with what their codes were exchanged for."""
    await run(tx, "delete from wearbase.oauth_state where expires_at < %s", (now,))


async def drop_consents(tx: Tx, user_id: str, provider: str) -> None:
    """Forgets a member's consents that would still be completed by themselves."""
    sql = "delete from wearbase.oauth_state where user_id = %s and provider = %s and sealed_grant is not null"
    await run(tx, sql, (user_id, provider))
