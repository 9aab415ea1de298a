"""How a webhook is signed."""

import base64
import hashlib
import hmac


def sign(secret: str, *, timestamp: str, body: bytes) -> str:
    """Base64 of HMAC-SHA256 over the timestamp's text and the raw body, keyed with the client secret."""
    return base64.b64encode(hmac.digest(secret.encode(), timestamp.encode() + body, hashlib.sha256)).decode()


def signed_headers(secret: str, *, timestamp_ms: int, body: bytes) -> dict[str, str]:
    """The headers of one delivery."""
    timestamp = str(timestamp_ms)
    return {
        "Content-Type": "application/json",
        "X-WHOOP-Signature": sign(secret, timestamp=timestamp, body=body),
        "X-WHOOP-Signature-Timestamp": timestamp,
    }
