"""Everything that is stored about a member, some rows at a time; each page takes up after the last row of the one before."""

from dataclasses import asdict
from typing import Any

from wearbase.store.audit.trail import Wanted, page, pseudonym
from wearbase.store.postgres.database import Tx, row, rows, value

AT_ONCE = 200
START = ""  # before every text

# Tokens are left out: they are the provider's, not the member's, and would let whoever finds the archive in.
_CONNECTIONS = """select provider, state, external_user_id, asked_scopes, scopes, utc_offset_min, open_day, looked_at, consented_at,
                         connected_at, ended_at, created_at, updated_at
                    from wearbase.connection where user_id = %s order by provider"""
_RECORDS = """select external_id, group_id, parent_id, dating, start_at, end_at, utc_offset_min, given_day, day, placed_at, revision_at,
                     revision_rank, score_state, is_unsettled, first_stored_at, stored_at, deleted_at, mapped as values, raw
                from wearbase.record
               where user_id = %s and provider = %s and resource = %s and external_id > %s order by external_id limit %s"""
_DAYS = """select day, body from wearbase.day_document where user_id = %s and provider = %s and (%s::date is null or day > %s)
            order by day limit %s"""
_HEALTH = "select day, body from wearbase.health_document where user_id = %s and (%s::date is null or day > %s) order by day limit %s"
_PARKED = """select provider, resource, external_id, reason, parked_at, raw from wearbase.parked_record
              where user_id = %(user)s and (%(after)s::text[] is null or array[provider, resource, external_id] > %(after)s::text[])
              order by array[provider, resource, external_id] limit %(limit)s"""
_DELIVERIES = """select id, provider, event_type, resource, action, external_id, sent_at, received_at, state, reason, settled_at, body
                   from wearbase.delivery where user_id = %s and id > %s order by id limit %s"""
_METRICS = """select metric, day, provider, value from wearbase.metric
               where user_id = %(user)s
                 and (%(metric)s::text is null or (metric, day, provider) > (%(metric)s, %(day)s::date, %(provider)s))
               order by metric, day, provider limit %(limit)s"""
_SESSIONS = """select id, by_key, signed_in_at, seen_at, rotated_at, confirmed_at, expires_at, ended_at from wearbase.member_session
                where user_id = %s order by signed_in_at, id"""
_LINKS = """select made_by, by_key, created_at, expires_at, used_at from wearbase.sign_in_link
             where user_id = %s order by created_at, expires_at"""
_SYNC = "select * from wearbase.sync_state where user_id = %s order by provider, resource"
_CONSENTS = """select provider, version, given_at, given_by, asked_scopes as asked_for, scopes as granted from wearbase.consent
                where user_id = %s order by id"""
_KINDS = "select distinct provider, resource from wearbase.record where user_id = %s order by 1, 2"
_SOURCES = "select distinct provider from wearbase.day_document where user_id = %s order by 1"


async def standing(tx: Tx, user_id: str) -> set[tuple[str, ...]]:
    """What of the member only an erasure takes away: their name in the trail, each source, each kind of record."""
    name = await pseudonym(tx, user_id)
    found = {(source,) for source in await sources(tx, user_id)} | set(await kinds(tx, user_id))
    return found | ({("member", str(name))} if name is not None else set())


async def connections(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    """Every connection, without tokens."""
    return await rows(tx, _CONNECTIONS, (user_id,))


async def kinds(tx: Tx, user_id: str) -> list[tuple[str, str]]:
    """Source and resource of everything there are records of."""
    return [(r["provider"], r["resource"]) for r in await rows(tx, _KINDS, (user_id,))]


async def sources(tx: Tx, user_id: str) -> list[str]:
    """The sources that have day documents."""
    return [r["provider"] for r in await rows(tx, _SOURCES, (user_id,))]


async def metrics(tx: Tx, user_id: str, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Some of the numbers that trends are made of."""
    last = after or {"metric": None, "day": None, "provider": None}
    place = {name: last[name] for name in ("metric", "day", "provider")}
    return await rows(tx, _METRICS, {"user": user_id, **place, "limit": AT_ONCE})


async def consents(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    """What the member agreed to."""
    return await rows(tx, _CONSENTS, (user_id,))


async def signed_in(tx: Tx, user_id: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sessions and sign-in links that are kept, without what would let anybody in."""
    return await rows(tx, _SESSIONS, (user_id,)), await rows(tx, _LINKS, (user_id,))


async def reading(tx: Tx, user_id: str) -> list[dict[str, Any]]:
    """How the reading of each resource stands."""
    return [{name: v for name, v in found.items() if name != "user_id"} for found in await rows(tx, _SYNC, (user_id,))]


async def trail(tx: Tx, user_id: str, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Some lines of the audit trail that are about the member."""
    name = await pseudonym(tx, user_id)
    place = (after["at"], after["id"]) if after else None
    found = await page(tx, Wanted(member=name), after=place, limit=AT_ONCE) if name is not None else []
    return [{name: told for name, told in asdict(entry).items() if name != "number"} for entry in found]


async def preferences(tx: Tx, user_id: str) -> Any:
    """What the member prefers, None if nothing was said."""
    return await value(tx, "select content from wearbase.preference where user_id = %s", (user_id,))


async def records(tx: Tx, user_id: str, kind: tuple[str, str], after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Some records of a kind, deleted ones too."""
    return await rows(tx, _RECORDS, (user_id, *kind, after["external_id"] if after else START, AT_ONCE))


async def days(tx: Tx, user_id: str, provider: str, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Some day documents of a source."""
    last = after["day"] if after else None
    return await rows(tx, _DAYS, (user_id, provider, last, last, AT_ONCE))


async def health(tx: Tx, user_id: str, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Some health documents."""
    last = after["day"] if after else None
    return await rows(tx, _HEALTH, (user_id, last, last, AT_ONCE))


async def parked(tx: Tx, user_id: str, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Some records that could not be understood."""
    last = [after["provider"], after["resource"], after["external_id"]] if after else None
    return await rows(tx, _PARKED, {"user": user_id, "after": last, "limit": AT_ONCE})


async def deliveries(tx: Tx, user_id: str, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Some deliveries of the sources, as they were received."""
    return await rows(tx, _DELIVERIES, (user_id, after["id"] if after else 0, AT_ONCE))


async def counted(tx: Tx, user_id: str) -> tuple[int, int]:
    """How many days and how many live records are stored."""
    found = await row(
        tx,
        """select (select count(distinct day) from wearbase.day_document where user_id = %(user)s) as days,
                  (select count(*) from wearbase.record where user_id = %(user)s and deleted_at is null) as records""",
        {"user": user_id},
    )
    assert found is not None
    return found["days"], found["records"]
