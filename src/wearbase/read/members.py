"""Everybody who is or was connected."""

from wearbase.store import survey
from wearbase.store.postgres.database import Database
from wearbase.store.survey import MemberRow

MOST_MEMBERS = 1_000


async def members(db: Database, *, limit: int = MOST_MEMBERS) -> list[MemberRow]:
    """One line for each connection, by user. Raises DatabaseUnavailable."""
    async with db.connection() as tx:
        return await survey.members(tx, limit=limit)
