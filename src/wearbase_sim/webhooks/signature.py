"""How a webhook is signed, and how it can be signed wrongly."""

import base64
import hashlib
import hmac

STALE_MS = 3 * 3_600_000


def sign(secret: str, *, timestamp: str, body: bytes) -> str:
    """Base64 of HMAC-SHA256 over the timestamp's text and the raw body, keyed with the client secret."""
    return base64.b64encode(hmac.digest(secret.encode(), timestamp.encode() + body, hashlib.sha256)).decode()


def signed_headers(secret: str, *, timestamp_ms: int, body: bytes, flaw: str = "") -> dict[str, str]:
    """The headers of one delivery; a flaw is a kind of fault, others than those of signatures change nothing."""
    timestamp = str(timestamp_ms - STALE_MS if flaw == "stale_signature" else timestamp_ms)
    return {
        "Content-Type": "application/json",
        "X-WHOOP-Signature": _flawed(secret, timestamp=timestamp, body=body, flaw=flaw),
        "X-WHOOP-Signature-Timestamp": timestamp,
    }


def _flawed(secret: str, *, timestamp: str, body: bytes, flaw: str) -> str:
    right = sign(secret, timestamp=timestamp, body=body)
    match flaw:
        case "wrong_signature":
            return sign(f"not-{secret}", timestamp=timestamp, body=body)
        case "hex_signature":
            return base64.b64decode(right).hex()
        case "dotted_signature":
            return sign(secret, timestamp=f"{timestamp}.", body=body)
        case _:
            return right
