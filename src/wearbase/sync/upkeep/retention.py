"""What is older than a source's days are kept goes: records, documents, metrics and its part of the health documents, some at a time."""

from datetime import UTC, datetime, time, timedelta

import structlog

from wearbase.domain.provider import Provider
from wearbase.store import connections, observations
from wearbase.store.connections import Connection
from wearbase.store.member import aging
from wearbase.store.member.aging import Limit
from wearbase.sync import combine
from wearbase.sync.engine import Engine

log = structlog.get_logger()

RETAIN_EVERY = timedelta(hours=1)
MEMBERS_LOOKED_AT, MOST_MEMBERS = 2_000, 100  # in one run
MOST_DAYS = 60  # of a member in one transaction
UNDATED_FOR = timedelta(days=7)  # a record that nothing has given a day belongs to no document
PLACE = "kept_up_to"  # the name of the observation


async def retain(engine: Engine) -> bool:
    """Takes away what is kept no longer; whether there is more to do now."""
    limited = [p for p in engine.combining.providers if p.keep_days is not None]
    return any([await _of_source(engine, provider) for provider in limited])


async def _of_source(engine: Engine, provider: Provider) -> bool:
    """A part of the members, from where the last run ended; whether there is more."""
    now = engine.clock.now()
    async with engine.db.connection() as tx:
        seen = (await observations.of(tx, provider.name)).get(PLACE)
        after = seen.content.get("user_id", "") if seen else ""
        # Nobody's today is before this one.
        newest = _limit(provider, now - timedelta(hours=12), utc_offset_min=0)
        found = await aging.members(tx, provider.name, newest, after=after, looked_at=MEMBERS_LOOKED_AT, most=MOST_MEMBERS)
    days = 0
    for user_id in found.users:
        days += await _of_member(engine, provider, user_id)
    async with engine.db.transaction() as tx:
        await observations.note(tx, provider.name, PLACE, {"user_id": found.next}, now=now)
    if days:
        log.info("days kept no longer are gone", provider=provider.name, members=len(found.users), days=days)
    return found.next != ""


async def _of_member(engine: Engine, provider: Provider, user_id: str) -> int:
    """How many days went."""
    gone = 0
    while True:
        now = engine.clock.now()
        async with engine.db.transaction() as tx:
            await connections.lock_member(tx, user_id)
            connection = await connections.get(tx, user_id, provider.name)
            if connection is None:
                return gone
            days = await aging.take_away(tx, connection, _limit_of(provider, connection, now), most_days=MOST_DAYS)
            await combine.rebuild(tx, engine.combining, user_id, days, now=now)
        gone += len(days)
        if len(days) < MOST_DAYS:
            return gone


def _limit_of(provider: Provider, connection: Connection, now: datetime) -> Limit:
    return _limit(provider, now, utc_offset_min=connection.utc_offset_min)


def _limit(provider: Provider, now: datetime, *, utc_offset_min: int | None) -> Limit:
    first = provider.first_kept_day(now, utc_offset_min)
    assert first is not None
    return Limit(day=first, at=datetime.combine(first, time.min, tzinfo=UTC), undated_at=now - UNDATED_FOR)
