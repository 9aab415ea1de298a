"""Packing an answer for whoever takes that: what a phone waits for is what is transferred."""

import gzip
from collections.abc import Sequence

import brotli

PACK_FROM, BROTLI_QUALITY, GZIP_LEVEL = 1_000, 4, 5  # bytes; quick rather than small: it is made anew for each answer


def packed(body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, str | None]:
    """The body as it is sent to a caller with these headers, and how it is packed."""
    if len(body) < PACK_FROM:
        return body, None
    taken = next((value for name, value in headers if name == b"accept-encoding"), b"")
    ways = [
        way.strip() for way, _, quality in (part.partition(b";") for part in taken.split(b",")) if quality.strip() not in (b"q=0", b"q=0.0")
    ]
    if b"br" in ways:
        return brotli.compress(body, mode=brotli.MODE_TEXT, quality=BROTLI_QUALITY), "br"
    if b"gzip" in ways:
        return gzip.compress(body, GZIP_LEVEL, mtime=0), "gzip"
    return body, None


def packing_headers(how: str | None) -> dict[str, str]:
    """What goes with such a body."""
    return {"Vary": "Accept-Encoding", **({"Content-Encoding": how} if how else {})}
