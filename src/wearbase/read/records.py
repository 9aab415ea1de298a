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
from wearbase.store.postgres.database import Database

LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records in our shape or the provider's, and where the next page begins."""

    records: list[dict[str, Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which records are asked for; `raw` is the provider's shape."""

    user_id: str
    provider: str
    resource: str
    window: Window | None = None
    limit: int = 50
    cursor: str | None = None
    raw: bool = False


async def page(db: Database, listing: Listing) -> RecordPage:
    """One page, newest first; the cursor is a place, not an offset, so nothing is skipped or repeated. Raises BadRequest."""
    after = place_of(listing.cursor) if listing.cursor else None
    async with db.connection() as tx:
        stretch = reading.Stretch(listing.window, after, listing.limit + 1)
        found = await reading.records(tx, listing.user_id, listing.provider, listing.resource, stretch)
    shown = found[: listing.limit]
    last = shown[-1] if len(found) > listing.limit else None
    cursor = cursor_of(last.placed_at, last.external_id) if last else None
    return RecordPage([_shown(r, raw=listing.raw) for r in shown], cursor)


async def one(db: Database, user_id: str, provider: str, resource: str, external_id: str, *, raw: bool) -> dict[str, Any]:
    """One live record. Raises NotFound."""
    async with db.connection() as tx:
        found = await reading.record(tx, user_id, provider, resource, external_id)
    if found is None:
        raise NotFound(f"There is no {resource} with this id.")
    return _shown(found, raw=raw)


def _shown(record: reading.ReadRecord, *, raw: bool) -> dict[str, Any]:
    """The provider's record as it came, or ours with the member's local day that it belongs to."""
    return record.raw if raw else {**record.mapped, "day": record.day.isoformat() if record.day else None}


def cursor_of(placed_at: datetime | None, external_id: str) -> str:
    """The place of a record, as a text for whoever asks for what comes after it."""
    place = [placed_at.astimezone(UTC).isoformat() if placed_at else None, external_id]
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def place_of(cursor: str, *, field: str = "cursor") -> tuple[datetime | None, str]:
    """The place that a cursor names. Raises BadRequest."""
    try:
        placed_at, external_id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        at = datetime.fromisoformat(placed_at) if placed_at is not None else None
        if not isinstance(external_id, str) or "\x00" in external_id or (at is not None and at.utcoffset() is None):
            raise ValueError
    except (ValueError, TypeError, binascii.Error, UnicodeError) as error:
        raise BadRequest("This cursor was not made here.", field=field) from error
    return at, external_id
