"""ETags: whether the caller has the answer already."""

from collections.abc import Sequence


def has_already(headers: Sequence[tuple[bytes, bytes]], etag: bytes) -> bool:
    """Whether If-None-Match names this ETag, by the weak comparison."""
    for name, value in headers:
        if name == b"if-none-match":
            return value == etag or any(part.strip().removeprefix(b"W/") in (etag, b"*") for part in value.split(b","))
    return False
