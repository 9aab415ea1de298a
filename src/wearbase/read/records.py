"""Stored records, listed newest first or read by id."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from wearbase.domain.errors import BadRequest, NotFound
from wearbase.domain.windows import Window
from wearbase.store import reading
from wearbase.store.database import Database

LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records in our shape or the provider's, and where the next page begins."""

    records: list[dict[str, Any]]
    next_cursor: str | None


async def page(
    db: Database, user_id: str, provider: str, resource: str, *, window: Window | None, limit: int, cursor: str | None, raw: bool
) -> RecordPage:
    """One page, newest first; the cursor is a place, not an offset, so nothing is skipped or repeated. Raises BadRequest."""
    after = _decoded(cursor) if cursor else None
    async with db.connection() as tx:
        found = await reading.records(tx, user_id, provider, resource, window=window, after=after, limit=limit + 1)
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return RecordPage([r.raw if raw else r.mapped for r in shown], _encoded(last.placed_at, last.external_id) if last else None)


async def one(db: Database, user_id: str, provider: str, resource: str, external_id: str, *, raw: bool) -> dict[str, Any]:
    """One live record. Raises NotFound."""
    async with db.connection() as tx:
        found = await reading.record(tx, user_id, provider, resource, external_id)
    if found is None:
        raise NotFound(f"There is no {resource} with this id.")
    return found.raw if raw else found.mapped


def _encoded(placed_at: datetime | None, external_id: str) -> str:
    place = [placed_at.astimezone(UTC).isoformat() if placed_at else None, external_id]
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[datetime | None, str]:
    try:
        placed_at, external_id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        at = datetime.fromisoformat(placed_at) if placed_at is not None else None
        if not isinstance(external_id, str) or "\x00" in external_id or (at is not None and at.utcoffset() is None):
            raise ValueError
    except (ValueError, TypeError, binascii.Error, UnicodeError) as error:
        raise BadRequest("This cursor was not made here.", field="cursor") from error
    return at, external_id
