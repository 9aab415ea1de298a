"""WHOOP deliveries: who signed them and what they say happened (reference/whoop-api.md 6)."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

import orjson

from wearbase.domain.errors import BadSignature, MalformedDelivery, StaleDelivery, UnexpectedPayload
from wearbase.domain.provider import Notice
from wearbase.providers.whoop.schema import Delivery, Named, read

SIGNATURE = "x-whoop-signature"
TIMESTAMP = "x-whoop-signature-timestamp"
OLDEST = timedelta(hours=2)  # a retry an hour later may still carry the first signature
FURTHEST_AHEAD = timedelta(minutes=5)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENTS = {f"{resource}.{action}": (resource, action) for resource in ("recovery", "sleep", "workout") for action in ("updated", "deleted")}


class Webhook:
    """The rules of WHOOP's webhooks."""

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> datetime:
        """When the delivery was signed: base64(HMAC-SHA256(client secret, timestamp text + raw body)).

        Raises: BadSignature, StaleDelivery.
        """
        given, timestamp = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
        expected = b64encode(hmac.digest(secret.encode(), timestamp.encode() + body, "sha256"))
        # As text: one spelling of a signature, so no second base64 form of the same bytes gets through.
        if not secret or not hmac.compare_digest(expected, given.encode()):
            raise BadSignature(provider="whoop")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 14):
            raise BadSignature("The delivery's timestamp is not in milliseconds.", provider="whoop")
        signed_at = EPOCH + timedelta(milliseconds=int(timestamp))
        if not now - OLDEST <= signed_at <= now + FURTHEST_AHEAD:
            raise StaleDelivery(provider="whoop", signed_at=signed_at)
        return signed_at

    def parse(self, body: bytes, headers: Mapping[str, str] | None = None) -> list[Notice]:
        """The one thing a delivery names. Raises MalformedDelivery."""
        try:
            raw = orjson.loads(body)
            delivery = read(Delivery, raw)
            event = EVENTS.get(delivery.type)
            external_id = read(Named, raw).id if event else str(delivery.id or "")
        except (orjson.JSONDecodeError, UnexpectedPayload) as error:
            raise MalformedDelivery.because(error, body, provider="whoop") from None
        resource, action = event or (None, "unknown")
        return [
            Notice(
                external_user_id=str(delivery.user_id),
                event_type=delivery.type,
                resource=resource,
                action=cast(Literal["updated", "deleted", "unknown"], action),
                external_id=external_id,
                trace_id=delivery.trace_id or "",
                is_by_parent=resource == "recovery",
            )
        ]
