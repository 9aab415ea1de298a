"""The parameters of a collection: window, page size, cursor."""

import base64
import binascii
from dataclasses import dataclass

import orjson
from starlette.datastructures import QueryParams

from wearbase_sim.clock import parse_ms

DEFAULT_LIMIT, MAX_LIMIT = 10, 25


@dataclass(frozen=True, slots=True)
class Query:
    """What a collection was asked for. Without a start, history is unbounded."""

    start_ms: int | None
    end_ms: int
    limit: int
    offset: int


def parse(params: QueryParams, now_ms: int) -> Query:
    """The query of a request. Raises ValueError where the provider answers 400."""
    start, end, limit, token = (params.get(name, "") for name in ("start", "end", "limit", "nextToken"))
    size = int(limit) if limit else DEFAULT_LIMIT
    if not 1 <= size <= MAX_LIMIT:
        raise ValueError("limit")
    # A plus sign that was not escaped arrives as a space.
    return Query(
        start_ms=parse_ms(start.replace(" ", "+")) if start else None,
        end_ms=parse_ms(end.replace(" ", "+")) if end else now_ms,
        limit=size,
        offset=decode_cursor(token) if token else 0,
    )


def encode_cursor(offset: int) -> str:
    """The cursor of the page that begins at an offset."""
    return base64.b64encode(orjson.dumps({"$": "o@1", "o": offset})).decode()


def decode_cursor(token: str) -> int:
    """The offset behind a cursor. Raises ValueError."""
    try:
        cursor = orjson.loads(base64.b64decode(token.replace(" ", "+"), validate=True))
        offset = cursor["o"]
    except (binascii.Error, orjson.JSONDecodeError, TypeError, KeyError) as error:
        raise ValueError("nextToken") from error
    if type(offset) is not int or offset < 0:
        raise ValueError("nextToken")
    return offset
