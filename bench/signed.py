"""Deliveries signed as the provider signs them."""

import hmac
import time
from base64 import b64encode
from typing import Any

import orjson

from bench.rig import CLIENT_SECRET


def signed(notice: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Body and headers."""
    body, stamp = orjson.dumps(notice), str(int(time.time() * 1000))
    signature = b64encode(hmac.digest(CLIENT_SECRET.encode(), stamp.encode() + body, "sha256")).decode()
    return body, {"x-whoop-signature": signature, "x-whoop-signature-timestamp": stamp, "content-type": "application/json"}
